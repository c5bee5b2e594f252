#!/usr/bin/env bash
# Usage: ci/hot_paths.sh [PROGRAM [CENSUS]]
# No measured loop holds an indirect call, an allocation, a clock reading or a system call that is not the thing
# being measured. The program says where its loops lie; they are disassembled, and every call that can be resolved
# is followed, except to what ci/hot_paths/cold.tsv gives a reason for. First the check itself is checked, on loops
# that are bad. With CENSUS, changes of the other counts are shown, and a loop of it that is gone is a failure.
# Needs objdump, awk and x86-64; without them it says what it left out. Takes about 10 s.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ $(uname -m) != x86_64 ]] || ! command -v objdump >/dev/null; then
    echo "ci/hot_paths.sh: skipped: it reads the instructions of x86-64 with objdump; no loop was looked at"
    exit 0
fi
program="${1:-}"
if [[ -z $program ]]; then
    # As the other checks build, so that nothing is built twice.
    cargo test --workspace --no-run
    program="${CARGO_TARGET_DIR:-target}/debug/swiotlb-bench"
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Walks from the loops in FOLDER/loops through the program; the anchor is the function that they are counted from.
walk() {
    objdump -R "$1" >"$folder/relocations"
    objdump -d --no-show-raw-insn -C "$1" >"$folder/code"
    awk -v anchor="$2" -v counts="$folder/counts" -f ci/hot_paths/walk.awk \
        part=cold ci/hot_paths/cold.tsv part=loops "$folder/loops" part=relocations "$folder/relocations" part=code "$folder/code"
}

for level in 1 3; do
    rustc --edition 2024 --crate-name bad -C "opt-level=$level" -o "$folder/bad" ci/hot_paths/bad.rs
    "$folder/bad" >"$folder/loops"
    if walk "$folder/bad" bad::clean >"$folder/said" 2>"$folder/notes"; then
        echo "ci/hot_paths.sh: the bad loops passed" >&2
        exit 1
    fi
    cut -d ' ' -f 2-6 "$folder/counts" | sed 's/=[1-9][0-9]*/=some/g' >"$folder/verdicts"
    for line in 'clean indirect=0 alloc=0 clock=0 system=0' 'indirect indirect=some alloc=0 clock=0 system=0' \
        'alloc .*alloc=some' 'clock .*clock=some' 'system .*system=some' 'far .*alloc=some'; do
        if ! grep -q "^$line" "$folder/verdicts"; then
            cat "$folder/said" "$folder/verdicts"
            echo "ci/hot_paths.sh: of the bad loops, one is not judged as \`$line\`" >&2
            exit 1
        fi
    done
    # What is not found is no loop without faults.
    grep clean "$folder/loops" >"$folder/clean"
    for other in 'bad::gone p' 'bad::clean s/^0/1/p' 'bad::clean /absent/p'; do
        read -r anchor edit <<<"$other"
        sed -n "$edit" "$folder/clean" >"$folder/loops"
        if walk "$folder/bad" "$anchor" >"$folder/said" 2>"$folder/notes"; then
            echo "ci/hot_paths.sh: a loop that is not there passed" >&2
            exit 1
        fi
    done
    cp "$folder/clean" "$folder/loops"
    walk "$folder/bad" bad::clean 2>"$folder/notes"
done

"$program" hot >"$folder/loops"
code=0
walk "$program" bench_suite::hot::loops >"$folder/said" || code=$?
cat "$folder/said"
# What is sure to be met on the way, or the walk does not get far.
for line in 'slot-search .* locked-rmw=[1-9]' 'fallback .* alloc=[1-9]' 'closed .* locked-rmw=[1-9]'; do
    if ! grep -q "^kernel $line" "$folder/counts"; then
        echo "ci/hot_paths.sh: the walk met nothing of \`$line\`" >&2
        code=1
    fi
done
if [[ -n ${2:-} ]]; then
    # The compiler has its way with the counts: only what must be 0 is held to.
    grep -E "^(kernel|fast) " "$folder/counts" | sed -E 's/ (functions|instructions)=[0-9]+//g' >"$folder/census"
    if [[ $2 == new ]]; then
        cp "$folder/census" ci/hot_paths.census
    elif ! diff -u "$2" "$folder/census"; then
        echo "the census has changed, which is no failure; \`ci/hot_paths.sh PROGRAM new\` writes it again"
    fi
    while read -r policy loop _; do
        if ! grep -q "^$policy $loop " "$folder/census"; then
            echo "ci/hot_paths.sh: $policy has no loop $loop any more" >&2
            code=1
        fi
    done <ci/hot_paths.census
fi
if ((code != 0)); then
    echo "ci/hot_paths.sh: what is listed above is in a measured loop, or a loop was not found" >&2
    exit 1
fi
echo "hot paths: $(wc -l <"$folder/loops") loops of $(cut -d ' ' -f 2 "$folder/loops" | sort -u | wc -l) policies"
