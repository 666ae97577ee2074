//! The API's description (OpenAPI 3.1), derived from the types of its answers.

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    ROOT,
    health::Health,
    live::Live,
    problem::Problem,
    series::{self, Series},
    sources::Sources,
    windows::{self, Windows},
};

/// A parameter of the query.
struct Parameter {
    name: &'static str,
    about: &'static str,
    schema: Value,
    is_required: bool,
}

/// The description, as it lies in schemas/.
pub fn description() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut types = settings.for_serialize().into_generator();
    let mut paths = json!({
        format!("{ROOT}/sources"): path(
            "The sources that the config names, and the rules that hold for each.",
            &of_sources(&["source", "search", "offset", "limit", "format", "scope"]),
            table(&types.subschema_for::<Sources>().to_value()),
            &mut types,
        ),
        format!("{ROOT}/live"): path(
            "Who was seen lately: the rolling views of each source. Released values only.",
            &of_sources(&["source", "search", "attribute", "offset", "limit", "format", "scope"]),
            table(&types.subschema_for::<Live>().to_value()),
            &mut types,
        ),
        format!("{ROOT}/live/stream"): path(
            "The same as server-sent events: an event \"live\" for each new picture.",
            &of_sources(&["source", "search", "attribute", "offset", "limit", "scope"]),
            json!({ "text/event-stream": {} }),
            &mut types,
        ),
        format!("{ROOT}/series"): path(
            "Hours or days of one source and attribute, from the tables hourly and daily.",
            &of_one(&series::PARAMETERS),
            table(&types.subschema_for::<Series>().to_value()),
            &mut types,
        ),
        format!("{ROOT}/windows"): path(
            "Released windows of one source and attribute, from the table demographics.",
            &of_one(&windows::PARAMETERS),
            table(&types.subschema_for::<Windows>().to_value()),
            &mut types,
        ),
        format!("{ROOT}/health"): path(
            "What became of the records, and what is wrong, each with its fix.",
            &of_sources(&["format", "scope"]),
            table(&types.subschema_for::<Health>().to_value()),
            &mut types,
        ),
        format!("{ROOT}/openapi.json"): path(
            "This description.",
            &[],
            json!({ "application/json": {} }),
            &mut types,
        ),
    });
    let problem = types.subschema_for::<Problem>();
    paths[format!("{ROOT}/health")]["get"]["responses"]["404"] = json!({
        "description": "These are tables without a service.",
        "content": { "application/problem+json": { "schema": problem } },
    });
    let mut types = types.take_definitions(true);
    of_site(&mut types);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "demograph",
            "version": "v1",
            "description": "Released values of a running demograph. Hidden values are null.",
        },
        "paths": paths,
        "components": { "schemas": types },
    })
}

/// What answers have where the config names peers.
fn of_site(types: &mut Map<String, Value>) {
    let text = json!({ "type": ["string", "null"] });
    let mut peer = json!({
        "type": "object",
        "properties": {
            "instance": { "type": "string" },
            "away_since": { "type": ["string", "null"], "format": "date-time" },
            "why": text,
        },
        "required": ["instance", "away_since", "why"],
    });
    let mut add = |name: &str, property: &str, about: &str, schema: &Value| {
        if let Some(found) = types.get_mut(name) {
            found["properties"][property] = schema.clone();
            found["properties"][property]["description"] = about.into();
        }
    };
    for name in ["Source", "LiveSource"] {
        let about =
            "The peer that shows the source; null: this instance. Only where there are peers.";
        add(name, "instance", about, &text);
    }
    let about =
        "The other instances, and since when and why one is away. Only where there are peers.";
    for name in ["Sources", "Live"] {
        add(
            name,
            "peers",
            about,
            &json!({ "type": "array", "items": peer }),
        );
    }
    let health = json!({ "$ref": "#/components/schemas/Health" });
    peer["properties"]["health"] = json!({ "anyOf": [health, { "type": "null" }] });
    add(
        "Health",
        "peers",
        about,
        &json!({ "type": "array", "items": peer }),
    );
}

