#!/usr/bin/env bash
# Usage: ci/loom.sh [--long]
# Explores the models of swiotlb-core's concurrent structures (swiotlb-core/src/model) and shows what each
# covered. Every model states its bound on preemptions: "all", or a number, to which --long adds one.
# Under loom constants are tiny: 4 nodes of a queued lock, 2 pages a directory and 2 directories, 4 entries of a hash,
# one counter of readers, 2 counts a stride; each model says how many threads, slots and pools it has. On 2 vCPU of an AMD
# EPYC guest (2026-11-27) its 144 models and twins, 35,137 interleavings, take 3 s after a build of one or two minutes;
# with --long 134,870 take 10 s. Each line ends with the seconds of its own.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ ${1:-} == --long ]]; then
    export LOOM_LONG=1
fi
# A folder of its own: with other flags, cargo would build everything anew in the usual one.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/loom"
export RUSTFLAGS="--cfg loom -D warnings"

output=$(mktemp)
trap 'rm -f "$output"' EXIT
began=$SECONDS
# Only the models: every other test uses the structures outside of a model, where loom's types cannot be used.
if ! cargo test --package swiotlb-core --lib -- model:: --show-output >"$output"; then
    cat "$output"
    exit 1
fi
grep '^model ' "$output" | sort
grep '^test result' "$output"
if ! grep -q '^model ' "$output"; then
    echo "ci/loom.sh: no model was explored" >&2
    exit 1
fi
explored=$(awk '/^model / { for (i = 2; i <= NF; i++) if ($i == "interleavings,") sum += $(i - 1) } END { print sum }' "$output")
echo "models: $(grep -c '^model .*: holds' "$output") hold, $(grep -c '^model .*: fails' "$output") twins fail," \
    "$explored interleavings, $((SECONDS - began)) s with the build"
