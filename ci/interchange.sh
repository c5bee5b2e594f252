#!/usr/bin/env bash
# Usage: ci/interchange.sh [PROGRAM]
# Exports two small runs in every form and hands each form to the program that it is made for, where that is
# installed: critcmp, benchstat, HdrHistogram's Python port (the module hdrh), and Python for JSON and CSV. Reads
# criterion's own results back, where `cargo bench` has left some. Says what it skipped; takes about 20 s.
set -euo pipefail
cd "$(dirname "$0")/.."

target="${CARGO_TARGET_DIR:-target}"
program="${1:-}"
if [[ -z $program ]]; then
    cargo build --bin swiotlb-bench
    program="$target/debug/swiotlb-bench"
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
skipped=0

skip() {
    echo "skipped: $1 is not installed, so $2 was not read by it"
    skipped=$((skipped + 1))
}
fail() {
    echo "ci/interchange.sh: $1" >&2
    exit 1
}
# Whether a file holds a text, which is shown where it does not.
holds() {
    grep -qF -- "$2" "$1" || { cat "$1"; fail "\`$2\` is missing above"; }
}
python() {
    python3 - "$@"
}

cat >"$folder/small.toml" <<'SUITE'
name = "small"
title = "Two cells that take next to nothing"
analysis = "For the forms, not for the numbers."
scenario = "dummy"
[parameters]
operations = 20000
[axes]
service = ["1us", "2us"]
SUITE
for run in old later; do
    "$program" measure "$folder/small.toml" --launches 3 --no-control --out "$folder/$run" >"$folder/tables" ||
        { cat "$folder/tables"; fail "the run failed"; }
done
export_to() {
    "$program" export "$folder/old" "$folder/later" --format "$1" --out "$folder/$2" >"$folder/said"
}
for form in csv go hlog bencher github-smaller github-bigger; do
    export_to "$form" "runs.$form"
done
export_to criterion criterion
export_to hgrm hgrm

echo "== critcmp"
if command -v critcmp >/dev/null; then
    critcmp --target-dir "$folder" old later | tee "$folder/critcmp"
    holds "$folder/critcmp" "small/"
else
    skip critcmp "criterion's layout"
fi

echo "== benchstat"
if command -v benchstat >/dev/null; then
    benchstat -col /run "$folder/runs.go" >"$folder/benchstat" 2>&1
    head -20 "$folder/benchstat"
    holds "$folder/benchstat" "Small/"
else
    skip benchstat "Go benchmark text"
fi

echo "== HdrHistogram"
if python3 -c 'import hdrh' 2>/dev/null; then
    python "$folder/runs.hlog" "$folder"/hgrm/*/*.hgrm <<'CODE'
import re, sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

reader = HistogramLogReader(sys.argv[1], HdrHistogram(1, 60_000_000_000, 3))
intervals, total, most = 0, {}, {}
while (histogram := reader.get_next_interval_histogram()) is not None:
    intervals += 1
    tag = histogram.get_tag()
    total[tag] = total.get(tag, 0) + histogram.get_total_count()
    most[tag] = max(most.get(tag, 0), histogram.get_max_value())
assert intervals and all(total.values()), intervals
texts = [open(path).read() for path in sys.argv[2:]]
of = lambda text: (int(re.search(r"Total count    = +(\d+)", text)[1]), int(re.search(r"Max     = +(\d+)", text)[1]))
assert sorted(of(text) for text in texts) == sorted((total[tag], most[tag]) for tag in total)
print(intervals, "intervals of", len(total), "tags; samples and maxima are those of the percentile texts")
CODE
else
    skip "Python's hdrh" "the interval log"
fi

echo "== JSON and CSV"
if command -v python3 >/dev/null; then
    python "$folder/runs.bencher" "$folder/runs.github-smaller" "$folder/runs.github-bigger" "$folder/runs.csv" <<'CODE'
import csv, json, statistics, sys

number = lambda x: isinstance(x, (int, float)) and not isinstance(x, bool)
benchmarks = json.load(open(sys.argv[1]))  # as https://bencher.dev/bmf.json has it
for measures in benchmarks.values():
    for metric in measures.values():
        assert number(metric["value"]) and set(metric) <= {"value", "lower_value", "upper_value"}
        assert all(map(number, metric.values()))
for path in sys.argv[2:4]:
    for result in json.load(open(path)):  # BenchmarkResult of the action
        assert isinstance(result["name"], str) and isinstance(result["unit"], str) and number(result["value"])
        assert set(result) <= {"name", "unit", "value", "range", "extra"}
rows = list(csv.DictReader(open(sys.argv[4], newline="")))
assert rows and all(row.keys() == rows[0].keys() and None not in row for row in rows)
values = {(row["run"], row["cell"]): [] for row in rows}
for row in rows:
    if row["metric"] == "ns_per_op":
        values[row["run"], row["cell"]].append(float(row["value"]))
for (run, cell), launches in values.items():
    said = benchmarks[f"{cell},run={run}"]["latency"]["value"]
    assert said == statistics.median(launches), (run, cell, said, launches)
print(len(benchmarks), "benchmarks,", len(rows), "rows; the medians are the same")
CODE
else
    skip python3 "JSON and CSV"
fi

echo "== import of what was exported"
for run in old later; do
    "$program" import criterion "$folder/criterion" --baseline "$run" --out "$folder/back-$run"
done
"$program" cmp "$folder/back-old" "$folder/back-later" >"$folder/cmp"
holds "$folder/cmp" "small/"

echo "== import of criterion's own results"
if [[ -n $(find "$target/criterion" -path '*/new/benchmark.json' -print -quit 2>/dev/null) ]]; then
    "$program" import criterion "$target/criterion" --out "$folder/own"
else
    echo "skipped: cargo bench has left no results in $target/criterion"
    skipped=$((skipped + 1))
fi
echo "interchange: $skipped checks skipped"
