//! A line of samples -> a line of another length: the bilinear filter, its weights computed once for a length.
//!
//! Promises: a plane with fewer samples than pixels gives what it would give if it were first widened as libjpeg does
//! it (linearly, samples in the middle of their pixels), in one step; any processor computes the same rows.

#![expect(
    unsafe_code,
    reason = "calls code that is compiled for AVX2, once the processor has it"
)]
use std::array;

use crate::manifest::Resize;

/// What a weight of 1 is in a row's integers.
const ONE: i32 = 1 << 14;
/// Numbers that are computed at once. Lines are as long as a multiple of this, so that no loop over one has a slow rest.
pub(crate) const LANES: usize = 8;

/// Which line becomes which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Lengths {
    pub pixels: u32,
    pub pixels_per_sample: u32,
    pub outputs: u32,
}

/// The weights for one pair of lengths.
#[derive(Debug)]
pub(crate) struct Filter {
    taps: usize,
    /// Of every output: its first sample.
    starts: Vec<u32>,
    /// Of every output: as many as there are taps; they sum to 1.
    weights: Vec<f32>,
    /// The same in parts of [`ONE`].
    integers: Vec<i16>,
    /// None where the outputs are too far apart.
    groups: Option<Vec<Group>>,
}

impl Filter {
    pub fn new(lengths: Lengths, resize: Resize) -> Self {
        let Lengths {
            pixels,
            pixels_per_sample,
            outputs,
        } = lengths;
        let samples = pixels.div_ceil(pixels_per_sample);
        let scale = f64::from(pixels) / f64::from(outputs);
        // How far from its middle an output sees pixels.
        let reach = match resize {
            Resize::Antialias => scale.max(1.0),
            Resize::Bilinear => 1.0,
        };
        let windows: Vec<(u32, Vec<f64>)> = (0..outputs)
            .map(|output| {
                let middle = (f64::from(output) + 0.5) * scale;
                window((middle, reach), (pixels, pixels_per_sample, samples))
            })
            .collect();

        let longest = windows.iter().map(|(_, window)| window.len()).max();
        let taps = longest.unwrap_or(1);
        let (mut starts, mut weights) = (Vec::new(), vec![0.0; taps * outputs as usize]);
        for ((first, window), weights) in windows.iter().zip(weights.chunks_mut(taps)) {
            // A window at the end of the line begins earlier than it needs to, so that it ends where the line does.
            let start = (*first).min(samples - taps as u32);
            starts.push(start);
            let sum: f64 = window.iter().sum();
            for (weight, part) in weights[(first - start) as usize..].iter_mut().zip(window) {
                *weight = (part / sum) as f32;
            }
        }
        let integers: Vec<i16> = weights.chunks(taps).flat_map(integers).collect();
        Self {
            taps,
            groups: groups(taps, &starts, &integers),
            starts,
            weights,
            integers,
        }
    }

    /// The memory that it takes, about.
    pub fn bytes(&self) -> usize {
        let groups = self.groups.as_ref().map_or(0, Vec::len);
        size_of::<Self>()
            + size_of_val(&self.starts[..])
            + size_of_val(&self.weights[..])
            + size_of_val(&self.integers[..])
            + groups * size_of::<Group>()
    }

    /// Filters rows. Each becomes `wide` numbers; those behind the outputs mean nothing. Samples behind the rows are
    /// read, up to [`demograph_core::record::Crop::MARGIN`], but do not count.
    pub fn rows(&self, (samples, stride): (&[u8], usize), (rows, wide): (&mut [f32], usize)) {
        #[cfg(target_arch = "x86_64")]
        if let Some(groups) = &self.groups
            && std::arch::is_x86_feature_detected!("avx2")
        {
            let pairs = self.taps.div_ceil(2);
            // SAFETY: the processor was asked for the feature; nothing else is required.
            unsafe {
                match pairs {
                    1 => avx2::rows::<1>(groups, (samples, stride), (rows, wide)),
                    2 => avx2::rows::<2>(groups, (samples, stride), (rows, wide)),
                    3 => avx2::rows::<3>(groups, (samples, stride), (rows, wide)),
                    _ => avx2::rows::<PAIRS_MAX>(groups, (samples, stride), (rows, wide)),
                }
            }
            return;
        }
        self.rows_plainly((samples, stride), (rows, wide));
    }

