#!/usr/bin/env bash
# Usage: ci/placement.sh PROGRAM FOLDER
# Replays every trace in FOLDER that records masks (JSON Lines, probe events) with --check, and shows the placement lines. What
# the recordings themselves cannot reproduce serially is a few maps; more than 1 in 100 is a failure.
set -euo pipefail
program=$1
folder=$2

for trace in "$folder"/*.jsonl.gz "$folder"/*.trace.txt.gz; do
    [[ -e $trace ]] || continue
    line=$("$program" replay --check "$trace" | grep '^placement: ')
    echo "${trace##*/}: $line"
    read -r _ same _ all _ <<<"${line//,/}"
    if ((100 * (all - same) > all)); then
        echo "ci/placement.sh: $trace: too many maps were placed elsewhere than recorded" >&2
        exit 1
    fi
done
