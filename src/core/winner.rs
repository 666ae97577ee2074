//! The most likely class: one rule for votes, figures and what people are shown.

use crate::record::Posterior;

/// The place of the largest weight; the first of equals. None of nothing.
pub fn winner<T: PartialOrd>(weights: &[T]) -> Option<usize> {
    let mut places = 0..weights.len();
    let first = places.next()?;
    let larger = |best: usize, place| match weights[place] > weights[best] {
        true => place,
        false => best,
    };
    Some(places.fold(first, larger))
}

impl Posterior {
    /// The most likely of these labels, with its probability.
    pub fn winner<'a>(&self, labels: &'a [String]) -> Option<(&'a str, f32)> {
        let place = winner(&self.0)?;
        Some((labels.get(place)?, self.0[place]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_largest_wins() {
        assert_eq!(winner(&[0.2, 0.4, 0.4]), Some(1));
        assert_eq!(winner(&[3, 1, 3]), Some(0));
        assert_eq!(winner::<f32>(&[]), None);
        let labels = ["a", "b", "c"].map(str::to_owned);
        let posterior = Posterior(vec![0.2, 0.4, 0.4]);
        assert_eq!(posterior.winner(&labels), Some(("b", 0.4)));
    }
}
