//! The filters that were used last: a filter takes longer to make than to use, and crops of trackers have any size.
//!
//! Promises: what was used last stays; no more memory than [`BYTES_MAX`] and one filter.

use std::{collections::HashMap, sync::Arc};

use super::resample::{Filter, Lengths};
use crate::manifest::Resize;

/// Enough for about 800 lengths of crops: sides of 40 to 400 pixels, with and without shared samples.
const BYTES_MAX: usize = 8 << 20;

pub(crate) struct Filters {
    resize: Resize,
    kept: HashMap<Lengths, Kept>,
    bytes: usize,
    /// How often a filter was asked for.
    asked: u64,
}

struct Kept {
    filter: Arc<Filter>,
    /// When it was asked for last.
    used: u64,
}

impl Filters {
    pub fn new(resize: Resize) -> Self {
        Self {
            resize,
            kept: HashMap::new(),
            bytes: 0,
            asked: 0,
        }
    }

    /// The filter for these lengths; it is made when it is not there.
    pub fn get(&mut self, lengths: Lengths) -> Arc<Filter> {
        self.asked += 1;
        if let Some(kept) = self.kept.get_mut(&lengths) {
            kept.used = self.asked;
            return kept.filter.clone();
        }
        let filter = Arc::new(Filter::new(lengths, self.resize));
        self.bytes += filter.bytes();
        let kept = Kept {
            filter: filter.clone(),
            used: self.asked,
        };
        self.kept.insert(lengths, kept);
        while self.bytes > BYTES_MAX && self.kept.len() > 1 {
            self.forget_oldest();
        }
        filter
    }

    fn forget_oldest(&mut self) {
        let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used);
        let oldest = oldest.map(|(&lengths, _)| lengths);
        if let Some(kept) = oldest.and_then(|lengths| self.kept.remove(&lengths)) {
            self.bytes -= kept.filter.bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(pixels: u32) -> Lengths {
        Lengths {
            pixels,
            pixels_per_sample: 1,
            outputs: 112,
        }
    }

    #[test]
    fn crops_of_very_many_sizes_find_their_filters_again() {
        let mut filters = Filters::new(Resize::Antialias);
        let sizes = 40..440;
        let first: Vec<_> = sizes
            .clone()
            .map(|size| filters.get(lengths(size)))
            .collect();
        for (size, first) in sizes.zip(&first) {
            assert!(Arc::ptr_eq(first, &filters.get(lengths(size))), "{size}");
        }
    }

    #[test]
    fn memory_is_bounded_and_what_is_used_stays() {
        let mut filters = Filters::new(Resize::Antialias);
        let usual = filters.get(lengths(160));
        for size in 200..3000 {
            filters.get(lengths(size));
            assert!(Arc::ptr_eq(&usual, &filters.get(lengths(160))), "{size}");
            assert!(filters.bytes <= BYTES_MAX, "{} bytes", filters.bytes);
            let sum: usize = filters.kept.values().map(|kept| kept.filter.bytes()).sum();
            assert_eq!(sum, filters.bytes);
        }
        assert!(!filters.kept.contains_key(&lengths(200)), "all were kept");
    }
}
