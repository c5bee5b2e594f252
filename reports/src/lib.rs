//! What a run leaves behind, and how it is shown as text.
//!
//! The runner writes a [`record::RunRecord`] once, through a [`store::Store`]; everything else here reads.
//! Bottom to top: [`compressed`] opens files that may be gzip; [`text`] and [`units`] make strings that are safe and uniform; [`quantile`] holds the
//! sample rule and [`latency`] the histograms it is applied to; [`machine`], [`evidence`], [`course`], [`record`] and [`store`]
//! are the record and its file, and [`fingerprint`] names the machine; [`stats`] is what may be said of several, and [`compare`] judges A against B; [`table`] is a table without a form, and [`terminal`], [`markdown`] and [`csv`] are
//! its forms; [`summary`] turns a record into tables. [`history`] keeps whole runs, night by night, and says where
//! a series of them shifts; [`date`] names their days. [`junit`] is the form of verdicts, [`export`] has the forms of
//! other programs, and [`import`] reads theirs. [`document`] is a report without a form, [`html`] and
//! [`outline`] are its forms, and [`splice`] puts parts of one between markers of another file.
//!
//! No allocator, no workload, no clock and no figure: those belong to other crates.

pub mod compare;
pub mod compressed;
pub mod course;
pub mod csv;
pub mod date;
pub mod document;
pub mod evidence;
pub mod export;
pub mod fingerprint;
pub mod history;
pub mod html;
pub mod import;
pub mod junit;
pub mod latency;
pub mod lock;
pub mod machine;
pub mod markdown;
pub mod metric;
pub mod outline;
pub mod quantile;
pub mod record;
pub mod splice;
pub mod stats;
pub mod store;
pub mod summary;
pub mod table;
pub mod terminal;
pub mod text;
pub mod units;
