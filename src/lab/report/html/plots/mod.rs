//! The plots of the report, one kind a file.

mod ages;
mod confusion;
mod reliability;
mod shares;

pub(super) use ages::{distribution, errors};
pub(super) use confusion::confusion;
pub(super) use reliability::reliability;
pub(super) use shares::{rates, shares};

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

fn legend(plot: &mut Plot, (x, y): (f64, f64), [actual, predicted]: [&str; 2]) {
    plot.rect((x, y - 9.0, 10.0, 10.0), "actual", actual);
    plot.text((x + 15.0, y), (Anchor::Start, "label"), actual);
    plot.rect((x + 90.0, y - 9.0, 10.0, 10.0), "predicted", predicted);
    plot.text((x + 105.0, y), (Anchor::Start, "label"), predicted);
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
