//! Estimates of some classes beside others that must stay hidden: they depend on the hidden ones' votes as a whole, and
//! not on which of these classes had how many. In a sum of windows each window has hidden classes of its own.
//!
//! Promise: votes that move among cells of hidden classes change no bit of the result. The intervals hold the shares
//! whatever these votes were.

use super::{
    Calibration, CellCounts, CellRow, CellVotes, MaskedCounts, Method, Share, moments::Moments,
    shares::from_moments,
};

/// Votes of which some are known as a whole only.
pub(super) struct Pooled {
    /// All of them, those in cells of hidden classes spread over these cells as the calibration's faces are.
    pub(super) votes: CellVotes,
    /// What was spread.
    spread: Vec<Spread>,
}

/// Votes in the cells of one set of hidden classes.
struct Spread {
    hidden: Vec<bool>,
    /// Where they were put, by class.
    assumed: Vec<f64>,
}

/// The shares of all classes; those of a class that every window hid are worth nothing.
pub(super) fn estimate_beside(
    calibration: &Calibration,
    pooled: &Pooled,
    method: Method,
) -> Option<Vec<Share>> {
    let moments = Moments::new(calibration, &pooled.votes, method)?;
    let mut shares = from_moments(&moments, method)?;
    if pooled.spread.is_empty() {
        return Some(shares);
    }
    let means = influences(calibration, &moments);
    for (class, share) in shares.iter_mut().enumerate() {
        let influence = |hidden: usize| means[hidden][class] / moments.votes;
        let (mut below, mut above) = (0.0, 0.0);
        for spread in &pooled.spread {
            let all: f64 = spread.assumed.iter().sum();
            let (mut here, mut low, mut high) = (0.0, f64::MAX, f64::MIN);
            for hidden in (0..spread.hidden.len()).filter(|&class| spread.hidden[class]) {
                here += influence(hidden) * spread.assumed[hidden];
                low = low.min(influence(hidden) * all);
                high = high.max(influence(hidden) * all);
            }
            below += here - low;
            above += high - here;
        }
        share.low = (share.low - below).clamp(0.0, share.share);
        share.high = (share.high + above).clamp(share.share, 1.0);
    }
    Some(shares)
}

/// Spreads the votes of hidden classes. `None` where the calibration saw no face in a cell of these classes, and votes did.
pub(super) fn pooled(calibration: &Calibration, votes: &MaskedCounts) -> Option<Pooled> {
    let classes = calibration.labels.len();
    let mut all = votes.shown().clone();
    let mut spread = Vec::new();
    for (hidden, parts) in votes.hidden(classes) {
        let assumed = spread_over(calibration, (&hidden, parts), &mut all)?;
        spread.push(Spread { hidden, assumed });
    }
    let all = all.dense(calibration.grid())?;
    Some(Pooled {
        // How the crops of a person differ depends on the hidden votes.
        votes: match votes.is_whole() {
            true => all,
            false => all.alike(),
        },
        spread,
    })
}

/// Puts parts of votes into the cells of these classes as the calibration's faces are, and says how many votes each class
/// got.
fn spread_over(
    calibration: &Calibration,
    (hidden, parts): (&[bool], u64),
    all: &mut CellCounts,
) -> Option<Vec<f64>> {
    let grid = calibration.grid();
    let mut assumed = vec![CellCounts::default(); hidden.len()];
    let here = |row: &CellRow| row.faces.iter().sum::<u64>();
    let is_seen = |row: &&CellRow| hidden[grid.predicted(row.cell)] && here(row) > 0;
    let rows = || calibration.cells.iter().filter(is_seen);
    let faces: u64 = rows().map(here).sum();
    if parts > 0 && faces == 0 {
        return None;
    }
    // Rounded down, and what is left to the last: the parts are all there. Whole parts: a sum of fractions would differ in
    // its last digit by who is in it.
    let (mut before, mut given) = (0, 0);
    for row in rows() {
        let here = here(row);
        before += here;
        let upto = (u128::from(parts) * u128::from(before) / u128::from(faces)) as u64;
        let sums = row.evidence.iter().map(|&sum| {
            let whole = u128::from(here) * super::QUANTA as u128;
            (u128::from(upto - given) * u128::from(sum) / whole) as u64
        });
        let sums: Vec<u64> = sums.collect();
        all.add_parts(row.cell as u32, upto - given, &sums);
        assumed[grid.predicted(row.cell)].add_parts(row.cell as u32, upto - given, &[]);
        given = upto;
    }
    Some(assumed.iter().map(CellCounts::votes).collect())
}

