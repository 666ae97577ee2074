//! Ages: how they are distributed, and how far off they are.

use super::{
    super::svg::{Anchor, Plot},
    HALF, LEFT, legend, signed,
};
use crate::evaluate::{AgeError, ByLabel, Distribution};

/// Two counts side by side in each column.
pub(in super::super) fn distribution(title: &str, distribution: &Distribution) -> String {
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

/// A bar for the mean absolute error of each group, with a mark at the bias.
pub(in super::super) fn errors(title: &str, groups: &ByLabel<Option<AgeError>>) -> String {
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
