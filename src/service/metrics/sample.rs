//! One value out of many, for tests.

use std::collections::BTreeMap;

/// One series of a counter or gauge, as a scrape would see it now.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Sample {
    pub(super) fn of(metric: &prometheus::proto::Metric) -> Self {
        let labels = metric.get_label().iter();
        Self {
            labels: labels
                .map(|label| (label.name().to_owned(), label.value().to_owned()))
                .collect(),
            // A metric is one of the two; the other one reads as 0.
            value: metric.get_counter().get_value() + metric.get_gauge().get_value(),
        }
    }
}
