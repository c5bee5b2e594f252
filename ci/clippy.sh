#!/usr/bin/env bash
# No lint of [workspace.lints] is broken, in any target.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo clippy --workspace --all-targets -- -D warnings
