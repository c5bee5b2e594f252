#!/usr/bin/env bash
# Makes the headline of README.md, its tables and its picture in docs/figures, and the tables of docs/FINDINGS.md, of the
# newest record in reports/record; with --check says whether they are what that record gives, and measures and changes nothing.
# Usage: ci/headline.sh [--check] [RECORD [README [FINDINGS]]]
#
# Which cells are shown stands in the files themselves, in their markers. BENCH names a program that is built already; any
# build gives the same.
set -euo pipefail
cd "$(dirname "$0")/.."

check=()
if [[ ${1:-} == --check ]]; then check=(--check) && shift; fi
if [[ ${1:-} == -* ]]; then sed -n '2,7p' "$0" >&2 && exit 2; fi
newest() {
    local record last=
    for record in reports/record/*/README.md; do
        if [[ -e $record ]]; then last=${record%/README.md}; fi
    done
    echo "$last"
}
record=${1:-$(newest)} readme=${2:-README.md} findings=${3:-docs/FINDINGS.md}
if [[ -z $record ]]; then
    echo "headline: SKIPPED, there is no record in reports/record (ci/record.sh makes one)"
    exit
fi
bench=${BENCH:-}
if [[ -z $bench ]]; then
    cargo build --bin swiotlb-bench
    bench="${CARGO_TARGET_DIR:-target}/debug/swiotlb-bench"
fi
figures="$(dirname "$readme")/docs/figures"
"$bench" report "$record"/*/ --splice "$readme" --splice "$findings" --figures "$figures" "${check[@]}"
# A picture that neither file shows any more goes.
for figure in "$figures"/*.svg; do
    if [[ ! -e $figure ]] || grep -qF "figures/${figure##*/}>)" "$readme" "$findings"; then continue; fi
    if ((${#check[@]})); then
        echo "headline: neither $readme nor $findings shows $figure: run ci/headline.sh" >&2
        exit 1
    fi
    rm "$figure"
done
echo "headline: $readme and $findings are of $record"
