#!/usr/bin/env bash
# The program does its work on the bundled data, every suite runs once under the kernel's policy, a record is made and
# a headline of it, README.md's headline and FINDINGS.md's tables are those of their record, and every benchmark runs once.
set -euo pipefail
cd "$(dirname "$0")/.."

# With all that tests want, as the other checks build: other features of a crate would be another build of everything.
cargo test --workspace --no-run
bench="${CARGO_TARGET_DIR:-target}/debug/swiotlb-bench"

"$bench" verify --policy kernel workloads/data/golden  # the tests take every policy
ci/placement.sh "$bench" workloads/data/traces

# One launch of each cell says nothing about speed; what fails here is a cell that does not run.
records=$(mktemp -d)
trap 'rm -rf "$records"' EXIT
suites=(bench-suite/suites/*.toml)
suites=("${suites[@]##*/}")
"$bench" measure "${suites[@]%.toml}" --quick --launches 1 --filter 'policy=kernel|none' --out "$records/run" \
    >"$records/tables" || { cat "$records/tables"; exit 1; }
echo "suites: ${#suites[@]} ran, $(wc -l <"$records/run/runs.jsonl") cells"

echo 'part dummy dummy --quick --launches 1 --no-control' >"$records/parts"
printf '%s\n' '<!-- swiotlb-bench:begin dummy by service -->' '<!-- swiotlb-bench:end dummy -->' |
    tee "$records/README.md" >"$records/FINDINGS.md"
BENCH=$bench ci/record.sh --parts "$records/parts" "$records/record"
BENCH=$bench ci/headline.sh "$records/record" "$records"/{README,FINDINGS}.md >"$records/headline"
BENCH=$bench ci/headline.sh --check "$records/record" "$records"/{README,FINDINGS}.md
BENCH=$bench ci/headline.sh --check

cargo test --workspace --benches
