#!/usr/bin/env bash
# Usage: ci/mutants.sh [REGEX]
# Mutation testing of swiotlb-core's rules, searches, areas, walks, growth and lookups (.cargo/mutants.toml): every
# mutant that cargo-mutants lists (of those whose name matches), and whether a test notices it. Fails if fewer than 95 %
# are noticed, and if others survive than docs/MUTANTS.md names (ci/mutants/judge.py). Takes more than an hour on two cores, so ci/nightly.sh leaves it out.
#
# cargo-mutants builds the tests anew for each mutant, which takes a day. Here all of them are compiled into one
# program, in a copy of the tree, and each run switches one of them on (ci/mutants/switch.py). What cannot be switched,
# constants and values whose type is opaque, is built one by one.
#
# Needs python3 and cargo-mutants (cargo install --locked cargo-mutants).
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

if ! cargo mutants --version >/dev/null 2>&1; then
    echo "ci/mutants.sh: cargo-mutants is missing: cargo install --locked cargo-mutants" >&2
    exit 1
fi
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
target=$(cd "$target" && pwd)/mutants
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
mkdir "$tree"
git ls-files -z --cached --others --exclude-standard | tar --null --files-from - --ignore-failed-read --create --file - | tar -C "$tree" --extract --file -

cargo mutants --list --json ${1:+--re "$1"} >"$work/list.json"
export CARGO_TARGET_DIR=$target CARGO_PROFILE_DEV_DEBUG=0
python3 ci/mutants/switch.py "$work/list.json" "$PWD" "$tree" "$work/verdicts.tsv"

python3 ci/mutants/judge.py "$work/verdicts.tsv" docs/MUTANTS.md ${1:+--part}
