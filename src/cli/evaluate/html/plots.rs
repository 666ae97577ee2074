//! The plots of the report: confusion, reliability, distributions, bars, shares with their intervals.

use demograph_lab::evaluate::{
    AgeError, ByLabel, Calibration, Confusion, Distribution, Rate, Reliability,
};

use super::svg::{Anchor, Plot};

/// Width of the plots that stand two beside one another.
const HALF: f64 = 460.0;
/// Room for labels at the left.
const LEFT: f64 = 110.0;

/// Round shares from `from` (a multiple of 0.1) to 1, six at most.
fn ticks(from: f64) -> impl Iterator<Item = f64> {
    let step = match 1.0 - from {
        span if span < 0.15 => 0.02,
        span if span < 0.25 => 0.05,
        span if span < 0.55 => 0.1,
        _ => 0.2,
    };
    let n = ((1.0 - from) / step).round() as u32;
    (0..=n).map(move |back| 1.0 - f64::from(back) * step)
}

/// To one place, without a minus before nothing.
fn signed(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    format!("{:+.1}", rounded + 0.0)
}

/// Rows are true labels; the shade is the share of the row.
pub(super) fn confusion(title: &str, confusion: &Confusion) -> String {
    let labels = &confusion.labels;
    let cell_width = (HALF - LEFT - 10.0) / labels.len() as f64;
    let (cell_height, top) = (cell_width.min(48.0), 42.0);
    let size = (HALF, top + cell_height * labels.len() as f64 + 12.0);
    let description = "Rows: true label. Columns: predicted label. Shade: share of the row.";
    let mut plot = Plot::new(size, title, description);
    plot.text((LEFT - 8.0, 34.0), (Anchor::End, "faint"), "true ↓");
    plot.text((HALF - 10.0, 12.0), (Anchor::End, "faint"), "predicted →");
    for (column, label) in labels.iter().enumerate() {
        let x = LEFT + (column as f64 + 0.5) * cell_width;
        plot.text((x, 34.0), (Anchor::Middle, "label"), label);
    }
    for (row, label) in labels.iter().enumerate() {
        let y = top + row as f64 * cell_height;
        let support = confusion.support(row);
        let middle = y + cell_height / 2.0 + 4.0;
        plot.text((LEFT - 8.0, middle), (Anchor::End, "label"), label);
        for (column, &count) in confusion.counts[row].iter().enumerate() {
            let share = count as f64 / support.max(1) as f64;
            let x = LEFT + column as f64 * cell_width;
            let tip = format!("{label} taken for {}: {count} of {support}", labels[column]);
            let place = (x + 1.0, y + 1.0, cell_width - 2.0, cell_height - 2.0);
            plot.rect(place, "empty", "");
            plot.shaded(place, ("heat", share), &tip);
            let class = if share > 0.55 { "on-dark" } else { "label" };
            let text = if support == 0 {
                "-".into()
            } else {
                format!("{:.0} %", share * 100.0)
            };
            plot.text(
                (x + cell_width / 2.0, middle),
                (Anchor::Middle, class),
                &text,
            );
        }
    }
    plot.finish()
}

