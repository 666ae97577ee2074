//! Whether a probability means what it says.

use super::{
    super::svg::{Anchor, Plot},
    HALF, ticks,
};
use crate::evaluate::{Calibration, Reliability};

/// Confidence against accuracy; on the diagonal a probability means what it says.
pub(in super::super) fn reliability(title: &str, calibration: &Calibration) -> String {
    let (side, left, top) = (260.0, 52.0, 10.0);
    let lowest = [&calibration.calibrated, &calibration.uncalibrated]
        .into_iter()
        .flat_map(|reliability| &reliability.bins)
        .fold(1.0f64, |low, bin| low.min(bin.confidence).min(bin.accuracy));
    let from = (lowest * 10.0).floor() / 10.0;
    let scale = move |value: f64| (value - from) / (1.0 - from).max(0.1) * side;
    let at = move |confidence: f64, accuracy: f64| {
        (left + scale(confidence), top + side - scale(accuracy))
    };
    let description = format!(
        "Accuracy against confidence in 15 bins of equal mass. Expected calibration error {:.3}, without temperature {:.3}.",
        calibration.calibrated.ece, calibration.uncalibrated.ece
    );
    let mut plot = Plot::new((HALF, top + side + 44.0), title, &description);
    plot.rect((left, top, side, side), "frame", "");
    plot.line(at(from, from), at(1.0, 1.0), "dashed");
    for value in ticks(from).filter(|&value| value > from - 1e-9) {
        let (text, (x, y)) = (format!("{value:.2}"), at(value, value));
        plot.text((x, top + side + 16.0), (Anchor::Middle, "faint"), &text);
        plot.text((left - 6.0, y + 4.0), (Anchor::End, "faint"), &text);
    }
    plot.text(
        (left + side / 2.0, top + side + 36.0),
        (Anchor::Middle, "label"),
        "confidence",
    );
    plot.text(
        (left + 4.0, top + 14.0),
        (Anchor::Start, "label"),
        "accuracy",
    );
    let mut curve = |name: &str, reliability: &Reliability, class: &str| {
        let points: Vec<_> = reliability
            .bins
            .iter()
            .map(|bin| at(bin.confidence, bin.accuracy))
            .collect();
        plot.path(&points, &format!("curve {class}"));
        for (bin, &point) in reliability.bins.iter().zip(&points) {
            let tip = format!(
                "{name}: {} faces, confidence {:.3}, accuracy {:.3}",
                bin.n, bin.confidence, bin.accuracy
            );
            plot.dot(point, class, &tip);
        }
    };
    curve("temperature 1", &calibration.uncalibrated, "actual");
    curve("calibrated", &calibration.calibrated, "predicted");
    let legend = left + side + 8.0;
    for (row, class, name, ece) in [
        (0.0, "predicted", "calibrated", calibration.calibrated.ece),
        (1.0, "actual", "temperature 1", calibration.uncalibrated.ece),
    ] {
        let y = top + 16.0 + row * 40.0;
        plot.dot((legend + 4.0, y - 4.0), class, name);
        plot.text((legend + 13.0, y), (Anchor::Start, "label"), name);
        plot.text(
            (legend + 13.0, y + 15.0),
            (Anchor::Start, "faint"),
            &format!("ECE {ece:.3}"),
        );
    }
    plot.finish()
}
