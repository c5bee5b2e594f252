//! The bridge to the kernel's own benchmark, `dma_map_benchmark`: the same options, the same figures.
//!
//! | file | what it is |
//! | --- | --- |
//! | [`options`] | the tool's options, their limits, the line that names them |
//! | [`figures`] | the four figures, in ns and as the tool prints them |
//! | [`import`] | the tool's saved output, read |
//! | [`run`](mod@run) | our run: plan, place of the pool, settings |
//! | [`record`] | both as records |
//! | [`table`] | both in one table, and where they differ in what was asked |
//!
//! The two are no like for like; `docs/METHODOLOGY.md` says what each of them times. Two of the differences
//! show in every figure: the tool counts in units of 100 ns, and it times the whole DMA call, of which the
//! software IO TLB is one part and only where the device cannot reach the buffer or bouncing is forced.

pub mod figures;
pub mod import;
pub mod options;
pub mod record;
pub mod run;
pub mod table;

pub use figures::{Figures, Spread};
pub use import::{ImportError, Imported, Saved};
pub use options::{Asked, Options, OptionsError};
pub use run::{Ready, ready};
