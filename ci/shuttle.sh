#!/usr/bin/env bash
# Usage: ci/shuttle.sh [SCHEDULES [SEED]]
# Runs whole allocators under SCHEDULES schedules of each kind, at random and by PCT with two preemptions
# (swiotlb-core/tests/schedules.rs), and shows how many each scenario passed and at which one each fault was found.
# Without SEED the schedules are the same at every run.
# With 20 schedules it takes about 10 s on two cores, after a build of about one and a half minutes.
#
# A failure prints its schedule; SCHEDULES_OF=NAME SCHEDULE=TEXT with the name of the scenario runs that one again.
set -euo pipefail
cd "$(dirname "$0")/.."

export SCHEDULES="${1:-20}" SCHEDULES_SEED="${2:-1}"
# A folder of its own: with other flags, cargo would build everything anew in the usual one.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/shuttle"
export RUSTFLAGS="--cfg shuttle -D warnings"
# Memory that was given back is overwritten by the C library, so that a schedule that reads it fails.
export MALLOC_PERTURB_=165

output=$(mktemp)
trap 'rm -f "$output"' EXIT
cargo test --package swiotlb-core --test schedules --no-run
began=$SECONDS
if ! cargo test --package swiotlb-core --test schedules -- --show-output >"$output"; then
    cat "$output"
    exit 1
fi
grep '^schedules ' "$output" | sort
grep '^test result' "$output"
if ! grep -q '^schedules .*: holds' "$output"; then
    echo "ci/shuttle.sh: no schedule was run" >&2
    exit 1
fi
passed=$(awk '/^schedules .*: holds/ { for (i = 1; i < NF; i++) if ($(i + 1) == "schedules,") sum += $i } END { print sum }' "$output")
echo "schedules: $passed passed in $(grep -c '^schedules .*: holds' "$output") scenarios, $(grep -c '^schedules .*: fails' "$output") faults found, $((SECONDS - began)) s"