    fn rows_plainly(&self, (samples, stride): (&[u8], usize), (rows, wide): (&mut [f32], usize)) {
        for (row, samples) in rows.chunks_exact_mut(wide).zip(samples.chunks(stride)) {
            let windows = self
                .starts
                .iter()
                .zip(self.integers.chunks_exact(self.taps));
            for (output, (&start, weights)) in row.iter_mut().zip(windows) {
                let seen = samples[start as usize..].iter().zip(weights);
                let sum: i32 = seen.map(|(&s, &w)| i32::from(s) * i32::from(w)).sum();
                *output = sum as f32;
            }
        }
    }

    /// Filters the columns of what [`Filter::rows`] made, for the output row `at`: numbers of 0..=255.
    #[inline(always)]
    pub fn column(&self, at: usize, rows: &[f32], line: &mut [f32]) {
        let rows = &rows[self.starts[at] as usize * line.len()..];
        let weights = &self.weights[at * self.taps..][..self.taps];
        match self.taps {
            1 => mix::<1>(rows, weights, line),
            2 => mix::<2>(rows, weights, line),
            3 => mix::<3>(rows, weights, line),
            4 => mix::<4>(rows, weights, line),
            5 => mix::<5>(rows, weights, line),
            _ => {
                let (first, rest) = weights.split_at(5);
                mix::<5>(rows, first, line);
                for (row, &weight) in rows.chunks_exact(line.len()).skip(5).zip(rest) {
                    let weight = weight / ONE as f32;
                    for (sum, number) in line.iter_mut().zip(row) {
                        *sum += number * weight;
                    }
                }
            }
        }
    }
}

/// The sum of some rows, each as long as the line; their number is known so that the sums stay in registers.
#[inline(always)]
fn mix<const ROWS: usize>(rows: &[f32], weights: &[f32], line: &mut [f32]) {
    let wide = line.len();
    let rows: [&[[f32; LANES]]; ROWS] =
        array::from_fn(|row| rows[row * wide..][..wide].as_chunks().0);
    let weights: [f32; ROWS] = array::from_fn(|row| weights[row] / ONE as f32);
    for (at, numbers) in line.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
        let mut sums = [0.0; LANES];
        for row in 0..ROWS {
            for lane in 0..LANES {
                sums[lane] += rows[row][at][lane] * weights[row];
            }
        }
        *numbers = sums;
    }
}

/// The first sample that an output sees, and how much it sees of that and the next ones.
fn window(
    (middle, reach): (f64, f64),
    (pixels, pixels_per_sample, samples): (u32, u32, u32),
) -> (u32, Vec<f64>) {
    // Half-open, clipped at the ends: as Pillow does it.
    let first = (middle - reach + 0.5).max(0.0) as u32;
    let last = ((middle + reach + 0.5) as u32).min(pixels);
    let mut start = None;
    let mut parts = Vec::with_capacity(16);
    for pixel in first..last {
        let part = 1.0 - (f64::from(pixel) + 0.5 - middle).abs() / reach;
        if part <= 0.0 {
            continue;
        }
        let place = (f64::from(pixel) + 0.5) / f64::from(pixels_per_sample) - 0.5;
        let place = place.clamp(0.0, f64::from(samples - 1));
        let start = *start.get_or_insert(place as u32);
        let (at, beside) = ((place as u32 - start) as usize, place.fract());
        let len = at + if beside > 0.0 { 2 } else { 1 };
        parts.resize(parts.len().max(len), 0.0);
        parts[at] += part * (1.0 - beside);
        if beside > 0.0 {
            parts[at + 1] += part * beside;
        }
    }
    (start.unwrap_or(0), parts)
}

/// Rounded so that they still sum to [`ONE`], what is even stays even: each makes up for what those before it lost.
fn integers(weights: &[f32]) -> Vec<i16> {
    let (mut exact, mut rounded) = (0.0, 0);
    let integer = |&weight: &f32| {
        exact += f64::from(weight) * f64::from(ONE);
        let integer = exact.round() as i32 - rounded;
        rounded += integer;
        integer as i16
    };
    weights.iter().map(integer).collect()
}

