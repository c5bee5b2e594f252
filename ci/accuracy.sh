#!/usr/bin/env bash
# How often verdicts are wrong on this machine, and how small a change they find: the table "How often verdicts are
# wrong" of docs/FINDINGS.md.
#
#   ci/accuracy.sh PROGRAM FOLDER [PART...]      # parts: null power builds unseen padding criterion gate; all of them
#
# About two hours on two cores; `taskset -c N` before it leaves the others to something else. Each part keeps its records
# in FOLDER/PART, and a part that was cut goes on. What it learns is kept for the machine in FOLDER/state, so that
# nothing else is changed by it.
set -euo pipefail
program=$(realpath "$1")
mkdir -p "$2"
folder=$(realpath "$2")
shift 2
parts=("$@")
[ $# -gt 0 ] || parts=(null power builds unseen padding criterion gate)
cd "$(dirname "$0")/.."
exec </dev/null

# Two families of ten cells on one thread, as a gate has them.
slots=(slot-search --filter 'policy=kernel,state=empty|taken-90|fragmented-90,slots=1|2|32|128')
pools=(find-pool --filter 'policy=kernel,pools=1|4|16|64|256,position=tail|miss')
comparisons=${COMPARISONS:-150}
repeats=${REPEATS:-10}

calibrate() { # name state arguments...
    local name="$1" resume=()
    export XDG_STATE_HOME="$folder/$2"
    shift 2
    [ -e "$folder/$name" ] && resume=(--resume)
    "$program" calibrate "$@" --gate --floor 1.5% --out "$folder/$name" "${resume[@]}"
}

null() {
    calibrate null-slots state "${slots[@]}" --comparisons "$comparisons"
    calibrate null-pools state "${pools[@]}" --comparisons "$comparisons"
}

power() {
    calibrate power-slots power "${slots[@]}" --comparisons 30 --inject 3%
    calibrate power-pools power "${pools[@]}" --comparisons 30 --inject 3%
}

builds() {
    calibrate builds builds-state "${slots[@]}" --policy rev:HEAD --builds 24 --comparisons 50 --cache "$folder/programs"
}

# Compares A with B so often, and counts what was said of each cell.
compared() { # folder A B suite arguments...
    local place="$folder/$1" a="$2" b="$3" suite="$4" number
    shift 4
    mkdir -p "$place"
    for number in $(seq "$repeats"); do
        [ -e "$place/$number.md" ] && continue
        rm -rf "${place:?}/$number"
        # What is told, and not the exit code, is what is counted.
        "$program" ab "$a" "$b" "$suite" "$@" --seed "$number" --no-calibration --out "$place/$number" \
            --markdown "$place/$number.md" >/dev/null 2>"$place/errors" || [ $? -eq 3 ] || { cat "$place/errors"; exit 1; }
    done
    echo "$b against $a in $suite $*, $repeats comparisons; medians of all, in order:"
    cat "$place"/*.md | awk -F' *[|] *' '/improved|regressed|equivalent|not enough data/ {
        said[$5]++; split($4, change, " "); print change[1] | "sort -g | tr \"\\n\" \" \""
    } END { close("sort -g | tr \"\\n\" \" \""); print ""; for (word in said) print "  " word ": " said[word] }'
}

unseen() {
    # A full fence more at every unmap, and descriptors of 40 bytes: no step is counted more.
    compared fence kernel publish-twice slot-search --filter 'state=empty,slots=2'
    compared wide kernel slots-wide slot-search --filter 'state=empty' --set slots=8
    compared wide-128 kernel slots-wide slot-search --filter 'state=taken-90,slots=128'
    # Where they do not act: a lookup publishes nothing and reads no descriptor. The floor is that of a gate.
    compared no-fence kernel publish-twice find-pool --filter 'pools=16,position=tail' --floor 1.5%
    compared no-wide kernel slots-wide find-pool --filter 'pools=16,position=tail' --floor 1.5%
}

padding() {
    # Areas that share a cache line, at two threads, and at one, where nothing is shared.
    compared unpadded layout-padded kernel two-threads --filter 'copy=off,threads=2,nareas=2'
    compared unpadded-one layout-padded kernel two-threads --filter 'copy=off,threads=1,nareas=1' --floor 1.5%
    compared unpadded-fast fast-padded fast two-threads --filter 'copy=off,threads=2,nareas=2'
}

criterion() {
    local bench number
    export CRITERION_HOME="$folder/criterion"
    for bench in slot_search find_pool; do
        cargo bench --bench "$bench" -- kernel --save-baseline before >/dev/null 2>&1
        for number in $(seq "$repeats"); do
            cargo bench --bench "$bench" -- kernel --baseline before 2>/dev/null
        done
    done >"$folder/criterion.txt"
    grep -Eo 'Performance has (regressed|improved)|No change in performance detected|Change within noise threshold' \
        "$folder/criterion.txt" | sort | uniq -c
}

gate() {
    export XDG_STATE_HOME="$folder/state"
    local begun=$SECONDS
    "$program" gate bench-suite/gates/nightly.toml --out "$folder/gate" || true
    echo "the gate took $((SECONDS - begun)) s"
}

for part in "${parts[@]}"; do
    echo "== $part, $(date -u +%FT%TZ)"
    "$part"
done
