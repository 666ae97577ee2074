//! A model without a net, for tests of everything round it: the estimate follows from the crop's mean colour.

use demograph_core::{
    facts::ModelFacts,
    record::{AgePosterior, Attribute, Crop, Estimate, Posterior},
};

use super::{Answer, Model};

/// Deterministic and instant.
pub struct StubModel {
    facts: ModelFacts,
}

impl Default for StubModel {
    fn default() -> Self {
        let labels = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect();
        Self {
            facts: ModelFacts {
                id: "stub@000000000000".into(),
                has_age: true,
                gender: labels(&["female", "male"]),
                ethnicity: labels(&["white", "black", "asian", "indian", "other"]),
            },
        }
    }
}

impl Model for StubModel {
    fn facts(&self) -> &ModelFacts {
        &self.facts
    }

    /// Red is the age in years up to 100, green the gender, blue the ethnicity.
    fn estimate(&mut self, crops: &[Crop]) -> anyhow::Result<Vec<Answer>> {
        Ok(crops.iter().map(|crop| Ok(estimate(crop))).collect())
    }
}

fn estimate(crop: &Crop) -> Estimate {
    let levels = [0, 1, 2].map(|plane| mean_level(crop, plane));
    let [red, green, blue] = crop.colour_space.to_rgb(levels).map(|level| level / 255.0);
    let age = AgePosterior {
        ages: [red * 100.0].into(),
        probabilities: vec![1.0],
    };
    let gender = Posterior(vec![green, 1.0 - green]);
    let winner = ((blue * 5.0) as usize).min(4);
    let ethnicity = Posterior(
        (0..5)
            .map(|n| if n == winner { 1.0 } else { 0.0 })
            .collect(),
    );
    let allows = |attribute| crop.attributes.contains(attribute);
    Estimate {
        age: allows(Attribute::Age).then_some(age),
        gender: allows(Attribute::Gender).then_some(gender),
        ethnicity: allows(Attribute::Ethnicity).then_some(ethnicity),
    }
}

fn mean_level(crop: &Crop, plane: usize) -> f32 {
    let plane = &crop.planes[plane];
    let [across, down] = plane.pixels_per_sample;
    let (width, rows) = (crop.width.div_ceil(across), crop.height.div_ceil(down));
    let rows = crop.samples[plane.start..]
        .chunks(plane.stride)
        .take(rows as usize);
    let (mut sum, mut count) = (0.0, 0);
    for row in rows {
        let row = &row[..width as usize];
        sum += row.iter().map(|&level| f64::from(level)).sum::<f64>();
        count += row.len();
    }
    (sum / count.max(1) as f64) as f32
}
