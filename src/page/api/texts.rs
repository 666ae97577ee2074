//! What streams say of the newest picture, written once for all pages that ask the same.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use demograph_service::snapshot::Snapshot;

/// Texts that are kept, and the longest of them.
const TEXTS_MAX: usize = 64;
const BYTES_MAX: usize = 256 * 1024;

/// The texts of one picture, by what was asked.
#[derive(Default)]
pub(crate) struct Texts(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    of: Arc<Snapshot>,
    texts: BTreeMap<String, Arc<str>>,
}

impl Texts {
    /// The text of this picture; it is written where it is not there.
    pub(super) fn of(
        &self,
        picture: &Arc<Snapshot>,
        asked: &str,
        write: impl FnOnce() -> String,
    ) -> Arc<str> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&kept.of, picture) {
            *kept = Kept {
                of: picture.clone(),
                texts: BTreeMap::new(),
            };
        }
        if let Some(text) = kept.texts.get(asked) {
            return text.clone();
        }
        let text: Arc<str> = write().into();
        if kept.texts.len() < TEXTS_MAX && text.len() <= BYTES_MAX {
            kept.texts.insert(asked.to_owned(), text.clone());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_written_once_for_a_picture_and_the_memory_is_bounded() {
        let texts = Texts::default();
        let [first, second] = [(); 2].map(|()| Arc::new(Snapshot::default()));
        let said = |picture, asked: &str, text: &str| {
            texts.of(picture, asked, || text.to_owned()).to_string()
        };
        assert_eq!(said(&first, "a", "1"), "1");
        assert_eq!(said(&first, "a", "2"), "1");
        assert_eq!(said(&first, "b", "3"), "3");
        assert_eq!(said(&second, "a", "4"), "4");
        let long = "x".repeat(BYTES_MAX + 1);
        assert_eq!(said(&second, "long", &long), long);
        assert_eq!(said(&second, "long", "short"), "short");
        for number in 0..1_000 {
            said(&second, &number.to_string(), "5");
        }
        assert_eq!(texts.0.lock().unwrap().texts.len(), TEXTS_MAX);
    }
}
