//! A document (TOML, YAML) checked against a schema: what cannot be read, what the schema refuses. All faults at once, each with its fix.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The path of the field, such as `windows.pane`.
    pub field: String,
    /// What stands there; empty where nothing does.
    pub value: String,
    /// What to write instead.
    pub fix: String,
}

impl Fault {
    /// The fault of this field.
    pub fn new(field: &str, value: impl fmt::Display, fix: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            value: value.to_string(),
            fix: fix.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value.as_str() {
            "" => write!(f, "{}: {}", self.field, self.fix),
            value => write!(f, "{} = {value}: {}", self.field, self.fix),
        }
    }
}

/// Everything that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// A single fault.
    pub fn one(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => writeln!(f, "1 fault:")?,
            n => writeln!(f, "{n} faults:")?,
        }
        for fault in &self.0 {
            writeln!(f, "  {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// TOML as a JSON value, so that one schema serves editors and this check.
fn parse_toml(text: &str) -> Result<Value, Faults> {
    toml::from_str(text).map_err(|error| {
        let place = error.span().map_or(0, |span| span.start);
        let line = text[..place.min(text.len())].matches('\n').count() + 1;
        Faults::one(Fault::new(
            &format!("line {line}"),
            "",
            format!("not TOML: {}", error.message()),
        ))
    })
}

/// Reads TOML that must follow the schema of its type: all violations at once.
pub fn read_checked<T: DeserializeOwned>(text: &str, schema: &Value) -> Result<T, Faults> {
    checked(parse_toml(text)?, schema)
}

/// The same of a document in any notation.
pub fn checked<T: DeserializeOwned>(document: Value, schema: &Value) -> Result<T, Faults> {
    check_schema(&document, schema)?;
    serde_json::from_value(document)
        .map_err(|error| Faults::one(Fault::new("(file)", "", error.to_string())))
}

/// Every violation of the schema, in the order of the fields.
fn check_schema(document: &Value, schema: &Value) -> Result<(), Faults> {
    let validator =
        jsonschema::validator_for(schema).expect("the derived schema is a valid JSON Schema");
    let mut faults: Vec<_> = validator
        .iter_errors(document)
        .map(|error| explain(schema, document, &error))
        .collect();
    faults.sort();
    faults.dedup();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Faults(faults))
    }
}

fn explain(schema: &Value, document: &Value, error: &jsonschema::ValidationError<'_>) -> Fault {
    let pointer = error.instance_path().as_str();
    let field = match dotted(pointer) {
        root if root.is_empty() => "(file)".into(),
        path => path,
    };
    let is_hidden = may_hold_a_secret(pointer);
    let value = match document.pointer(pointer) {
        Some(Value::Object(_)) | None => String::new(),
        Some(_) if is_hidden => String::new(),
        Some(value) => value.to_string(),
    };
    let help = description(schema, error.schema_path().as_str());
    let words = match is_hidden {
        true if is_hash(pointer) => NO_HASH.to_owned(),
        true => NO_TEXT.to_owned(),
        false => choices_at(schema, error.schema_path().as_str()).unwrap_or_else(|| plain(error)),
    };
    let fix = match help {
        Some(help) => format!("{words} — {help}"),
        None => words,
    };
    Fault { field, value, fix }
}

/// What is said of a value that must not be shown.
const NO_TEXT: &str = "is not what belongs here: write NAME = a text, a number, true, false, { env = \"NAME\" } or { file = \"PATH\" }";

/// The same where hashes of passwords stand.
const NO_HASH: &str =
    "is not what belongs here: write NAME: \"HASH\", the bcrypt hash of a password";

/// Whether users and their passwords stand here, as in web-config.yml.
fn is_hash(pointer: &str) -> bool {
    pointer.starts_with("/basic_auth_users")
}

/// Whether the value at this place may be a secret, or hold one: then neither it nor a sentence about it is shown.
fn may_hold_a_secret(pointer: &str) -> bool {
    let sections = ["/kafka/properties", "/output/options", "/http/peers_token"];
    // Of a camera.
    let keys = ["address", "password"];
    is_hash(pointer)
        || sections.iter().any(|section| pointer.starts_with(section))
        || pointer.split('/').any(|part| keys.contains(&part))
}

