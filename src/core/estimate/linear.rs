//! The little linear algebra that estimation needs: systems of as many unknowns as there are classes.

/// Rows of numbers.
pub(super) type Matrix = Vec<Vec<f64>>;

/// Below this a pivot says that the classes cannot be told apart.
const SINGULAR: f64 = 1e-10;

/// The inverse, by Gauss and Jordan with row pivoting; `None` where there is none worth using.
pub(super) fn inverse(matrix: &Matrix) -> Option<Matrix> {
    let n = matrix.len();
    let mut rows: Matrix = matrix
        .iter()
        .enumerate()
        .map(|(i, row)| {
            let unit = (0..n).map(|j| f64::from(u8::from(i == j)));
            row.iter().copied().chain(unit).collect()
        })
        .collect();
    for column in 0..n {
        let pivot = (column..n).max_by(|&a, &b| {
            let size = |row: usize| rows[row][column].abs();
            size(a).total_cmp(&size(b))
        })?;
        rows.swap(column, pivot);
        let scale = rows[column][column];
        if scale.abs() < SINGULAR || !scale.is_finite() {
            return None;
        }
        rows[column].iter_mut().for_each(|x| *x /= scale);
        let done = rows[column].clone();
        for (i, row) in rows.iter_mut().enumerate() {
            let factor = row[column];
            if i != column && factor != 0.0 {
                row.iter_mut()
                    .zip(&done)
                    .for_each(|(x, d)| *x -= factor * d);
            }
        }
    }
    Some(rows.into_iter().map(|row| row[n..].to_vec()).collect())
}

pub(super) fn times(matrix: &Matrix, vector: &[f64]) -> Vec<f64> {
    matrix.iter().map(|row| dot(row, vector)).collect()
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The rows and columns that are named.
pub(super) fn part(matrix: &Matrix, rows: &[usize], columns: &[usize]) -> Matrix {
    let row = |&i: &usize| columns.iter().map(|&j| matrix[i][j]).collect();
    rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_times_its_inverse_is_one() {
        let matrix = vec![
            vec![0.0, 2.0, 1.0],
            vec![1.0, 0.0, 3.0],
            vec![4.0, 1.0, 0.5],
        ];
        let inverse = inverse(&matrix).unwrap();
        for (i, row) in matrix.iter().enumerate() {
            for j in 0..3 {
                let column: Vec<f64> = inverse.iter().map(|row| row[j]).collect();
                let expected = f64::from(u8::from(i == j));
                assert!((dot(row, &column) - expected).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn equal_rows_have_no_inverse() {
        assert_eq!(inverse(&vec![vec![0.3, 0.7], vec![0.3, 0.7]]), None);
    }
}
