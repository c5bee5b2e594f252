#!/usr/bin/env bash
# What takes longer than a change should wait for. With SWIOTLB_SHARED set to a folder that has golden/ and
# traces/, all of those are checked; without it, the bundled ones. valgrind is used if it is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

data="${SWIOTLB_SHARED:-workloads/data}"
cargo build --profile ci --bin swiotlb-bench
bench="${CARGO_TARGET_DIR:-target}/ci/swiotlb-bench"

echo "== hot paths"
ci/hot_paths.sh "$bench" ci/hot_paths.census

echo "== golden vectors, every policy"
"$bench" verify "$data/golden"

echo "== placement, every trace that has masks"
ci/placement.sh "$bench" "$data/traces"

echo "== the same within 8 GiB of address space"
(
    ulimit -v 8388608
    "$bench" verify --policy kernel "$data/golden"
    ci/placement.sh "$bench" workloads/data/traces
)

if command -v valgrind >/dev/null; then
    echo "== under callgrind"
    out=$(mktemp)
    trap 'rm -f "$out"' EXIT
    valgrind --quiet --tool=callgrind --callgrind-out-file="$out" "$bench" verify --policy kernel workloads/data/golden/tiny
    valgrind --quiet --tool=callgrind --callgrind-out-file="$out" "$bench" replay workloads/data/traces/boot_probe.jsonl.gz
else
    echo "== valgrind is not installed: nothing was run under callgrind"
fi

echo "== the oracle, other cases every night"
PROPTEST_CASES=3000 cargo test -p bench-suite --test oracle

echo "== soak"
"$bench" soak 1_000_000_000 --seed "$(date +%Y%m%d)"
"$bench" soak 10_000_000 --policy all --seed "$(date +%Y%m%d)"

echo "== models"
ci/loom.sh --long

echo "== the bug museum: every fault put back, every row's test red"
ci/museum.sh

if command -v cargo-fuzz >/dev/null && cargo +nightly --version >/dev/null 2>&1; then
    echo "== fuzz targets, half a minute each"
    ci/fuzz.sh 30
else
    echo "== cargo-fuzz or a nightly toolchain is not installed: nothing was fuzzed"
fi

echo "== benchmarks"
cargo bench --workspace

echo "== interchange, with the readers that are installed"
ci/interchange.sh "$bench"

echo "== a report in a real browser, if one is installed"
ci/browser.sh

echo "== schedules, other ones each night"
ci/shuttle.sh 200 "$(date -u +%Y%m%d)"

echo "== data races"
ci/tsan.sh

echo "== dependencies"
ci/deny.sh