/// Pairs of taps that a group holds.
const PAIRS_MAX: usize = 4;
/// Samples that are loaded for half a group.
const LOADED: u32 = 16;

/// What a processor with wide registers needs for [`LANES`] outputs: for each half the first sample; then for each pair of
/// taps which of the loaded samples go where, and their weights.
#[derive(Debug)]
struct Group {
    starts: [u32; 2],
    places: [[u8; 32]; PAIRS_MAX],
    weights: [[i16; 16]; PAIRS_MAX],
}

fn groups(taps: usize, starts: &[u32], integers: &[i16]) -> Option<Vec<Group>> {
    /// For a shuffle: a zero.
    const NOTHING: u8 = 0x80;
    if taps > 2 * PAIRS_MAX {
        return None;
    }
    let group = |first: usize| {
        let mut group = Group {
            starts: [0; 2],
            places: [[NOTHING; 32]; PAIRS_MAX],
            weights: [[0; 16]; PAIRS_MAX],
        };
        for lane in 0..LANES {
            // Behind the last output: the last again.
            let output = (first + lane).min(starts.len() - 1);
            let half = lane / 4;
            if lane % 4 == 0 {
                group.starts[half] = starts[output];
            }
            for tap in 0..taps {
                let place = starts[output] + tap as u32 - group.starts[half];
                if place >= LOADED {
                    return None;
                }
                let (pair, part) = (tap / 2, tap % 2);
                // A sample takes two bytes of a register, as its weight does.
                group.places[pair][2 * (2 * lane + part)] = place as u8;
                group.weights[pair][2 * lane + part] = integers[output * taps + tap];
            }
        }
        Some(group)
    };
    (0..starts.len()).step_by(LANES).map(group).collect()
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m128i, __m256i, _mm256_add_epi32, _mm256_cvtepi32_ps, _mm256_madd_epi16,
        _mm256_set_m128i, _mm256_shuffle_epi8,
    };

    use super::{Group, LANES, LOADED};

    #[target_feature(enable = "avx2")]
    pub fn rows<const PAIRS: usize>(
        groups: &[Group],
        (samples, stride): (&[u8], usize),
        (rows, wide): (&mut [f32], usize),
    ) {
        for (number, row) in rows.chunks_exact_mut(wide).enumerate() {
            let samples = &samples[number * stride..][..stride + LOADED as usize];
            for (group, outputs) in groups.iter().zip(row.as_chunks_mut::<LANES>().0) {
                let [low, high] = group.starts.map(|start| load(samples, start));
                let seen = _mm256_set_m128i(high, low);
                let pair = |pair: usize| {
                    let places: __m256i = bytemuck::cast(group.places[pair]);
                    let weights: __m256i = bytemuck::cast(group.weights[pair]);
                    _mm256_madd_epi16(_mm256_shuffle_epi8(seen, places), weights)
                };
                let mut sum = pair(0);
                for more in 1..PAIRS {
                    sum = _mm256_add_epi32(sum, pair(more));
                }
                *outputs = bytemuck::cast(_mm256_cvtepi32_ps(sum));
            }
        }
    }

    #[inline(always)]
    fn load(samples: &[u8], start: u32) -> __m128i {
        let loaded = samples[start as usize..].first_chunk::<{ LOADED as usize }>();
        bytemuck::cast(*loaded.expect("samples have a margin behind them"))
    }
}

#[cfg(test)]
mod tests {
    use demograph_core::record::Crop;
    use proptest::prelude::*;

    use super::*;

    const ROWS: usize = 3;

    /// A filter, and some rows of samples that it can read.
    fn filters() -> impl Strategy<Value = (Filter, usize, Vec<u8>)> {
        let per = prop_oneof![Just(1u32), Just(2), Just(4)];
        let resize = prop_oneof![Just(Resize::Antialias), Just(Resize::Bilinear)];
        (1u32..700, per, 1u32..150, resize).prop_flat_map(|(pixels, per, outputs, resize)| {
            let lengths = Lengths {
                pixels,
                pixels_per_sample: per,
                outputs,
            };
            let stride = pixels.div_ceil(per) as usize;
            let samples = prop::collection::vec(any::<u8>(), ROWS * stride + Crop::MARGIN);
            samples.prop_map(move |samples| (Filter::new(lengths, resize), stride, samples))
        })
    }

