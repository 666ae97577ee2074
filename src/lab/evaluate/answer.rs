//! An estimate -> the numbers that evaluation compares: with the manifest's temperature and without it. Pure.

use demograph_core::{
    record::{AgePosterior, Estimate, Posterior},
    window::Categories,
};
use demograph_model::manifest::AgeInterval;

/// What the model says of one face.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    pub age: Option<AgeAnswer>,
    pub gender: Option<Scores>,
    pub ethnicity: Option<Scores>,
}

/// What the model says of an age.
#[derive(Debug, Clone, PartialEq)]
pub struct AgeAnswer {
    /// The expected age in years.
    pub mean: f32,
    pub bands: Scores,
    /// Where the manifest has intervals.
    pub interval: Option<(f32, f32)>,
}

/// The probabilities of the classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// As the service uses them.
    pub calibrated: Vec<f32>,
    /// As they were at temperature 1.
    pub uncalibrated: Vec<f32>,
}

/// How to read estimates: bands of age, intervals, and the temperatures that the model divided its logits by.
#[derive(Debug, Clone)]
pub struct Reading {
    pub categories: Categories,
    pub interval: Option<AgeInterval>,
    /// Of age, gender, ethnicity; 1 where there is no such head.
    pub temperatures: [f32; 3],
}

impl Reading {
    pub fn answer(&self, estimate: &Estimate) -> Answer {
        let [age_heat, gender_heat, ethnicity_heat] = self.temperatures;
        let scores = |posterior: &Posterior, heat| Scores {
            calibrated: posterior.0.clone(),
            uncalibrated: at_temperature_one(&posterior.0, heat),
        };
        Answer {
            age: estimate.age.as_ref().map(|age| self.age(age, age_heat)),
            gender: estimate.gender.as_ref().map(|p| scores(p, gender_heat)),
            ethnicity: estimate
                .ethnicity
                .as_ref()
                .map(|p| scores(p, ethnicity_heat)),
        }
    }

    fn age(&self, age: &AgePosterior, temperature: f32) -> AgeAnswer {
        let plain = AgePosterior {
            ages: age.ages.clone(),
            probabilities: at_temperature_one(&age.probabilities, temperature),
        };
        AgeAnswer {
            mean: age.mean(),
            bands: Scores {
                calibrated: self.categories.bands(age),
                uncalibrated: self.categories.bands(&plain),
            },
            interval: self.interval.as_ref().map(|interval| interval.of(age)),
        }
    }
}

/// softmax(logits) from softmax(logits / T): the power T, normalised.
fn at_temperature_one(probabilities: &[f32], temperature: f32) -> Vec<f32> {
    let powers: Vec<f32> = probabilities.iter().map(|p| p.powf(temperature)).collect();
    let sum: f32 = powers.iter().sum();
    if sum > 0.0 {
        powers.iter().map(|power| power / sum).collect()
    } else {
        probabilities.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use demograph_core::facts::ModelFacts;

    use super::*;

    #[test]
    fn the_temperature_is_taken_back() {
        let logits = [1.0f32, 3.0, -0.5];
        let softmax = |temperature: f32| -> Vec<f32> {
            let powers = logits.map(|logit| (logit / temperature).exp());
            powers.map(|p| p / powers.iter().sum::<f32>()).into()
        };
        for (a, b) in at_temperature_one(&softmax(2.5), 2.5)
            .iter()
            .zip(softmax(1.0))
        {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }

    #[test]
    fn an_age_is_read_as_a_mean_and_bands() {
        let facts = ModelFacts {
            id: "m".into(),
            has_age: true,
            gender: vec![],
            ethnicity: vec![],
        };
        let reading = Reading {
            categories: Categories::new(&[0, 10], &facts),
            interval: None,
            temperatures: [1.0; 3],
        };
        let estimate = Estimate {
            age: Some(AgePosterior {
                ages: [8.0, 12.0].into(),
                probabilities: vec![0.75, 0.25],
            }),
            ..Default::default()
        };
        let age = reading.answer(&estimate).age.unwrap();
        assert_eq!((age.mean, age.interval), (9.0, None));
        assert_eq!(age.bands.calibrated, [0.75, 0.25]);
    }
}
