//! The JSON schema of the configuration, made from the table of keys. Editors use it to complete keys and to
//! mark mistakes. It does not know the rules between keys, except which of them exclude each other.

use serde_json::{Map, Value as Json, json};

use crate::config::document::{
    ACCOUNTS, ACCOUNTS_DIR, LOG, LONGEST_NAME, METRICS_FILE, RUN_TIMEOUT,
};
use crate::config::keys::{KEYS, Key, SectionKind};
use crate::config::shape::Shape;
use crate::config::target_keys;
use crate::config::values::Value;
use crate::config::values::delivery;
use crate::config::values::rules::{ACTIONS as RULE_ACTIONS, CONDITIONS as RULE_CONDITIONS};

/// Returns the schema as the text of a JSON file.
pub(crate) fn schema() -> String {
    let text = |help: &str| described(Shape::Text.schema(&[]), help);
    let timeout = Shape::Duration.schema(&[]);
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "The configuration of mailpull",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "defaults": { "$ref": "#/definitions/account" },
            ACCOUNTS: sections("account"),
            "targets": sections("target"),
            ACCOUNTS_DIR: text("A folder in which each file is an account."),
            RUN_TIMEOUT: described(timeout, "The longest time of a run."),
            METRICS_FILE: text("The file to which the state of the accounts is written after each run."),
            LOG: text("`syslog`, or a file to which events are written."),
        },
        "definitions": {
            "account": section(SectionKind::Account),
            "target": target(),
            "rule": rule(),
            "condition": condition(),
        },
    });
    format!("{schema:#}\n")
}

/// Returns the schema of a table of sections. Its keys are their names.
fn sections(kind: &str) -> Json {
    json!({
        "type": "object",
        "propertyNames": { "pattern": "^[A-Za-z0-9][A-Za-z0-9@._+-]*$", "maxLength": LONGEST_NAME },
        "additionalProperties": { "$ref": format!("#/definitions/{kind}") },
    })
}

/// Returns the schema of a section.
fn section(kind: SectionKind) -> Json {
    let keys: Vec<_> = KEYS.iter().filter(|key| key.fits(kind)).collect();
    let properties = keys.iter().map(|key| (key.name.to_owned(), property(key)));
    let properties: Map<_, _> = properties.collect();
    let excluded = keys.iter().filter_map(|key| {
        let others = keys.iter().filter(|other| other.field == key.field);
        let others = others.filter(|other| other.name != key.name);
        let others: Vec<_> = others
            .map(|other| json!({ "required": [other.name] }))
            .collect();
        (!others.is_empty()).then(|| (key.name.to_owned(), json!({ "not": { "anyOf": others } })))
    });
    let excluded: Map<_, _> = excluded.collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "dependencies": excluded,
    })
}

/// Returns the schema of a target. Its kind decides which keys it can have.
fn target() -> Json {
    let mut target = section(SectionKind::Target);
    let kinds = KEYS.iter().find(|key| key.name == "kind");
    let kinds = kinds.map_or(&[][..], |key| key.words).iter();
    let rules = kinds.map(|word| {
        let kind = delivery::kind(Value::from_text(word)).expect("the word of a key is a kind");
        let keys = KEYS
            .iter()
            .filter(|key| key.fits(SectionKind::Target) && target_keys::fits_kind(key, kind));
        let names: Vec<_> = keys.map(|key| key.name).collect();
        json!({
            "if": { "properties": { "kind": { "const": word } } },
            "then": { "propertyNames": { "enum": names } },
        })
    });
    target["allOf"] = rules.collect();
    target["required"] = json!(["kind"]);
    target
}

/// Returns the schema of a rule.
fn rule() -> Json {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "if": { "$ref": "#/definitions/condition" },
            "action": { "enum": RULE_ACTIONS },
            "deliver": Shape::TextOrList.schema(&[]),
        },
        "oneOf": [{ "required": ["action"] }, { "required": ["deliver"] }],
    })
}

/// Returns the schema of a table of conditions.
fn condition() -> Json {
    let tables = json!({ "$ref": "#/definitions/condition" });
    let list = json!({ "type": "array", "items": tables.clone(), "minItems": 1 });
    let properties = RULE_CONDITIONS.into_iter().map(|name| {
        let schema = match name {
            "all" | "any" => list.clone(),
            "not" => tables.clone(),
            "size-over" | "size-under" => Shape::Size.schema(&[]),
            "older-than" => Shape::Duration.schema(&[]),
            _ => Shape::Text.schema(&[]),
        };
        (name.to_owned(), schema)
    });
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties.collect::<Map<_, _>>(),
        "dependencies": { "matches": ["header"] },
    })
}

/// Returns the schema of a key's value.
fn property(key: &Key) -> Json {
    let paragraphs = key.help.split("\n\n").map(|paragraph| {
        let words: Vec<_> = paragraph.split_whitespace().collect();
        words.join(" ")
    });
    let mut help = paragraphs.collect::<Vec<_>>().join("\n\n");
    if let Some(otherwise) = key.otherwise {
        help += &format!(" Default: {otherwise}.");
    }
    let mut property = described(key.shape.schema(key.words), &help);
    if let Some(default) = key.default {
        property["default"] = key.shape.value(default);
    }
    property
}

fn described(mut schema: Json, help: &str) -> Json {
    schema["description"] = help.into();
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::origin::Origin;
    use crate::config::settings::Settings;

    /// Returns true if a schema allows some values of a type. It knows the words that this file uses.
    fn allows(schema: &Json, kind: &str) -> bool {
        let is_of_kind = |value: &Json| match kind {
            "boolean" => value.is_boolean(),
            "string" => value.is_string(),
            _ => false,
        };
        if let Some(choices) = schema["anyOf"].as_array() {
            return choices.iter().any(|choice| allows(choice, kind));
        }
        if let Some(values) = schema["enum"].as_array() {
            return values.iter().any(is_of_kind);
        }
        schema["type"] == kind || is_of_kind(&schema["const"])
    }

    #[test]
    fn a_schema_allows_the_types_that_its_reader_takes() {
        let text = || Value::from_text("x");
        for (kind, value, name) in [
            ("boolean", Value::Boolean(true), "a boolean"),
            ("integer", Value::Integer(7), "a number"),
            ("string", text(), "a string"),
            ("array", Value::List(vec![text()]), "a list"),
        ] {
            for key in KEYS {
                let sections = [SectionKind::Account, SectionKind::Target];
                let section = sections.into_iter().find(|section| key.fits(*section));
                let section = section.expect("a key has a section");
                let read = Settings::default().set(section, key.name, value.clone(), Origin::Url);
                let said = read
                    .err()
                    .map(|error| error.to_string())
                    .unwrap_or_default();
                let is_of_type = !said.ends_with(&format!(" {name}"));
                let is_taken = is_of_type && !said.contains("needs a unit");
                assert_eq!(
                    allows(&property(key), kind),
                    is_taken,
                    "{} {kind}: {said}",
                    key.name
                );
            }
        }
    }

    #[test]
    fn the_default_of_a_key_is_a_value_that_its_schema_names() {
        for key in KEYS.iter().filter(|key| key.shape == Shape::Word) {
            let property = property(key);
            if let Some(default) = property.get("default") {
                let words = property["enum"].as_array().expect("words are an enum");
                assert!(words.contains(default), "{}", key.name);
            }
        }
    }
}
