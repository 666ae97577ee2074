//! True shares of a population from what a fallible model says of its faces: quantification under prior shift.
//!
//! Counting predicted labels ([`naive`]) is biased, and more faces do not help. What the model says of a face is kept
//! as one of few integer [`cells`](Grid), beside the sum of the posteriors in each; a [`Calibration`] tells how faces of
//! each true class fall into these cells, and what the model says of them on average;
//! [`estimate`] solves for the shares which explain the cells, with 95 % intervals that hold both the window's
//! sampling error and the calibration's, and [`shift_p`] says whether any shares explain them. [`adapt()`] fits a calibration
//! to a camera from few labelled faces.
//!
//! Promises: pure; the same cells and calibration give the same bits; cells merge by addition, exactly. Nothing here
//! knows of privacy: what may be published is decided elsewhere, before.
//!
//! Sources: Forman, "Quantifying counts and costs via classification" (2008): ACC. Bella et al., "Quantification via
//! probability estimators" (2010): PACC. Saerens, Latinne and Decaestecker, "Adjusting the outputs of a classifier to
//! new a priori probabilities" (2002): EMQ. Wilson (1927), and the profile likelihood ratio (Wilks 1938):
//! the interval. Rao and Scott (1981): the test's two moments. Le Cam (1956): one step along a score. Kish, "Survey
//! sampling" (1965): the design effect of votes of one person.

mod adapt;
mod beside;
mod calibration;
mod cells;
mod counts;
mod em;
mod file;
mod interval;
mod linear;
mod masked;
mod method;
mod moments;
mod possible;
mod registry;
mod repeats;
mod shares;
mod shift;
mod simplex;
mod statistic;
mod votes;
mod wilson;
#[cfg(test)]
mod world;

pub use adapt::adapt;
pub use calibration::{Calibration, CalibrationError, CellRow};
pub use cells::Grid;
pub(crate) use counts::VOTE;
pub use counts::{Cell, CellCounts, Crops, QUANTA, quantise};
pub use em::{emq, emq_cells, naive};
pub use file::CalibrationFile;
pub use masked::MaskedCounts;
pub use method::Method;
pub use registry::{Calibrations, Estimated, Estimator};
pub use repeats::Repeats;
pub(crate) use repeats::part_inside;
pub use shares::{Share, estimate};
pub use shift::{calibration_fits, shift_p};
pub use simplex::solve_rates;
pub use votes::CellVotes;
pub use wilson::Rate;
