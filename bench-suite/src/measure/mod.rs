//! Measuring: many cells, each launch in a fresh process, in shuffled order, kept as they end.
//!
//! A [`plan::RunPlan`] says everything that is going to run and is written first; [`drive`] works it
//! through and appends one record a launch; whatever is missing from the records is what is left, so that
//! a run can be killed at any moment and resumed. Reading the result never depends on how it was driven:
//! [`groups`], [`verdict`], [`table`], [`steady`] and [`paired`] see records only.
//!
//! A comparison of two [`side`]s is a plan too: [`comparison`] is what it declares, [`ab`] its order, [`trial`]
//! goes from look to look, [`judged`] shows what came of it, and [`why`] the steps beside it. A [`gate`] is a comparison too, beside what it counts.
//! Runs that were not paired are [`stored`] ones, and [`unpaired`] says what little they say. [`calibrated`] is how often
//! comparisons of A with itself were wrong, and [`calibrations`] keeps that for the machine. Sides may be [`builds`]:
//! programs [`relink`]ed from a [`source`] and kept in a [`cache`]. [`commands`] keeps the command lines.

pub mod ab;
pub mod builds;
pub mod cache;
pub mod calibrated;
pub mod calibrations;
pub mod commands;
pub mod comparison;
pub mod doctor;
pub mod drive;
pub mod fit;
pub mod folder;
pub mod gate;
pub mod groups;
pub mod judged;
pub mod launch;
pub mod made;
pub mod metrics;
pub mod paired;
pub mod plan;
pub mod relink;
pub mod shipped;
pub mod side;
pub mod source;
pub mod steady;
pub mod stored;
pub mod table;
pub mod trial;
pub mod unpaired;
pub mod verdict;
pub mod whole;
pub mod why;

#[cfg(test)]
mod tests;