/// The validator's sentence without the value, which stands beside it already.
fn plain(error: &jsonschema::ValidationError<'_>) -> String {
    let sentence = error.to_string();
    let instance = error.instance().to_string();
    match sentence.strip_prefix(&instance) {
        Some(rest) if !instance.is_empty() => rest.trim_start().to_owned(),
        _ => sentence,
    }
}

/// What is said where the violated keyword leaves only certain words.
fn choices_at(schema: &Value, keyword: &str) -> Option<String> {
    let is_choice = ["/oneOf", "/anyOf"]
        .iter()
        .any(|end| keyword.ends_with(end));
    let place = schema.pointer(&keyword[..keyword.rfind('/')?])?;
    let words = choices(schema, place).filter(|_| is_choice)?;
    Some(format!("is not one of {}", words.join(", ")))
}

/// The words that may stand there; none where something else may stand there, too.
fn choices(schema: &Value, place: &Value) -> Option<Vec<String>> {
    let list = |key| place.get(key).and_then(Value::as_array);
    if let Some(word) = place.get("const") {
        return Some(vec![word.to_string()]);
    }
    if let Some(words) = list("enum") {
        return Some(words.iter().map(Value::to_string).collect());
    }
    if let Some(reference) = place.get("$ref").and_then(Value::as_str) {
        return choices(schema, schema.pointer(reference.strip_prefix('#')?)?);
    }
    // What may be left out. Nobody writes it.
    if place.get("type").is_some_and(|kind| kind == "null") {
        return Some(Vec::new());
    }
    let variants = list("oneOf").or_else(|| list("anyOf"))?.iter();
    let words: Option<Vec<_>> = variants.map(|one| choices(schema, one)).collect();
    Some(words?.concat())
}

/// `/source/0/id` -> `source[0].id`
fn dotted(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        if part.parse::<usize>().is_ok() {
            path.push_str(&format!("[{part}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&part);
        }
    }
    path
}

/// The doc comment of the field that a violated keyword belongs to: the nearest one above it in the schema.
fn description<'a>(schema: &'a Value, keyword: &str) -> Option<&'a str> {
    let parent = &keyword[..keyword.rfind('/')?];
    schema
        .pointer(parent)?
        .get("description")?
        .as_str()
        .filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As schemars writes choices: with documentation each stands alone, and one that may be left out is null besides.
    fn faults(document: Value) -> Vec<String> {
        let schema = json!({
            "properties": {
                "provider": { "$ref": "#/$defs/Provider" },
                "kept": { "anyOf": [{ "$ref": "#/$defs/Provider" }, { "type": "null" }] },
                "text": { "anyOf": [{ "type": "string" }, { "type": "boolean" }] },
            },
            "$defs": { "Provider": {
                "description": "Who computes.",
                "oneOf": [
                    { "type": "string", "enum": ["cpu", "cuda"] },
                    { "type": "string", "const": "auto", "description": "The faster one." },
                ],
            } },
        });
        let error = checked::<Value>(document, &schema).unwrap_err();
        error.0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_word_that_is_none_of_the_choices_is_told_which_there_are() {
        for wrong in [json!("gpu"), json!("CPU"), json!(1)] {
            let expected = [format!(
                "provider = {wrong}: is not one of \"cpu\", \"cuda\", \"auto\" — Who computes."
            )];
            assert_eq!(faults(json!({ "provider": wrong })), expected);
        }
        let kept = faults(json!({ "kept": "gpu" }));
        assert_eq!(
            kept,
            ["kept = \"gpu\": is not one of \"cpu\", \"cuda\", \"auto\""]
        );
    }

    #[test]
    fn where_any_text_may_stand_nothing_is_called_a_choice() {
        let told = faults(json!({ "text": 1 }));
        assert!(told[0].contains("text = 1: is not valid"), "{told:?}");
    }
}
