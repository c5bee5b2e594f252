#!/usr/bin/env bash
# Usage: ci/unsafe.sh [--write]
# Counts what is unsafe, and says whether the counts in the table of docs/INVARIANTS.md are true; with --write writes them
# there. Each row names folders or files; tests are counted in rows that begin with "tests". What no row names is a failure,
# and so is what two name.
set -euo pipefail
cd "$(dirname "$0")/.."

table=docs/INVARIANTS.md
counts=$(mktemp) new=$(mktemp)
trap 'rm -f "$counts" "$new"' EXIT

# FILE PART KIND, one line for each. A pointer to a function is a type and no function; an `extern` block imports some.
git ls-files '*.rs' ':!ci' | xargs awk '
    FNR == 1 { part = FILENAME ~ /(^|\/)(tests|benches|model)\// || FILENAME ~ /tests\.rs$/ ? "tests" : "code" }
    /^mod tests \{/ { part = "tests" }
    /^[ \t]*\/\// { next }
    {
        line = $0
        while (match(line, /unsafe( extern "C")? (\{|fn [a-z_]|impl|trait)/)) {
            found = substr(line, RSTART, RLENGTH)
            kind = found ~ /fn / ? "fns" : found ~ /impl/ ? "impls" : found ~ /trait/ ? "traits" : "blocks"
            print FILENAME, part, kind
            line = substr(line, RSTART + RLENGTH)
        }
    }' >"$counts"

awk -F '|' -v OFS='|' '
    NR == FNR { split($0, is, " "); files[is[1] " " is[2]]; seen[is[1], is[2], is[3]]++; next }
    /^\| where \| blocks / { inside = 1 }
    inside && !/^\|/ { inside = 0 }
    !inside || $2 !~ /`|all/ { print; next }
    {
        part = $2 ~ /^ tests/ ? "tests" : "code"
        split("blocks fns impls traits", kinds, " ")
        for (k = 1; k <= 4; k++) sum[k] = $2 ~ /^ all/ ? total[k] : 0
        paths = split($2, path, "`")
        for (file in files) {
            split(file, is, " ")
            for (p = 2; p <= paths; p += 2)
                if (is[2] == part && index(is[1], path[p]) == 1) {
                    rows[file]++
                    for (k = 1; k <= 4; k++) sum[k] += seen[is[1], part, kinds[k]]
                }
        }
        for (k = 1; k <= 4; k++) { $(k + 2) = " " sum[k] + 0 " "; total[k] += sum[k] }
        print
    }
    END {
        for (file in files)
            if (rows[file] != 1) {
                print "ci/unsafe.sh: " file " is in " rows[file] + 0 " rows of the table" >"/dev/stderr"
                bad = 1
            }
        exit bad
    }' "$counts" "$table" >"$new"

if [[ ${1:-} == --write ]]; then
    cat "$new" >"$table"
elif ! diff "$table" "$new" >&2; then
    echo "ci/unsafe.sh: $table counts what was unsafe once: run ci/unsafe.sh --write" >&2
    exit 1
fi
echo "unsafe: $(wc -l <"$counts") in $(cut -d ' ' -f 1 "$counts" | sort -u | wc -l) files"