    fn wide(filter: &Filter) -> usize {
        filter.starts.len().next_multiple_of(LANES)
    }

    /// Rows without what lies behind their outputs.
    fn outputs(filter: &Filter, rows: &[f32]) -> Vec<f32> {
        let count = filter.starts.len();
        let rows = rows.chunks(wide(filter));
        rows.flat_map(|row| row[..count].to_vec()).collect()
    }

    /// One line through a filter, in levels.
    fn filtered(filter: &Filter, line: &[u8]) -> Vec<f32> {
        let padded = [line, &[255; Crop::MARGIN]].concat();
        let mut row = vec![0.0; wide(filter)];
        filter.rows((&padded, line.len()), (&mut row, wide(filter)));
        let row = outputs(filter, &row);
        row.iter().map(|sum| sum / ONE as f32).collect()
    }

    proptest! {
        #[test]
        fn any_processor_computes_the_same_rows((filter, stride, samples) in filters()) {
            let wide = wide(&filter);
            let mut fast = vec![0.0; ROWS * wide];
            let mut plain = fast.clone();
            filter.rows((&samples, stride), (&mut fast, wide));
            filter.rows_plainly((&samples, stride), (&mut plain, wide));
            prop_assert_eq!(outputs(&filter, &fast), outputs(&filter, &plain));
        }

        #[test]
        fn what_is_even_stays_even((filter, stride, _) in filters(), level in any::<u8>()) {
            let even = filtered(&filter, &vec![level; stride]);
            prop_assert!(even.iter().all(|&output| output == f32::from(level)), "{even:?}");
            // Along the columns too: as many equal rows as the filter sees.
            let rows = vec![f32::from(level) * ONE as f32; stride * LANES];
            let mut line = [0.0; LANES];
            for at in 0..filter.starts.len() {
                filter.column(at, &rows, &mut line);
                prop_assert!((line[0] - f32::from(level)).abs() < 1e-3, "{line:?}");
            }
        }

        #[test]
        fn columns_are_filtered_as_rows_are((filter, stride, samples) in filters()) {
            let expected = filtered(&filter, &samples[..stride]);
            // The line upright, the same in every lane.
            let upright: Vec<f32> = samples[..stride]
                .iter()
                .flat_map(|&sample| [f32::from(sample) * ONE as f32; LANES])
                .collect();
            let mut line = [0.0; LANES];
            for (at, expected) in expected.into_iter().enumerate() {
                filter.column(at, &upright, &mut line);
                prop_assert!((line[3] - expected).abs() < 0.1, "{at}: {line:?}, not {expected}");
            }
        }

        #[test]
        fn shared_samples_count_as_if_they_were_widened_first(
            samples in prop::collection::vec(any::<u8>(), 1..200), outputs in 1u32..150,
        ) {
            // libjpeg: three parts of the nearer sample, one of the farther.
            let widened: Vec<f64> = (0..2 * samples.len())
                .map(|pixel| {
                    let beside = if pixel % 2 == 0 { (pixel / 2).saturating_sub(1) } else { pixel / 2 + 1 };
                    let beside = samples[beside.min(samples.len() - 1)];
                    0.75 * f64::from(samples[pixel / 2]) + 0.25 * f64::from(beside)
                })
                .collect();
            let lengths = |pixels_per_sample| Lengths {
                pixels: widened.len() as u32, pixels_per_sample, outputs,
            };
            let plain = Filter::new(lengths(1), Resize::Antialias);
            let shared = Filter::new(lengths(2), Resize::Antialias);
            // Weights are whole parts of ONE.
            let steps = samples.windows(2).map(|pair| f64::from(pair[0].abs_diff(pair[1])));
            let rounding = 1e-3 + 0.5 * steps.sum::<f64>() / f64::from(ONE);
            for (at, output) in filtered(&shared, &samples).into_iter().enumerate() {
                let weights = &plain.weights[at * plain.taps..][..plain.taps];
                let seen = &widened[plain.starts[at] as usize..];
                let expected: f64 = weights.iter().zip(seen).map(|(&w, s)| f64::from(w) * s).sum();
                prop_assert!((f64::from(output) - expected).abs() < rounding, "{at}: {output}, not {expected}");
            }
        }
    }
}
