//! A gate: declared cells, each with the metrics that it is held to, and one exit code.
//!
//! A [`check`] is one metric of one pair of cells, and how far it is trusted: step counters exactly, instructions and
//! memory nearly, paired time by the judge's word, anything else as advice. [`mod@file`] reads what is declared, [`plan`]
//! says in which order it runs, [`launch`] runs what counts, [`finding`] holds records against it, [`lost`] says when too
//! many of them are void, and [`shown`] and
//! [`cases`] tell what came of it, [`tally`] in a file.
//!
//! Two stages. *Screen*: one counting launch of each side, and the blocks of the first look. *Confirm*: the further
//! looks, for those cells only whose time is suspicious ([`confirm`]).

pub mod cases;
pub mod check;
pub mod confirm;
pub mod file;
pub mod finding;
pub mod launch;
pub mod lost;
pub mod plan;
pub mod shown;
pub mod tally;
