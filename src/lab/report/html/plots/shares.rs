//! Shares: of right answers with their intervals, and of a population.

use super::{
    super::svg::{Anchor, Plot},
    HALF, LEFT, legend, signed, ticks,
};
use crate::evaluate::{Rate, Shares};

/// Shares with their 95 % intervals, one a row; a dashed line where they ought to be.
pub(in super::super) fn rates(title: &str, rows: &[(String, Rate)], target: Option<f64>) -> String {
    let (top, row, right) = (20.0, 26.0, 104.0);
    let left = LEFT + 30.0;
    let lowest = rows.iter().fold(0.9f64, |low, (_, rate)| low.min(rate.low));
    let from = (lowest * 10.0).floor() / 10.0;
    let at = |share: f64| left + (share - from) / (1.0 - from) * (HALF - left - right);
    let description = "Dots: share. Lines: 95 % interval (Wilson).";
    let bottom = top + row * rows.len() as f64;
    let mut plot = Plot::new((HALF, bottom + 6.0), title, description);
    for share in ticks(from).filter(|&share| share > from - 1e-9) {
        plot.line((at(share), top), (at(share), bottom), "grid");
        let text = format!("{:.0} %", share * 100.0);
        plot.text((at(share), 12.0), (Anchor::Middle, "faint"), &text);
    }
    if let Some(target) = target {
        plot.line((at(target), top), (at(target), bottom), "dashed");
    }
    for (place, (label, rate)) in rows.iter().enumerate() {
        let y = top + (place as f64 + 0.5) * row;
        let tip = format!(
            "{label}: {:.1} % of {}, interval {:.1} to {:.1} %",
            rate.share * 100.0,
            rate.n,
            rate.low * 100.0,
            rate.high * 100.0
        );
        plot.text((left - 8.0, y + 4.0), (Anchor::End, "label"), label);
        plot.line((at(rate.low), y), (at(rate.high), y), "whisker");
        plot.dot((at(rate.share), y), "predicted", &tip);
        let text = format!("{:.1} %, n {}", rate.share * 100.0, rate.n);
        plot.text((HALF, y + 4.0), (Anchor::End, "faint"), &text);
    }
    plot.finish()
}

/// The shares of a population, as labelled and as counted.
pub(in super::super) fn shares(title: &str, shares: &Shares) -> String {
    let rows = &shares.actual.0;
    let most = rows
        .iter()
        .chain(&shares.predicted.0)
        .fold(0.01f64, |most, (_, share)| most.max(*share));
    let (row, right) = (34.0, 110.0);
    let scale = (HALF - LEFT - right) / most;
    let description = format!(
        "Share of each label among the labels and among the answers. Total variation distance {:.3}.",
        shares.tvd
    );
    let mut plot = Plot::new((HALF, row * rows.len() as f64 + 24.0), title, &description);
    legend(&mut plot, (LEFT, 12.0), ["labelled", "counted"]);
    for (place, ((label, actual), (_, predicted))) in
        rows.iter().zip(&shares.predicted.0).enumerate()
    {
        let y = 22.0 + place as f64 * row;
        plot.text((LEFT - 8.0, y + 17.0), (Anchor::End, "label"), label);
        for (offset, class, share) in [(0.0, "actual", actual), (12.0, "predicted", predicted)] {
            let tip = format!("{label}, {class}: {:.1} %", share * 100.0);
            plot.rect((LEFT, y + offset, share * scale, 11.0), class, &tip);
        }
        let difference = signed((predicted - actual) * 100.0);
        let text = format!("{:.1} % ({difference})", predicted * 100.0);
        plot.text((HALF, y + 17.0), (Anchor::End, "faint"), &text);
    }
    plot.finish()
}
