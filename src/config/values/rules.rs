//! The rules of an account.

use std::time::Duration;

use super::{Value, Wrong, duration, line, quoted, size};
use crate::config::document::WrittenValue;
use crate::config::nearest::nearest;
use crate::config::origin::Origin;
use crate::config::values::delivery::{self, WrittenTarget};
use crate::rules::{AccountRule, Pattern, RuleAction, RuleCondition};

/// The conditions that a rule can have.
pub(in crate::config) const CONDITIONS: [&str; 12] = [
    "header",
    "matches",
    "from",
    "to",
    "subject",
    "size-over",
    "size-under",
    "older-than",
    "all",
    "any",
    "not",
    "list-id",
];

/// The actions that a rule can have.
pub(in crate::config) const ACTIONS: [&str; 3] = ["leave", "discard", "delete"];

/// A mistake in the rules, and where it is, if it is not where they begin.
pub(in crate::config) struct RuleMistake {
    pub(in crate::config) at: Option<Origin>,
    pub(in crate::config) wrong: Wrong,
}

impl RuleMistake {
    fn at(entry: &Origin, wrong: Wrong) -> Self {
        Self {
            at: Some(entry.clone()),
            wrong,
        }
    }
}

/// Reads `rules`.
pub(in crate::config) fn rules(value: Value) -> Result<Vec<AccountRule>, RuleMistake> {
    let wrong = |value: Value| RuleMistake {
        at: None,
        wrong: value.instead_of("a list of tables"),
    };
    let Value::List(values) = value else {
        return Err(wrong(value));
    };
    let rules = values.into_iter().map(|value| match value {
        Value::Table(entries) => rule(entries),
        other => Err(wrong(other)),
    });
    rules.collect()
}

fn rule(entries: Vec<WrittenValue>) -> Result<AccountRule, RuleMistake> {
    let Some(first) = entries.first().map(|entry| entry.origin.clone()) else {
        let wrong = Wrong::from("has a rule without keys");
        return Err(RuleMistake { at: None, wrong });
    };
    let mut condition = None;
    let mut action = None;
    for WrittenValue { key, value, origin } in entries {
        let at = |wrong| RuleMistake::at(&origin, wrong);
        let is_second_action = match key.as_str() {
            "if" => {
                condition = Some(self::condition(value, &origin)?);
                false
            }
            "action" => action.replace(self::action(value).map_err(at)?).is_some(),
            "deliver" => {
                let read = delivery::deliver(value).map_err(at)?;
                let WrittenTarget::Named(names) = read else {
                    return Err(at("names no target".into()));
                };
                action.replace(RuleAction::Deliver(names)).is_some()
            }
            other => return Err(at(unknown(other, &["if", "action", "deliver"]))),
        };
        if is_second_action {
            return Err(at("has a rule with both \"action\" and \"deliver\"".into()));
        }
    }
    let missing = || {
        let hint = "Add action = \"leave\", \"discard\" or \"delete\", or deliver = \"NAME\"";
        RuleMistake::at(
            &first,
            Wrong::with_hint("has a rule that does nothing", hint),
        )
    };
    Ok(AccountRule {
        condition: condition.unwrap_or(RuleCondition::All(Vec::new())),
        action: action.ok_or_else(missing)?,
        origin: first.to_string(),
    })
}

fn action(value: Value) -> Result<RuleAction, Wrong> {
    match line(value)?.as_str() {
        "leave" => Ok(RuleAction::Leave),
        "discard" => Ok(RuleAction::Discard),
        "delete" => Ok(RuleAction::Delete),
        other => {
            let shown = quoted(other);
            let problem = format!(
                "has an action that is not \"leave\", \"discard\" or \"delete\" but {shown}"
            );
            Err(problem.into())
        }
    }
}

/// Reads a table of conditions, which are met together.
fn condition(value: Value, origin: &Origin) -> Result<RuleCondition, RuleMistake> {
    let Value::Table(entries) = value else {
        return Err(RuleMistake::at(
            origin,
            value.instead_of("tables of conditions"),
        ));
    };
    let mut all = Vec::new();
    let (mut header, mut matches) = (None, None);
    for WrittenValue { key, value, origin } in entries {
        let at = |wrong| RuleMistake::at(&origin, wrong);
        all.push(match key.as_str() {
            "header" => {
                header = Some(field_name(value).map_err(at)?);
                continue;
            }
            "matches" => {
                matches = Some((pattern(value).map_err(at)?, origin));
                continue;
            }
            "from" => field(&["from"], value).map_err(at)?,
            "to" => field(&["to", "cc"], value).map_err(at)?,
            "subject" => field(&["subject"], value).map_err(at)?,
            "list-id" => field(&["list-id"], value).map_err(at)?,
            "size-over" => RuleCondition::SizeOver(size(value).map_err(at)?),
            "size-under" => RuleCondition::SizeUnder(size(value).map_err(at)?),
            "older-than" => RuleCondition::OlderThan(age(value).map_err(at)?),
            "all" => RuleCondition::All(conditions(value, &origin)?),
            "any" => RuleCondition::Any(conditions(value, &origin)?),
            "not" => RuleCondition::Not(Box::new(condition(value, &origin)?)),
            other => return Err(at(unknown(other, &CONDITIONS))),
        });
    }
    match (header, matches) {
        (Some(name), matches) => {
            let pattern = matches.map(|(pattern, _)| pattern);
            all.push(RuleCondition::Field(vec![name], pattern));
        }
        (None, Some((_, origin))) => {
            let wrong = Wrong::with_hint(
                "has \"matches\" without \"header\"",
                "Write { header = \"List-Id\", matches = \"...\" }",
            );
            return Err(RuleMistake::at(&origin, wrong));
        }
        (None, None) => {}
    }
    match all.len() {
        1 => Ok(all.remove(0)),
        _ => Ok(RuleCondition::All(all)),
    }
}

fn conditions(value: Value, origin: &Origin) -> Result<Vec<RuleCondition>, RuleMistake> {
    match value {
        Value::List(values) if values.is_empty() => Err(RuleMistake::at(
            origin,
            "has an empty list of conditions".into(),
        )),
        Value::List(values) => values
            .into_iter()
            .map(|value| condition(value, origin))
            .collect(),
        other => Err(RuleMistake::at(
            origin,
            other.instead_of("lists of conditions"),
        )),
    }
}

fn field(names: &[&str], value: Value) -> Result<RuleCondition, Wrong> {
    let names = names.iter().map(ToString::to_string).collect();
    Ok(RuleCondition::Field(names, Some(pattern(value)?)))
}

fn pattern(value: Value) -> Result<Pattern, Wrong> {
    let text = line(value)?;
    Pattern::new(&text).map_err(|why| {
        format!(
            "has a pattern that cannot be read, {}: {why}",
            quoted(&text)
        )
        .into()
    })
}

/// Reads the name of a header field (RFC 5322, section 3.6.8).
fn field_name(value: Value) -> Result<String, Wrong> {
    let name = line(value)?;
    let is_valid = name.bytes().all(|c| c.is_ascii_graphic() && c != b':');
    match is_valid {
        true => Ok(name.to_ascii_lowercase()),
        false => Err(Wrong::with_hint(
            &format!("has a name that no header field has, {}", quoted(&name)),
            "Write it without a colon: header = \"List-Id\"",
        )),
    }
}

fn age(value: Value) -> Result<Duration, Wrong> {
    duration(value)
}

fn unknown(key: &str, known: &[&'static str]) -> Wrong {
    Wrong {
        problem: format!("has a key that no rule has, {}", quoted(key)),
        hint: nearest(key, known.iter().copied()),
    }
}
