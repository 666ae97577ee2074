//! The cheapest matching of rows with columns (Kuhn 1955, Munkres 1957; the form with potentials, cubic in the rows).

/// A pair that costs so much is none: its row stays alone, which costs the same.
pub(super) const ALONE: f32 = 1.0;

/// For each row its column, so that the sum of costs is the least that is possible. Costs are 0 or more.
pub(super) fn assign(costs: &[Vec<f32>]) -> Vec<Option<usize>> {
    let (rows, real) = (costs.len(), costs.first().map_or(0, Vec::len));
    if real == 0 {
        return vec![None; rows];
    }
    // Behind the real columns each row has one for being alone. Row and column 0 stand for nothing.
    let columns = real + rows;
    let cost = |row: usize, column: usize| {
        if column <= real {
            let cost = costs[row - 1][column - 1];
            // Dearer than being alone: never taken, and finite.
            if cost < ALONE { cost } else { 1e6 }
        } else if column - real == row {
            ALONE
        } else {
            1e6
        }
    };
    let mut row_of = vec![0; columns + 1];
    let mut row_potential = vec![0.0f32; rows + 1];
    let mut column_potential = vec![0.0f32; columns + 1];
    for row in 1..=rows {
        row_of[0] = row;
        let mut at = 0;
        let mut least = vec![f32::INFINITY; columns + 1];
        let mut came_from = vec![0; columns + 1];
        let mut is_visited = vec![false; columns + 1];
        while row_of[at] != 0 {
            is_visited[at] = true;
            let current = row_of[at];
            let (mut step, mut next) = (f32::INFINITY, 0);
            for column in (1..=columns).filter(|&column| !is_visited[column]) {
                let reduced =
                    cost(current, column) - row_potential[current] - column_potential[column];
                if reduced < least[column] {
                    least[column] = reduced;
                    came_from[column] = at;
                }
                if least[column] < step {
                    step = least[column];
                    next = column;
                }
            }
            for column in 0..=columns {
                if is_visited[column] {
                    row_potential[row_of[column]] += step;
                    column_potential[column] -= step;
                } else {
                    least[column] -= step;
                }
            }
            at = next;
        }
        while at != 0 {
            let before = came_from[at];
            row_of[at] = row_of[before];
            at = before;
        }
    }
    let mut column_of = vec![None; rows];
    for column in 1..=real {
        if row_of[column] != 0 {
            column_of[row_of[column] - 1] = Some(column - 1);
        }
    }
    column_of
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(costs: &[Vec<f32>], columns: &[Option<usize>]) -> f32 {
        let rows = costs.iter().zip(columns);
        rows.map(|(row, column)| column.map_or(ALONE, |column| row[column]))
            .sum()
    }

    /// Tries every matching.
    fn least(costs: &[Vec<f32>], taken: &mut Vec<Option<usize>>) -> f32 {
        let Some(row) = costs.get(taken.len()) else {
            return sum(costs, taken);
        };
        let free: Vec<_> = (0..row.len())
            .map(Some)
            .filter(|column| !taken.contains(column))
            .chain([None])
            .collect();
        let mut best = f32::INFINITY;
        for column in free {
            taken.push(column);
            best = best.min(least(costs, taken));
            taken.pop();
        }
        best
    }

    #[test]
    fn two_near_pairs_beat_one_that_is_nearest() {
        // The nearest pair is (0, 0), but then the second row would have to go far.
        let costs = [vec![0.1, 0.2], vec![0.2, 0.9]];
        assert_eq!(assign(&costs), [Some(1), Some(0)]);
        assert_eq!(assign(&[vec![1.0], vec![0.99]]), [None, Some(0)]);
        assert_eq!(assign(&[vec![], vec![]]), [None, None]);
        assert_eq!(assign(&[]), []);
        assert_eq!(assign(&[vec![f32::INFINITY, f32::NAN, 0.5]]), [Some(2)]);
    }

    proptest! {
        #[test]
        fn no_matching_is_cheaper(
            costs in (0usize..6, 0usize..6).prop_flat_map(|(rows, columns)| {
                prop::collection::vec(prop::collection::vec(0.0f32..1.6, columns), rows)
            })
        ) {
            let columns = assign(&costs);
            let mut taken: Vec<_> = columns.iter().flatten().collect();
            taken.sort_unstable();
            let count = taken.len();
            taken.dedup();
            prop_assert_eq!(taken.len(), count, "a column was given twice");
            prop_assert!((sum(&costs, &columns) - least(&costs, &mut Vec::new())).abs() < 1e-4, "{:?}", columns);
        }
    }
}
