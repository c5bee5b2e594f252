#!/usr/bin/env bash
# Licences, sources and duplicates of all dependencies, and known faults of them, by cargo-deny and deny.toml. Where
# cargo-deny is not installed, nothing is checked and that is said; where RustSec's database cannot be fetched, the same of
# the faults.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo deny --version >/dev/null 2>&1; then
    echo "deny: SKIPPED, cargo-deny is not installed (cargo install cargo-deny --version 0.20.2 --locked)"
    exit 0
fi
cargo deny --locked check licenses bans sources
# The fuzz targets' workspace has a lock file of its own.
cargo deny --locked --manifest-path fuzz/Cargo.toml --config deny.toml check licenses bans sources
said=$(mktemp)
trap 'rm -f "$said"' EXIT
if cargo deny --locked check advisories 2>"$said"; then
    echo "deny: advisories looked up"
elif grep -qE 'failed to fetch|Could not resolve|failed to (open|acquire) advisory' "$said"; then
    echo "deny: advisories NOT looked up: RustSec's database cannot be fetched here"
else
    cat "$said" >&2
    exit 1
fi
