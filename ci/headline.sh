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
if ((!${#check[@]})); then rm -f "$figures"/*.svg; fi
"$bench" report "$record"/*/ --splice "$readme" --splice "$findings" --figures "$figures" "${check[@]}"
for figure in "$figures"/*.svg; do
    if [[ -e $figure ]] && ! grep -qF "(<docs/figures/${figure##*/}>)" "$readme"; then
        echo "headline: $readme does not show $figure: remove it" >&2
        exit 1
    fi
done
echo "headline: $readme and $findings are of $record"
