//! Labels of a file that the model does not know: all of them in one error.

use std::collections::BTreeMap;

use anyhow::bail;

use super::Labelled;
use crate::evaluate::Names;

/// Labels that the model does not know, and how many faces have each.
#[derive(Default)]
pub(super) struct Unknown(BTreeMap<(&'static str, String), usize>);

impl Unknown {
    pub(super) fn note(&mut self, attribute: &'static str, label: &str) {
        *self.0.entry((attribute, label.to_owned())).or_default() += 1;
    }

    pub(super) fn check(mut self, names: &Names, rows: &mut [Labelled]) -> anyhow::Result<()> {
        // Bands of quite another cut are no mistake: the same file may serve others.
        let knows_a_band = rows.iter().any(|row| row.truth.age_band.is_some());
        if !knows_a_band {
            self.leave_out_bands(names);
        }
        let Some(((_, example), _)) = self.0.first_key_value() else {
            return Ok(());
        };
        let coarser = match self
            .0
            .keys()
            .any(|(attribute, _)| *attribute == "ethnicity")
        {
            true => {
                " Coarser ethnicities are chosen with --ethnicity, if the manifest has groups of them."
            }
            false => "",
        };
        let list = self
            .0
            .iter()
            .map(|((attribute, label), n)| format!("{attribute} {label:?} ({n} faces)"));
        bail!(
            "labels that the model does not know: {}. It knows gender {:?}, ethnicity {:?} and age bands {:?}. Say what \
             each is called here with --map, for example --map {example:?}=other, or leave these faces out of the figure \
             with --map {example:?}=.{coarser}",
            list.collect::<Vec<_>>().join(", "),
            names.gender,
            names.ethnicity,
            names.age_bands,
        );
    }

    fn leave_out_bands(&mut self, names: &Names) {
        let mut bands = Vec::new();
        self.0.retain(|(attribute, label), _| {
            let is_band = *attribute == "age_band";
            if is_band {
                bands.push(label.clone());
            }
            !is_band
        });
        if !bands.is_empty() {
            tracing::warn!(
                labels = ?bands, bands = ?names.age_bands,
                "age_band: other bands than those of --age-bands; ages are left out"
            );
        }
    }
}
