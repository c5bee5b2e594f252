//! `swiotlb-bench`.

use std::process::ExitCode;

fn main() -> ExitCode {
    bench_suite::cli::main()
}
