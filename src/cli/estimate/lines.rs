//! What `demograph estimate` prints: a line for each category of a group.

use anyhow::bail;
use comfy_table::presets;
use demograph_core::{
    estimate::{Calibrations, calibration_fits},
    privacy::{Cells, ShownShare, ShownShares, Thresholds, show_shares, suppress},
    record::{Attribute, EventTime},
    sheets,
};

use super::groups::{Group, Votes};

/// One category of a group.
pub(super) struct Line {
    from: EventTime,
    until: EventTime,
    source: String,
    attribute: Attribute,
    /// Nothing where the whole group is suppressed.
    category: Option<String>,
    total: Option<u64>,
    share_naive: Option<f64>,
    share: ShownShare,
    shift_p: Option<f64>,
    design_effect: Option<f64>,
}

pub(super) fn estimated(
    group: &Group,
    votes: &Votes,
    calibrations: &Calibrations,
    thresholds: Thresholds,
) -> anyhow::Result<Vec<Line>> {
    let Some(estimator) = calibrations.estimator(&group.source, group.attribute) else {
        return Ok(Vec::new());
    };
    let grid = estimator.calibration.grid();
    let Some(dense) = votes.cells.dense(grid) else {
        bail!(
            "the cells of {} are not those of the calibration: were the age bands others?",
            group.attribute
        );
    };
    let mut by_class = vec![0.0; grid.classes()];
    for (cell, n) in dense.counts.iter().enumerate() {
        by_class[grid.predicted(cell)] += n;
    }
    let shown = suppress(&whole(&by_class), thresholds);
    let ShownShares {
        shares,
        shift_p,
        design_effect,
    } = show_shares(&shown, &votes.cells, Some(estimator), thresholds.k_cell);
    let nothing = || Line {
        from: group.from,
        until: votes.until,
        source: group.source.to_string(),
        attribute: group.attribute,
        category: None,
        total: None,
        share_naive: None,
        share: ShownShare::default(),
        shift_p,
        design_effect,
    };
    let Cells::Shown { total, counts } = shown else {
        return Ok(vec![nothing()]);
    };
    let labels = estimator.calibration.labels.iter().zip(counts).enumerate();
    let line = |(place, (label, count)): (usize, (&String, Option<u64>))| Line {
        category: Some(label.clone()),
        total: Some(total),
        share_naive: count.map(|count| count as f64 / total as f64),
        share: shares.get(place).copied().unwrap_or_default(),
        ..nothing()
    };
    Ok(labels.map(line).collect())
}

/// Spread votes as whole ones, with the total that they have.
fn whole(votes: &[f64]) -> Vec<u64> {
    let mut before = 0.0;
    let count = |n: &f64| {
        let upto = before + n;
        let count = upto.round() - f64::round(before);
        before = upto;
        count as u64
    };
    votes.iter().map(count).collect()
}

const HEADER: [&str; 13] = [
    "from",
    "until",
    "source",
    "attribute",
    "category",
    "total",
    "share_naive",
    "share",
    "share_low",
    "share_high",
    "shift_p",
    "calibration_fits",
    "design_effect",
];

impl Line {
    fn cells(&self, number: fn(f64) -> String) -> [String; 13] {
        let optional = |value: Option<f64>| value.map(number).unwrap_or_default();
        let fits = self.shift_p.map(calibration_fits);
        [
            time(self.from),
            time(self.until),
            self.source.clone(),
            self.attribute.to_string(),
            self.category.clone().unwrap_or_default(),
            self.total.map(|n| n.to_string()).unwrap_or_default(),
            optional(self.share_naive),
            optional(self.share.share),
            optional(self.share.low),
            optional(self.share.high),
            optional(self.shift_p),
            fits.map(|fits| fits.to_string()).unwrap_or_default(),
            optional(self.design_effect),
        ]
    }
}

pub(super) fn time(at: EventTime) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |t| t.to_string())
}

pub(super) fn print_table(lines: &[Line]) {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(HEADER);
    for line in lines {
        table.add_row(line.cells(|value| format!("{value:.3}")));
    }
    println!("{table}\nEmpty: withheld because of too few people, or the data do not say.");
}

pub(super) fn write_csv(lines: &[Line], output: impl std::io::Write) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(output);
    writer.write_record(HEADER)?;
    for line in lines {
        let cells = line.cells(|value| value.to_string());
        writer.write_record(cells.map(sheets::harmless))?;
    }
    writer.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_votes_become_whole_ones_of_the_same_total() {
        assert_eq!(whole(&[1.5, 2.5, 3.0]), [2, 2, 3]);
        assert_eq!(whole(&[0.4, 0.4, 0.2]), [0, 1, 0]);
    }

    #[test]
    fn a_name_that_is_a_formula_is_text_in_the_csv() {
        let line = Line {
            from: EventTime(0),
            until: EventTime(60_000),
            source: "=cmd()".into(),
            attribute: Attribute::Gender,
            category: Some("@female".into()),
            total: Some(10),
            share_naive: Some(0.5),
            share: ShownShare::default(),
            shift_p: None,
            design_effect: None,
        };
        let mut csv = Vec::new();
        write_csv(&[line], &mut csv).unwrap();
        let csv = String::from_utf8(csv).unwrap();
        assert!(csv.contains(",'=cmd(),gender,'@female,10,0.5,"), "{csv}");
    }
}
