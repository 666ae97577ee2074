//! A part of a list that stands for the whole.

/// So many rows, evenly over the whole.
pub fn spread<T>(rows: Vec<T>, limit: usize) -> Vec<T> {
    let n = rows.len();
    let is_taken = |place: usize| place * limit / n != (place + 1) * limit / n;
    let all = limit >= n;
    let taken = rows.into_iter().enumerate();
    taken
        .filter(|(place, _)| all || is_taken(*place))
        .map(|(_, row)| row)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn a_limit_spreads_over_the_file() {
        let files = |limit| spread((0..10).collect::<Vec<_>>(), limit);
        assert_eq!(files(2), [4, 9]);
        assert_eq!(files(3).len(), 3);
        assert_eq!(files(99).len(), 10);
    }
}
