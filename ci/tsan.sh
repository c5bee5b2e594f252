#!/usr/bin/env bash
# The tests of swiotlb-core's parts under ThreadSanitizer: no two accesses of plain memory race, the standard library's
# included. First a race that must be reported and a lock that must not be (ci/tsan/race.rs).
#
# Needs a nightly toolchain with rust-src. A standard library that was built without the sanitizer hides its
# own synchronization: spawning, joining and dropping an Arc are then reported as races, here 82 times in 5 minutes, and to
# suppress that would suppress everything. Without rust-src nothing is checked, and that is said.
# It does not see into the string instruction of phys/bytes.rs.
set -euo pipefail
cd "$(dirname "$0")/.."

source=$(rustc +nightly --print sysroot 2>/dev/null || true)/lib/rustlib/src/rust/library
if [[ ! -e $source/Cargo.lock ]] || ! target=$(rustc +nightly -vV | sed -n 's/^host: //p'); then
    echo "tsan: SKIPPED, no nightly toolchain with rust-src (rustup toolchain install nightly --component rust-src)"
    exit 0
fi
# A folder of its own: with other flags, cargo would build everything anew in the usual one.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/tsan" RUSTFLAGS="-Zsanitizer=thread"
# A test asks for more memory than there is, and wants to be refused.
export TSAN_OPTIONS="halt_on_error=0 exitcode=66 history_size=4 allocator_may_return_null=1"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

mkdir "$folder/race" "$folder/race/src"
cp ci/tsan/race.rs "$folder/race/src/main.rs"
printf '[package]\nname = "race"\nedition = "2024"\n[workspace]\n' >"$folder/race/Cargo.toml"
build=(-Zbuild-std --target "$target")
cargo +nightly build "${build[@]}" --manifest-path "$folder/race/Cargo.toml"
race="$CARGO_TARGET_DIR/$target/debug/race"
if "$race" >"$folder/said" 2>&1 || ! grep -q 'data race' "$folder/said"; then
    echo "tsan: FAILED, a planted race was not reported" >&2
    exit 1
fi
if ! "$race" locked >"$folder/said" 2>&1; then
    cat "$folder/said" >&2
    echo "tsan: FAILED, a lock was reported" >&2
    exit 1
fi

began=$SECONDS
# That one takes its child's address space away, which the sanitizer needs.
without=phys::memory::tests::a_host_that_refuses_is_an_error
if ! cargo +nightly test "${build[@]}" --package swiotlb-core --lib -- --skip "$without" >"$folder/said" 2>&1; then
    cat "$folder/said" >&2
    exit 1
fi
grep '^test result' "$folder/said"
echo "tsan: the planted race was reported, the lock was not, and the tests raced nowhere; $((SECONDS - began)) s with the build"