/// By predicted class: how a vote in its cells moves each share, on average over calibration faces.
fn influences(calibration: &Calibration, moments: &Moments) -> Vec<Vec<f64>> {
    let grid = calibration.grid();
    let classes = grid.classes();
    let mut sums = vec![vec![0.0; classes]; classes];
    let mut faces = vec![0.0; classes];
    for (row, moment) in calibration.cells.iter().zip(&moments.cells) {
        let (class, here) = (
            grid.predicted(row.cell),
            row.faces.iter().sum::<u64>() as f64,
        );
        faces[class] += here;
        let all = sums[class].iter_mut().zip(&moment.influence);
        all.for_each(|(sum, influence)| *sum += influence * here);
    }
    for (sum, faces) in sums.iter_mut().zip(faces) {
        sum.iter_mut().for_each(|sum| *sum /= f64::max(faces, 1.0));
    }
    sums
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::estimate::{CalibrationFile, Grid, estimate};

    /// That of the shipped model, whose five ethnicities are confused much.
    fn calibration() -> Calibration {
        let text = include_str!("../../../models/research-small/calibration.int8.five.json");
        let mut file = CalibrationFile::parse(text).unwrap();
        file.attributes
            .remove(&crate::record::Attribute::Ethnicity)
            .unwrap()
    }

    /// So many votes for each class, in cells that calibration faces fell into.
    fn votes(calibration: &Calibration, counts: &[u64], rng: &mut StdRng) -> CellCounts {
        let grid: Grid = calibration.grid();
        let mut votes = CellCounts::default();
        for (class, &n) in counts.iter().enumerate() {
            let of_class = |row: &&crate::estimate::CellRow| grid.predicted(row.cell) == class;
            let rows: Vec<_> = calibration.cells.iter().filter(of_class).collect();
            let faces: u64 = rows.iter().flat_map(|row| &row.faces).sum();
            for _ in 0..n {
                let mut at = rng.random_range(0..faces);
                let row = rows.iter().find(|row| {
                    let here = row.faces.iter().sum();
                    let is_it = at < here;
                    at = at.saturating_sub(here);
                    is_it
                });
                let row = row.unwrap();
                let here: u64 = row.faces.iter().sum();
                let sums: Vec<u64> = row.evidence.iter().map(|sum| sum * 11 / here).collect();
                votes.add(row.cell as u32, 720_720, &sums);
            }
        }
        votes
    }

    #[test]
    fn votes_that_move_among_hidden_classes_change_no_bit() {
        let calibration = calibration();
        let hidden = [false, true, false, true, true];
        let estimated = |counts: [u64; 5]| {
            // The votes of the shown classes are the same, those of the hidden ones are others.
            let [a, b, c, d, e] = counts;
            let mut all = votes(
                &calibration,
                &[a, 0, c, 0, 0],
                &mut StdRng::seed_from_u64(1),
            );
            let seed = b * 100 + d;
            all.merge(&votes(
                &calibration,
                &[0, b, 0, d, e],
                &mut StdRng::seed_from_u64(seed),
            ));
            let pooled = pooled(&calibration, &MaskedCounts::of(&all, &hidden)).unwrap();
            assert_eq!(
                pooled.votes.counts.iter().sum::<f64>().round(),
                counts.iter().sum::<u64>() as f64
            );
            Method::ALL.map(|method| estimate_beside(&calibration, &pooled, method).unwrap())
        };
        let first = estimated([40, 4, 25, 3, 20]);
        assert_eq!(first, estimated([40, 0, 25, 0, 27]));
        assert_eq!(first, estimated([40, 27, 25, 0, 0]));
        assert_ne!(first, estimated([40, 4, 25, 3, 21]));
    }

    #[test]
    fn the_intervals_hold_what_would_be_estimated_from_the_exact_votes() {
        let calibration = calibration();
        let mut rng = StdRng::seed_from_u64(7);
        for counts in [
            [60, 30, 4, 40, 20],
            [200, 2, 90, 35, 4],
            [90, 60, 45, 3, 30],
        ] {
            let exact = votes(&calibration, &counts, &mut rng);
            let hidden: Vec<bool> = [1, 2, 3, 4, 5].map(|place| place == 3 || place == 4).into();
            let pooled = pooled(&calibration, &MaskedCounts::of(&exact, &hidden)).unwrap();
            let dense = exact.dense(calibration.grid()).unwrap();
            for method in Method::ALL {
                let beside = estimate_beside(&calibration, &pooled, method).unwrap();
                let exact = estimate(&calibration, &dense, method).unwrap();
                for class in [0, 1, 4] {
                    let (wide, exact) = (beside[class], exact[class]);
                    assert!(
                        wide.low <= exact.share && exact.share <= wide.high,
                        "{counts:?} {method:?} {class}: {wide:?} {exact:?}"
                    );
                }
            }
        }
    }
}