fn path(
    about: &str,
    parameters: &[Parameter],
    content: Value,
    types: &mut SchemaGenerator,
) -> Value {
    let problem = types.subschema_for::<Problem>();
    let parameters: Vec<Value> = parameters.iter().map(Parameter::described).collect();
    json!({
        "get": {
            "summary": about,
            "parameters": parameters,
            "responses": {
                "200": { "description": "The answer.", "content": content },
                "403": {
                    "description": "The policy does not allow it.",
                    "content": { "application/problem+json": { "schema": problem } },
                },
                "400": {
                    "description": "A parameter is not as it must be.",
                    "content": { "application/problem+json": { "schema": problem } },
                },
                "401": {
                    "description": "The request shows no login.",
                    "content": { "application/problem+json": { "schema": problem } },
                },
                "406": {
                    "description": "The header Accept takes neither JSON nor CSV.",
                    "content": { "application/problem+json": { "schema": problem } },
                },
                "413": {
                    "description": "The request has a body.",
                    "content": { "application/problem+json": { "schema": problem } },
                },
                "429": {
                    "description": "Too much of one address; Retry-After says when to try again.",
                    "content": { "application/problem+json": { "schema": problem } },
                },
                "502": {
                    "description": "The peer that was named does not answer.",
                    "content": { "application/problem+json": { "schema": problem } },
                },
                "503": {
                    "description": "All places are taken; Retry-After says when to try again.",
                    "content": { "application/problem+json": { "schema": problem } },
                },
            },
        },
    })
}

/// An answer as JSON and as CSV.
fn table(schema: &Value) -> Value {
    json!({ "application/json": { "schema": schema }, "text/csv": {} })
}

impl Parameter {
    fn described(&self) -> Value {
        json!({
            "name": self.name,
            "in": "query",
            "description": self.about,
            "schema": self.schema,
            "required": self.is_required,
        })
    }
}

/// A series is of one source and one attribute, and so are windows.
fn of_one(names: &[&str]) -> Vec<Parameter> {
    let mut all = of_sources(&[names, &["instance"]].concat());
    for one in &mut all {
        one.is_required = ["source", "attribute"].contains(&one.name);
        if one.name == "source" {
            one.about = "The source.";
            one.schema = json!({ "type": "string" });
        }
    }
    all
}

fn of_sources(names: &[&str]) -> Vec<Parameter> {
    let all = [
        Parameter {
            name: "source",
            about: "Only this source; several may be named.",
            schema: json!({ "type": "array", "items": { "type": "string" } }),
            is_required: false,
        },
        Parameter {
            name: "search",
            about: "Only sources whose name holds this text.",
            schema: json!({ "type": "string" }),
            is_required: false,
        },
        Parameter {
            name: "attribute",
            about: "Only this attribute.",
            schema: json!({ "enum": ["age", "gender", "ethnicity"] }),
            is_required: false,
        },
        Parameter {
            name: "step",
            about: "Hours or days.",
            schema: json!({ "enum": ["hour", "day"], "default": "hour" }),
            is_required: false,
        },
        Parameter {
            name: "from",
            about: "The first date, by the clock of the source. Default: a week before `to`. Of windows: in UTC, default the day before `to`.",
            schema: json!({ "type": "string", "format": "date" }),
            is_required: false,
        },
        Parameter {
            name: "to",
            about: "The last date. Default: tomorrow. At most 400 dates make an answer. Of windows: today, and 31 dates.",
            schema: json!({ "type": "string", "format": "date" }),
            is_required: false,
        },
        Parameter {
            name: "offset",
            about: "Leave out so many sources, or windows.",
            schema: json!({ "type": "integer", "minimum": 0 }),
            is_required: false,
        },
        Parameter {
            name: "limit",
            about: "At most so many sources, or windows.",
            schema: json!({ "type": "integer", "minimum": 0, "maximum": 1000, "default": 50 }),
            is_required: false,
        },
        Parameter {
            name: "scope",
            about: "This instance alone, or with its peers.",
            schema: json!({ "enum": ["local", "site"], "default": "site" }),
            is_required: false,
        },
        Parameter {
            name: "instance",
            about: "The peer whose tables are read, as `instance` names it in other answers. Default: this instance.",
            schema: json!({ "type": "string" }),
            is_required: false,
        },
        Parameter {
            name: "format",
            about: "The form of the answer; it counts more than the header Accept.",
            schema: json!({ "enum": ["json", "csv"] }),
            is_required: false,
        },
    ];
    let wanted = all.into_iter();
    wanted.filter(|one| names.contains(&one.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_schema_is_what_the_types_say() {
        let text = serde_json::to_string_pretty(&description()).unwrap() + "\n";
        demograph_core::golden::equals("schemas/api.v1.openapi.json", &text);
    }
}
