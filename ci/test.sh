#!/usr/bin/env bash
# Every test, the documentation's examples included.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo test --workspace
