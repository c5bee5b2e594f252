//! What `ci/hot_paths.sh` has to find: loops with one fault each, and one without any. Prints, as `swiotlb-bench hot`
//! does, how far each lies after the first function.

use std::hint::black_box;
use std::time::Instant;

type Each = fn(u64, fn(u64) -> u64) -> u64;

#[inline(never)]
fn clean(ops: u64, _: fn(u64) -> u64) -> u64 {
    (0..ops).fold(0, |sum, op| sum ^ black_box(op))
}

#[inline(never)]
fn indirect(ops: u64, op: fn(u64) -> u64) -> u64 {
    (0..ops).fold(0, |sum, number| sum ^ op(number))
}

#[inline(never)]
fn alloc(ops: u64, _: fn(u64) -> u64) -> u64 {
    (0..ops).fold(0, |sum, op| sum ^ *black_box(Box::new(op)))
}

#[inline(never)]
fn clock(ops: u64, _: fn(u64) -> u64) -> u64 {
    (0..ops).fold(0, |sum, _| sum ^ u64::from(Instant::now().elapsed().subsec_nanos()))
}

#[inline(never)]
fn system(ops: u64, _: fn(u64) -> u64) -> u64 {
    (0..ops).fold(0, |sum, _| sum ^ u64::from(std::process::id()))
}

/// Nothing of it is in the loop itself.
#[inline(never)]
fn far(ops: u64, op: fn(u64) -> u64) -> u64 {
    (0..ops).fold(0, |sum, number| sum ^ black_box(alloc(number % 2, op)))
}

fn main() {
    let all: [(&str, Each); 6] = [
        ("clean", clean),
        ("indirect", indirect),
        ("alloc", alloc),
        ("clock", clock),
        ("system", system),
        ("far", far),
    ];
    for (name, each) in all {
        black_box(each)(1, |op| op);
        println!("{} bad {name}", (each as usize).wrapping_sub(clean as *const () as usize).cast_signed());
    }
}
