#!/bin/sh
# One night on a machine of one's own: goes on with one that was cut, then builds the checkout anew and runs the next.
# What there is to tell goes to standard output; nothing does, and the exit code is 0, where there is no news.
# docs/NIGHTLY.md explains the rest.
#
#   night.sh CHECKOUT NIGHTS HISTORY
set -u
checkout=$1 nights=$2 history=$3
program=target/release/swiotlb-bench
worst=0

# Runs a night's command into the folder $1, and tells what came of it where that is news.
night() {
    out=$1
    shift
    "$@" >>"$out.log" 2>&1
    code=$?
    [ "$code" -eq 0 ] && return
    worst=$code
    echo "The night $out ended with $code."
    # A night that ends before its summary has said why on standard error.
    cat "$out.log"
    [ ! -f "$out/summary.md" ] || cat "$out/summary.md"
}

# The night $1 as a page, with the nights before it; what of it is not there yet is not in it.
page() {
    [ -d "$1/suites" ] || return
    "$program" report "$1/suites" --history "$history" --out "$1/report.html" >>"$1.log" 2>&1 ||
        echo "There is no page of the night $1: $1.log says why."
}

mkdir -p "$nights" && cd "$checkout" || exit 1

# A reboot has cut the last one: with the program that began it, before another is built.
last=$(ls -d "$nights"/*/ 2>/dev/null | tail -n 1)
last=${last%/}
if [ -n "$last" ] && [ -f "$last/nightly.json" ] && [ ! -f "$last/summary.md" ]; then
    echo "The night $last was cut, and goes on."
    night "$last" "$program" nightly --resume --out "$last"
    page "$last"
fi

# Named by the second: a second night of one day has a folder of its own.
out=$nights/$(date -u +%Y-%m-%dT%H%M%SZ)
if git pull --quiet --ff-only >"$out.log" 2>&1 && cargo build --quiet --release --bin swiotlb-bench >>"$out.log" 2>&1; then
    night "$out" "$program" nightly quick --gate bench-suite/gates/nightly.toml --history "$history" --out "$out"
    page "$out"
else
    echo "The night $out could not begin:"
    cat "$out.log"
    worst=1
fi
exit "$worst"
