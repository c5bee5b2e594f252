#!/usr/bin/env bash
# Usage: ci/museum.sh [--check] [NAME...]
# Puts every fault of the bug museum back, one after the other, and sees the test of its row fail: each patch in
# swiotlb-core/tests/museum/patches is applied to a copy of this tree, which is built and tested, and undone. Without
# any patch all of the museum passes. docs/BUG-MUSEUM.md is the catalogue.
# With names, only those patches (12 means all of row 12). --check: only whether the patches apply; takes a second.
# The copy is built without debug assertions and overflow checks, as users run it: so it is the test that notices.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

patches=swiotlb-core/tests/museum/patches
catalogue=docs/BUG-MUSEUM.md
rows=38
# Far more than a test takes that ends: a fault may be that something does not. The other tests are only listed.
seconds=300

only_check=
if [[ ${1:-} == --check ]]; then
    only_check=1
    shift
fi

fail() {
    echo "ci/museum.sh: $1" >&2
    exit 1
}

# What a patch says of itself.
field() {
    sed -n "s/^$2: //p;/^---/q" "$1"
}

chosen=()
for patch in "$patches"/*.patch; do
    name=$(basename "$patch" .patch)
    for want in "${@:-}"; do
        if [[ -z $want || $name == "$want" || $name == "$want"-* ]]; then
            chosen+=("$name")
            break
        fi
    done
done
((${#chosen[@]} > 0)) || fail "no patch has such a name"

# Every row has a fault that is put back, or the catalogue says why not.
for ((row = 1; row <= rows; row++)); do
    if ! ls "$patches/$(printf %02d "$row")"-*.patch >/dev/null 2>&1 &&
        ! grep -q "^| $row |.*does not apply" "$catalogue"; then
        fail "row $row has no patch, and $catalogue does not say that it does not apply"
    fi
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
mkdir "$tree"
git ls-files -z --cached --others --exclude-standard | tar --null --files-from - --ignore-failed-read --create --file - | tar -C "$tree" --extract --touch --file -
# git shall take the copy for what it is, also where it lies inside of a repository.
export GIT_CEILING_DIRECTORIES=$work

apply() {
    git -C "$tree" apply --whitespace=nowarn "$@"
}

stale=0
for name in "${chosen[@]}"; do
    if ! apply --check "$PWD/$patches/$name.patch"; then
        echo "$name: does not apply any more: bring it up to date, or show that the fault cannot come back" >&2
        stale=$((stale + 1))
    fi
done
((stale == 0)) || fail "$stale patches do not apply"
if [[ -n $only_check ]]; then
    echo "museum: ${#chosen[@]} patches apply"
    exit 0
fi

target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
target=$(cd "$target" && pwd)/museum
export CARGO_INCREMENTAL=1 CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_DEBUG_ASSERTIONS=false
export CARGO_PROFILE_DEV_OVERFLOW_CHECKS=false RUST_BACKTRACE=0

# Builds the tests of a kind, museum or loom; the program's path.
build() {
    local what=(--test museum) folder=$target flags=${RUSTFLAGS:-}
    if [[ $1 == loom ]]; then
        # Of this build only the models may run: see ci/loom.sh.
        what=(--lib) folder=$target-loom flags+=" --cfg loom"
    fi
    (
        cd "$tree"
        export CARGO_TARGET_DIR=$folder RUSTFLAGS=$flags
        cargo test -q -p swiotlb-core "${what[@]}" --no-run --message-format json >"$work/messages" 2>"$work/errors"
    ) || return 1
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' "$work/messages" | tail -n 1
}

# Rows and quirks among the tests of a program.
tests_of() {
    "$1" --list 2>/dev/null | sed -n 's/: test$//p' | grep -E '(^|::)(row_[0-9]+|quirk)_'
}

# Runs tests of the program for at most so many seconds; sets `code`.
run() {
    local bound=$1
    shift
    code=0
    (cd "$tree/swiotlb-core" && timeout "$bound" "$program" --exact "$@" >"$work/output" 2>&1) || code=$?
}

# Without a fault: all that a row or a quirk has must pass.
began=$SECONDS
kinds=$(for name in "${chosen[@]}"; do field "$patches/$name.patch" In; done | sort -u)
green=0
all=()
for kind in $kinds; do
    if ! program=$(build "$kind"); then
        cat "$work/errors" "$work/messages" >&2
        fail "the $kind does not compile"
    fi
    mapfile -t tests < <(tests_of "$program")
    run "$seconds" "${tests[@]}"
    if ((code != 0)); then
        cat "$work/output"
        fail "without any fault, $kind fails"
    fi
    green=$((green + ${#tests[@]}))
    all+=("${tests[@]##*::}")
done
echo "without any fault: $green tests pass"

red=0
wrong=()
declare -A red_rows=() red_tests=()
for name in "${chosen[@]}"; do
    patch="$PWD/$patches/$name.patch"
    kind=$(field "$patch" In) want=$(field "$patch" Red)
    apply "$patch"
    said="red"
    if ! program=$(build "$kind"); then
        grep -ho '"rendered":"error[^"]*"' "$work/messages" | head -n 3 || tail -n 5 "$work/errors"
        said="DOES NOT COMPILE"
    else
        mapfile -t tests < <(tests_of "$program")
        named=$(printf '%s\n' "${tests[@]}" | grep -E "(^|::)$want\$" || true)
        # All of them, to say which others notice. If that does not end, or ends the program, the named one by itself.
        run 60 "${tests[@]}"
        failed=$(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$work/output" | sed 's/.*:://' | sort)
        others=$(grep -vx "$want" <<<"$failed" | tr '\n' ' ' || true)
        ((code == 0 || code == 101)) || others+="(and one that ended all with $code) "
        if ((code != 101)); then
            run "$seconds" "$named"
            ((code != 101)) || failed=$want
        fi
        if [[ $(wc -w <<<"$named") != 1 ]]; then
            said="NO SUCH TEST: $want"
        elif ((code == 124)); then
            said="STILL RUNNING after $seconds s: $want"
        elif ((code == 0)) || { ((code == 101)) && ! grep -qx "$want" <<<"$failed"; }; then
            said="STILL GREEN: $want"
        elif ((code != 101)); then
            said="red (the test ended with $code)"
        fi
        if [[ $said == red* && -n ${others// /} ]]; then
            said+="; so are: ${others% }"
        fi
    fi
    apply --reverse "$patch"
    echo "$name: $said"
    if [[ $said == red* ]]; then
        red=$((red + 1))
        red_rows[${name%%-*}]=1 red_tests[$want]=1
    else
        wrong+=("$name")
    fi
done

# A test that no fault makes fail shows nothing.
if (($# == 0)); then
    for test in "${all[@]}"; do
        [[ -n ${red_tests[$test]:-} ]] || wrong+=("$test")
    done
fi
unset 'red_rows[quirk]'
echo "museum: ${#chosen[@]} faults put back, $red red; ${#red_rows[@]} of $rows rows; $green tests green without; $((SECONDS - began)) s"
((${#wrong[@]} == 0)) || fail "not red: ${wrong[*]}"
