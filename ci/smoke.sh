#!/usr/bin/env bash
# The program does its work on the bundled data, and every benchmark runs once.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --bin swiotlb-bench
bench="${CARGO_TARGET_DIR:-target}/debug/swiotlb-bench"

"$bench" verify workloads/data/golden
ci/placement.sh "$bench" workloads/data/traces
cargo test --package bench-suite --benches
