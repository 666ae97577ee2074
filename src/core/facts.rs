//! What the program must know of a loaded model to count its answers.

use crate::record::Attribute;

/// What the rest of the program must know of a loaded model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFacts {
    /// `name@` and the first 12 digits of the hash over its files: goes into every row.
    pub id: String,
    /// Whether the model estimates ages.
    pub has_age: bool,
    /// Empty where the model has no such head.
    pub gender: Vec<String>,
    /// Empty where the model has no such head.
    pub ethnicity: Vec<String>,
}

impl ModelFacts {
    /// Whether the model estimates the attribute.
    pub fn has(&self, attribute: Attribute) -> bool {
        match attribute {
            Attribute::Age => self.has_age,
            Attribute::Gender => !self.gender.is_empty(),
            Attribute::Ethnicity => !self.ethnicity.is_empty(),
        }
    }
}
