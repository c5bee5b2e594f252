//! `swiotlb-bench`.
fn main() {}
