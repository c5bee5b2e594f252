//! Results of other programs, read into records of [`crate::record::Kind::Imported`].

pub mod criterion;
