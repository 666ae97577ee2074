//! Which labels are taken for which.

use super::{
    super::svg::{Anchor, Plot},
    HALF, LEFT,
};
use crate::evaluate::Confusion;

/// Rows are true labels; the shade is the share of the row.
pub(in super::super) fn confusion(title: &str, confusion: &Confusion) -> String {
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
