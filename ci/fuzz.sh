#!/usr/bin/env bash
# Usage: ci/fuzz.sh [SECONDS] [TARGET...]
# Fuzzes each target in fuzz/targets, or those that are named, for so many seconds (20), one after the other. Needs
# cargo-fuzz, a nightly toolchain and a C++ compiler; the address sanitizer is used, or none with FUZZ_SANITIZER=none.
# Seeds are made of bundled data, beside those in fuzz/seeds: what failed once stays there. What a run adds is kept in
# fuzz/corpus, which git ignores; what fails goes to fuzz/artifacts, and `cargo +nightly fuzz run TARGET FILE` runs it again.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

seconds=${1:-20}
shift || true
targets=("$@")
((${#targets[@]} > 0)) || targets=(trace vectors verify suite records plan oracle)
sanitizer=${FUZZ_SANITIZER:-address}

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

# Lines of a file that is compressed, those that fit in so many bytes.
lines() {
    zcat "$1" | awk -v most="${2:-1500}" '{ size += length($0) + 1 } size <= most'
}

of_traces() {
    local traces=workloads/data/traces to=$made/trace
    lines $traces/boot_probe.jsonl.gz >"$to/calls"
    zcat $traces/dyn_growth.jsonl.gz | awk '/pool_(add|del)/ && n++ < 6' >"$to/pools"
    # Probe events; the kernel's own from the same text, lists among them; and as a report prints them.
    zcat $traces/boot_probe.trace.txt.gz | awk '/^#|map_entry:|map_ret:|: unmap:|sync_|mark_write/ && n++ < 12' >"$to/probes"
    zcat $traces/boot_probe.trace.txt.gz | awk '/map_sg:|bounced:/ && n++ < 12' >"$to/lists"
    lines $traces/static_vblk.tracecmd-report.txt.gz >"$to/report"
    gzip -9n <"$to/calls" >"$to/packed"
}

of_vectors() {
    local file
    for file in workloads/data/golden/tiny/*.gz bench-suite/tests/oracle_regressions/*; do
        file_of "$file" >"$1/$(basename "$file" .jsonl.gz)"
    done
}

# A file, compressed or not.
file_of() {
    if [[ $1 == *.gz ]]; then lines "$1" 3000; else cat "$1"; fi
}

of_records() {
    local runs n=0
    for runs in reports/record/*/*/runs.jsonl.gz; do
        n=$((n + 1))
        lines "$runs" 3500 >"$made/records/runs-$n"
        # Records with histograms, the short ones.
        zcat "$runs" | awk '/hdr_v2/ && length($0) < 5000 && n++ < 2' >"$made/records/timed-$n"
    done
}

# Bytes of all sorts.
of_cases() {
    local file
    for file in workloads/data/golden/random/*.gz; do
        head -c 400 "$file" >"$made/oracle/$(basename "$file")"
    done
}

# What failed once, and what is made.
seeds_of() {
    mkdir -p "$made/$1" "fuzz/corpus/$1"
    cp "fuzz/seeds/$1"/* "$made/$1/" 2>/dev/null || true
    case $1 in
    trace) of_traces ;;
    vectors | verify) of_vectors "$made/$1" ;;
    suite) cp bench-suite/suites/*.toml bench-suite/gates/*.toml "$made/suite/" ;;
    records) of_records ;;
    oracle) of_cases ;;
    esac
}

# Words of the seeds, so that a name is tried as a whole.
dictionary_of() {
    cat "$made/$1"/* | grep -aoE '[A-Za-z_][A-Za-z0-9_-]{2,30}' | sort | uniq -c | sort -rn |
        awk 'NR <= 250 { print "\"" $2 "\"" }' >"$made/$1.dict"
}

echo "building, with the $sanitizer sanitizer"
cargo +nightly fuzz build --sanitizer "$sanitizer"

# Some strategies leak on purpose; a static within a function of SQLite is taken for two of one name.
export ASAN_OPTIONS=detect_leaks=0:detect_odr_violation=0:${ASAN_OPTIONS:-}
for target in "${targets[@]}"; do
    seeds_of "$target"
    flags=(-max_total_time="$seconds" -max_len=8192 -timeout=20 -rss_limit_mb=2048 -malloc_limit_mb=512 -print_final_stats=1)
    if [[ $target != oracle ]]; then
        dictionary_of "$target"
        flags+=(-dict="$made/$target.dict")
    fi
    log=$made/$target.log
    if ! cargo +nightly fuzz run --sanitizer "$sanitizer" "$target" "fuzz/corpus/$target" "$made/$target" -- "${flags[@]}" >"$log" 2>&1; then
        tail -n 80 "$log"
        echo "ci/fuzz.sh: $target fails" >&2
        exit 1
    fi
    stat() { sed -n "s/^stat::$1: *//p" "$log"; }
    covered=$(sed -n 's/^#[0-9]*.*DONE *\(cov: [0-9]* ft: [0-9]* corp: [^ ]*\).*/\1/p' "$log")
    echo "$target: $(stat number_of_executed_units) executions, $(stat average_exec_per_sec) a second, $covered," \
        "at most $(stat peak_rss_mb) MiB and $(stat slowest_unit_time_sec) s"
done
