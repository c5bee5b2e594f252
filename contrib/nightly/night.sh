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

# rustup's cargo is on no PATH of cron's or systemd's; a system unit without User= has no HOME either.
home=${HOME:-$(getent passwd "$(id -u)" | cut -d : -f 6)}
PATH=${CARGO_HOME:-$home/.cargo}/bin:$PATH
export PATH

# How grave the exit code $1 is, in the order of docs/NIGHTLY.md; what no stage ends with counts as not done.
gravity() {
    case $1 in
    0) echo 0 ;;
    5) echo 1 ;;
    6) echo 2 ;;
    3) echo 4 ;;
    4) echo 5 ;;
    *) echo 3 ;;
    esac
}

# The script ends with $1, unless something graver has happened.
ends() {
    [ "$(gravity "$1")" -le "$(gravity "$worst")" ] || worst=$1
}

# Runs a night's command into the folder $1, and tells what came of it where that is news.
night() {
    of=$1
    shift
    # The tables are in the summary too.
    "$@" >/dev/null 2>>"$of.log"
    code=$?
    [ "$code" -eq 0 ] && return
    ends "$code"
    echo "The night $of ended with $code."
    # The summary holds what each stage complained of. A night that ends before it has said why on standard error.
    if [ -f "$of/summary.md" ]; then
        tail -n 1 "$of.log"
        cat "$of/summary.md"
    else
        cat "$of.log"
    fi
}

# The night $1 as a page, with the nights before it; what of it is not there yet is not in it.
page() {
    [ -d "$1/suites" ] || return
    "$program" report "$1/suites" --history "$history" --out "$1/report.html" >>"$1.log" 2>&1 ||
        echo "There is no page of the night $1: $1.log says why."
}

mkdir -p "$nights" && cd "$checkout" || exit 1
# Named by the second: a second night of one day has a folder of its own.
out=$nights/$(date -u +%Y-%m-%dT%H%M%SZ)

# One at a time: a night that is at work is not one that was cut, and nobody builds under it. Its program holds the lock
# too, and so keeps it where this script alone was killed.
exec 9>>"$nights/lock" || exit 1
flock -n 9
case $? in
0) ;;
1)
    echo "$out: not begun: a night before it is still at work" >>"$nights/not-begun.txt"
    exit 0
    ;;
*) exit 1 ;;
esac

# A reboot has cut the last one: with the program that began it, before another is built.
last=$(ls -d "$nights"/*/ 2>/dev/null | tail -n 1)
last=${last%/}
if [ -n "$last" ] && [ -f "$last/nightly.json" ] && [ ! -f "$last/summary.md" ]; then
    echo "The night $last was cut, and goes on."
    night "$last" "$program" nightly --resume --out "$last"
    page "$last"
fi

# What git and cargo leave running is to hold no lock.
if git pull --quiet --ff-only >"$out.log" 2>&1 9>&- &&
    cargo build --quiet --release --bin swiotlb-bench >>"$out.log" 2>&1 9>&-; then
    night "$out" "$program" nightly quick --gate bench-suite/gates/nightly.toml --history "$history" --out "$out"
    page "$out"
else
    echo "The night $out could not begin:"
    cat "$out.log"
    ends 1
fi
exit "$worst"
