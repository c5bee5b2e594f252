#!/usr/bin/env bash
# Usage: ci/ext.sh [PROGRAM]
# A policy from outside: the toy in C is compiled and goes through verify, replay, measure and ab; a broken one is
# caught. Needs a C compiler (CC, or cc); without one it says what it left out. Takes less than a minute.
set -euo pipefail
cd "$(dirname "$0")/.."

cc="${CC:-cc}"
if ! command -v "$cc" >/dev/null; then
    echo "ci/ext.sh: skipped: there is no C compiler \`$cc\`; nothing was compiled, loaded or run"
    exit 0
fi
bench="${1:-}"
if [[ -z $bench ]]; then
    cargo build --bin swiotlb-bench
    bench="${CARGO_TARGET_DIR:-target}/debug/swiotlb-bench"
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

include=swiotlb-core/include
flags=(-std=c99 -O2 -Wall -Wextra -Werror -shared -fPIC -pthread -I "$include")
"$cc" "${flags[@]}" "$include/example/toy.c" -o "$folder/toy.so"
"$cc" "${flags[@]}" -DBREAK "$include/example/toy.c" -o "$folder/broken.so"
if command -v "${CXX:-c++}" >/dev/null; then
    echo '#include "swiotlb_ext.h"' | "${CXX:-c++}" -Wall -Wextra -Werror -pedantic -I "$include" -fsyntax-only -x c++ -
else
    echo "ci/ext.sh: no C++ compiler: the header was not compiled as C++"
fi

# Runs a command, shows what it says where it ends with another code than it should.
ends_with() {
    local wanted=$1 code=0
    shift
    "$@" >"$folder/said" 2>&1 || code=$?
    if ((code != wanted)); then
        cat "$folder/said"
        echo "ci/ext.sh: exit code $code instead of $wanted: $*" >&2
        exit 1
    fi
}

ends_with 0 "$bench" verify --policy "ext:$folder/toy.so" workloads/data/golden
grep ' ext:' "$folder/said"
ends_with 4 "$bench" verify --policy "ext:$folder/broken.so" workloads/data/golden
echo "broken: $(tail -n 1 "$folder/said")"

ends_with 0 "$bench" replay --policy "ext:$folder/toy.so" workloads/data/traces/boot_probe.jsonl.gz
grep '^outside policy:' "$folder/said"

cat >"$folder/tiny.toml" <<'SUITE'
name = "tiny"
title = "Storage on one thread"
analysis = "What runs here says that it runs, and nothing about speed."
scenario = "model storage"
policies = ["kernel"]
[parameters]
ops_per_thread = 300
repeat = 2
depth = "32"
sizes = "4KiB"
threads = 1
nslabs = 1024
SUITE
once=(--quick --launches 1)
ends_with 0 "$bench" measure quick-search "${once[@]}" --filter 'slots=2,state=empty' \
    --set "policy=ext:$folder/toy.so" --out "$folder/search"
ends_with 0 "$bench" measure "$folder/tiny.toml" "${once[@]}" --set "policy=ext:$folder/toy.so" --out "$folder/measured"
ends_with 4 "$bench" measure "$folder/tiny.toml" "${once[@]}" --set "policy=ext:$folder/broken.so" --out "$folder/broken"
for other in "ext:$folder/toy.so" kernel; do
    # On a busy host every block can be void, which says nothing about the policy.
    "$bench" ab "ext:$folder/toy.so" "$other" "$folder/tiny.toml" --quick --blocks 2 --out "$folder/ab-${other##*/}" \
        >"$folder/said" 2>&1 || grep -q "has no whole block" "$folder/said" || { cat "$folder/said"; exit 1; }
done
echo "outside policies: verified, replayed, measured and compared"