/// Confidence against accuracy; on the diagonal a probability means what it says.
pub(super) fn reliability(title: &str, calibration: &Calibration) -> String {
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

/// Two counts side by side in each column.
pub(super) fn distribution(title: &str, distribution: &Distribution) -> String {
    let starts = &distribution.starts;
    let most = distribution
        .actual
        .iter()
        .chain(&distribution.predicted)
        .max();
    let most = most.copied().unwrap_or(1).max(1) as f64;
    let (width, height, left, top) = (940.0, 190.0, 52.0, 24.0);
    let column = (width - left - 10.0) / starts.len() as f64;
    let description = "Faces in five-year columns, by labelled age and by expected age.";
    let mut plot = Plot::new((width, top + height + 40.0), title, description);
    for part in [0.0, 0.5, 1.0] {
        let y = top + height * (1.0 - part);
        plot.line((left, y), (width - 10.0, y), "grid");
        let text = format!("{:.0}", most * part);
        plot.text((left - 6.0, y + 4.0), (Anchor::End, "faint"), &text);
    }
    for (place, start) in starts.iter().enumerate() {
        let x = left + place as f64 * column;
        for (side, class, count) in [
            (0.0, "actual", distribution.actual[place]),
            (1.0, "predicted", distribution.predicted[place]),
        ] {
            let tall = count as f64 / most * height;
            let bar = column / 2.0 - 2.0;
            let tip = format!("from {start} years, {class}: {count}");
            let shape = (x + 2.0 + side * bar, top + height - tall, bar - 1.0, tall);
            plot.rect(shape, class, &tip);
        }
        plot.text(
            (x + 2.0, top + height + 16.0),
            (Anchor::Start, "faint"),
            &start.to_string(),
        );
    }
    plot.text(
        (width / 2.0, top + height + 36.0),
        (Anchor::Middle, "label"),
        "age, years",
    );
    legend(
        &mut plot,
        (width - 250.0, 14.0),
        ["labelled", "expected by the model"],
    );
    plot.finish()
}

fn legend(plot: &mut Plot, (x, y): (f64, f64), [actual, predicted]: [&str; 2]) {
    plot.rect((x, y - 9.0, 10.0, 10.0), "actual", actual);
    plot.text((x + 15.0, y), (Anchor::Start, "label"), actual);
    plot.rect((x + 90.0, y - 9.0, 10.0, 10.0), "predicted", predicted);
    plot.text((x + 105.0, y), (Anchor::Start, "label"), predicted);
}

/// A bar for the mean absolute error of each group, with a mark at the bias.
pub(super) fn errors(title: &str, groups: &ByLabel<Option<AgeError>>) -> String {
    let known = groups
        .0
        .iter()
        .filter_map(|(label, error)| Some((label, error.as_ref()?)));
    let rows: Vec<_> = known.collect();
    let most = rows.iter().fold(1.0f64, |most, (_, error)| {
        most.max(error.mae).max(error.bias.abs())
    });
    // The room for biases below 0 is taken only where there is one.
    let least = rows
        .iter()
        .fold(0.0f64, |least, (_, error)| least.min(error.bias));
    let (right, row) = (86.0, 26.0);
    let scale = (HALF - LEFT - right) / (most - least);
    let zero = LEFT - least * scale;
    let description = "Bars: mean absolute error in years. Marks: bias, to the right where people are taken for older.";
    let mut plot = Plot::new((HALF, row * rows.len() as f64 + 14.0), title, description);
    for (place, (label, error)) in rows.iter().enumerate() {
        let y = place as f64 * row + 4.0;
        let tip = format!(
            "{label}: {} faces, error {:.2}, bias {:+.2}, RMSE {:.2} years",
            error.n, error.mae, error.bias, error.rmse
        );
        plot.text((LEFT - 8.0, y + 15.0), (Anchor::End, "label"), label);
        plot.rect((zero, y + 2.0, error.mae * scale, row - 8.0), "bar", &tip);
        let x = zero + error.bias * scale;
        plot.line((x, y), (x, y + row - 4.0), "mark");
        let text = format!("{:.1} ({})", error.mae, signed(error.bias));
        plot.text((HALF, y + 15.0), (Anchor::End, "faint"), &text);
    }
    plot.line((zero, 0.0), (zero, row * rows.len() as f64 + 4.0), "axis");
    plot.finish()
}

/// Shares with their 95 % intervals, one a row; a dashed line where they ought to be.
pub(super) fn rates(title: &str, rows: &[(String, Rate)], target: Option<f64>) -> String {
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
pub(super) fn shares(title: &str, shares: &demograph_lab::evaluate::Shares) -> String {
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

#[cfg(test)]
mod tests {
    use super::signed;

    #[test]
    fn a_difference_that_rounds_to_nothing_has_no_minus() {
        assert_eq!(signed(-0.04), "+0.0");
        assert_eq!(signed(-0.06), "-0.1");
        assert_eq!(signed(4.26), "+4.3");
    }
}
