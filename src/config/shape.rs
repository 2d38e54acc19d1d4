//! The forms that the values of keys have, as a JSON schema can check them. What a schema cannot check is
//! left to the readers in `values`.

use serde_json::{Value as Json, json};

use crate::config::values::units::{DURATION_UNITS, SIZE_UNITS};

/// The form of a key's values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shape {
    /// `true` or `false`.
    Boolean,
    /// A number of at least 1.
    Count,
    /// A duration with a unit.
    Duration,
    /// `true`, `false` or a duration.
    Keep,
    /// A list of strings.
    List,
    /// The locks of an mbox file.
    Locks,
    /// The number of a port.
    Port,
    /// A list of rules.
    Rules,
    /// A number of octets, or text with a unit.
    Size,
    /// A string.
    Text,
    /// A string or a list of strings.
    TextOrList,
    /// `true`.
    True,
    /// One of the words of the key.
    Word,
}

impl Shape {
    /// Returns the form of a key that has these words, or takes this shape.
    pub(super) const fn of(words: &[&str], takes: &[Self]) -> Self {
        match (words, takes) {
            ([], [shape, ..]) => *shape,
            ([], []) => Self::Text,
            // `true` and `false` are values of their own, not text.
            ([word], _) if word.len() == 4 => Self::True,
            ([first, second], _) if first.len() == 4 && second.len() == 5 => Self::Boolean,
            (_, _) => Self::Word,
        }
    }

    /// Returns the schema of such values. `words` are those of the key.
    pub(super) fn schema(self, words: &[&str]) -> Json {
        let text = json!({ "type": "string", "minLength": 1 });
        let list = json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 });
        let duration = json!({ "type": "string", "pattern": quantity(&DURATION_UNITS) });
        match self {
            Self::Boolean => json!({ "type": "boolean" }),
            Self::Count => json!({ "type": "integer", "minimum": 1 }),
            Self::Duration => duration,
            Self::Keep => json!({ "anyOf": [{ "type": "boolean" }, duration] }),
            Self::List => list,
            Self::Locks => {
                let lock = json!({ "enum": ["fcntl", "dotlock"] });
                let both =
                    json!({ "type": "array", "items": lock, "contains": { "const": "fcntl" } });
                json!({ "anyOf": [{ "const": "fcntl" }, both] })
            }
            Self::Port => json!({ "type": "integer", "minimum": 1, "maximum": 65_535 }),
            Self::Rules => json!({ "type": "array", "items": { "$ref": "#/definitions/rule" } }),
            Self::Size => json!({ "anyOf": [
                { "type": "integer", "minimum": 1 },
                { "type": "string", "pattern": quantity(&SIZE_UNITS) },
            ] }),
            Self::Text => text,
            Self::TextOrList => json!({ "anyOf": [text, list] }),
            Self::True => json!({ "const": true }),
            Self::Word => json!({ "enum": words }),
        }
    }

    /// Returns a value that was written in a table of keys, as JSON.
    pub(super) fn value(self, written: &str) -> Json {
        match (self, written, written.parse::<u64>()) {
            (Self::Boolean | Self::Keep | Self::True, "true", _) => true.into(),
            (Self::Boolean | Self::Keep, "false", _) => false.into(),
            (Self::Count | Self::Port, _, Ok(number)) => number.into(),
            _ => written.into(),
        }
    }
}

/// Returns the pattern of a number above zero and a unit, in any case.
fn quantity(units: &[(&str, u64)]) -> String {
    let any_case = |unit: &str| {
        let letters = unit.chars();
        letters
            .map(|c| format!("[{c}{}]", c.to_ascii_uppercase()))
            .collect()
    };
    let units: Vec<String> = units.iter().map(|(unit, _)| any_case(unit)).collect();
    let units = units.join("|");
    format!("^[ \\t]*0*[1-9][0-9]*[ \\t]*({units})[ \\t]*$")
}
