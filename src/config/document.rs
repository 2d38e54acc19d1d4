//! TOML as it was written: sections of keys and values, each with its line.
//! The meaning of the keys is in `keys`.

use std::borrow::Cow;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};
use zeroize::Zeroizing;

use crate::config::error::Error;
use crate::config::origin::Origin;
use crate::config::values::{Value, quoted};

/// A configuration file as it was written.
pub(super) struct Document {
    /// The value of `accounts-dir`.
    pub(super) accounts_dir: Option<WrittenValue>,
    /// The value of `accounts-command`.
    pub(super) accounts_command: Option<WrittenValue>,
    /// The settings of a whole run.
    pub(super) run: Vec<WrittenValue>,
    pub(super) defaults: Vec<WrittenValue>,
    pub(super) accounts: Vec<WrittenSection>,
    pub(super) targets: Vec<WrittenSection>,
}

/// The section of one account or target. Its keys are in the order of the file.
pub(super) struct WrittenSection {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) entries: Vec<WrittenValue>,
}

/// A key with its value, and where it was written.
#[derive(Clone)]
pub(super) struct WrittenValue {
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) origin: Origin,
}

impl Document {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// The text is not TOML, has an unknown name at the top, has something other than a table
    /// where a table must be, or has a name that no account can have.
    pub(super) fn parse(octets: &[u8], path: &str) -> Result<Self, Error> {
        let mut mistakes = Vec::new();
        let document = Self::gather(octets, path, &mut mistakes)?;
        mistakes.into_iter().next().map_or(Ok(document), Err)
    }

    /// Reads the text of a file as far as it makes sense. Adds all other mistakes.
    ///
    /// # Errors
    /// The text is not TOML.
    pub(super) fn gather(
        octets: &[u8],
        path: &str,
        mistakes: &mut Vec<Error>,
    ) -> Result<Self, Error> {
        let lines = LineIndex::new(octets, path);
        let text = lines.text()?;
        let table = DeTable::parse(text).map_err(|error| lines.syntax(&error))?;
        let mut document = Self {
            accounts_dir: None,
            accounts_command: None,
            run: Vec::new(),
            defaults: Vec::new(),
            accounts: Vec::new(),
            targets: Vec::new(),
        };
        for (key, value) in in_order(table.into_inner()) {
            let at = lines.origin(key.span().start);
            match key.get_ref().as_ref() {
                ACCOUNTS => document.accounts = sections(value, ACCOUNTS, at, &lines, mistakes),
                "targets" => document.targets = sections(value, "targets", at, &lines, mistakes),
                ACCOUNTS_DIR => document.accounts_dir = Some(written((key, value), &lines)),
                ACCOUNTS_COMMAND => {
                    document.accounts_command = Some(written((key, value), &lines));
                }
                RUN_TIMEOUT | METRICS_FILE | LOG => {
                    document.run.push(written((key, value), &lines))
                }
                "defaults" => match entries(value, "defaults", at, &lines) {
                    Ok(entries) => document.defaults = entries,
                    Err(mistake) => mistakes.push(mistake),
                },
                other => mistakes.push(unknown_section(other, at)),
            }
        }
        Ok(document)
    }
}

/// Reads the text of a file that is one account. Its keys are at the top.
///
/// # Errors
/// The text is not TOML.
pub(super) fn account(octets: &[u8], path: &str) -> Result<Vec<WrittenValue>, Error> {
    let lines = LineIndex::new(octets, path);
    let table = DeTable::parse(lines.text()?).map_err(|error| lines.syntax(&error))?;
    let pairs = in_order(table.into_inner()).into_iter();
    Ok(pairs.map(|pair| written(pair, &lines)).collect())
}

/// Reads the text of one value. Returns `None` if it is not a value of TOML.
pub(super) fn value(text: &str) -> Option<Value> {
    let value = DeValue::parse(text).ok()?;
    let lines = LineIndex::new(text.as_bytes(), "the command line");
    Some(convert(value.into_inner(), &lines))
}

/// Returns a text as a string of TOML, in quotes.
pub(super) fn toml_string(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Returns true if an account can have this name.
pub(crate) fn is_account_name(name: &str) -> bool {
    let is_inner = |c: u8| c.is_ascii_alphanumeric() || b"@._+-".contains(&c);
    name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(is_inner)
}

/// Returns the error about a name that no account can have.
pub(super) fn invalid_account_name(name: &str, at: Origin) -> Error {
    invalid_name(name, ACCOUNTS, at)
}

/// Returns the error about a name that no section below a table can have.
fn invalid_name(name: &str, table: &str, at: Origin) -> Error {
    let whose = match table {
        ACCOUNTS => "an account's",
        _ => "a target's",
    };
    Error::Syntax {
        at,
        problem: format!("{} cannot be {whose} name", quoted(name)),
        hint: Some("Use up to 64 of A-Z a-z 0-9 @ . _ + -, and begin with a letter or a digit"),
    }
}

type Pair<'a> = (Spanned<Cow<'a, str>>, Spanned<DeValue<'a>>);

fn in_order(table: DeTable<'_>) -> Vec<Pair<'_>> {
    let mut pairs: Vec<_> = table.into_iter().collect();
    // The parser sorts keys by name. Errors should name the first mistake in the file.
    pairs.sort_by_key(|(key, _)| key.span().start);
    pairs
}

/// Reads the sections whose names begin with the name of a table and a dot.
fn sections(
    value: Spanned<DeValue<'_>>,
    of: &str,
    at: Origin,
    lines: &LineIndex<'_>,
    mistakes: &mut Vec<Error>,
) -> Vec<WrittenSection> {
    let table = match table(value, &format!("{of}.NAME"), at) {
        Ok(table) => table,
        Err(mistake) => {
            mistakes.push(mistake);
            return Vec::new();
        }
    };
    let section = |(key, value): Pair<'_>| {
        let origin = lines.origin(key.span().start);
        let name = key.into_inner().into_owned();
        if !is_account_name(&name) {
            return Err(invalid_name(&name, of, origin));
        }
        Ok(WrittenSection {
            entries: entries(value, &format!("{of}.{name}"), origin.clone(), lines)?,
            name,
            origin,
        })
    };
    let mut sections = Vec::new();
    for read in in_order(table).into_iter().map(section) {
        match read {
            Ok(section) => sections.push(section),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    sections
}

fn entries(
    value: Spanned<DeValue<'_>>,
    name: &str,
    at: Origin,
    lines: &LineIndex<'_>,
) -> Result<Vec<WrittenValue>, Error> {
    let pairs = in_order(table(value, name, at)?).into_iter();
    Ok(pairs.map(|pair| written(pair, lines)).collect())
}

fn written((key, value): Pair<'_>, lines: &LineIndex<'_>) -> WrittenValue {
    WrittenValue {
        origin: lines.origin(key.span().start),
        key: key.into_inner().into_owned(),
        value: convert(value.into_inner(), lines),
    }
}

fn table<'a>(value: Spanned<DeValue<'a>>, name: &str, at: Origin) -> Result<DeTable<'a>, Error> {
    match value.into_inner() {
        DeValue::Table(table) => Ok(table),
        _ => Err(Error::Syntax {
            at,
            problem: format!("must be a table, [{name}]"),
            hint: None,
        }),
    }
}

fn unknown_section(name: &str, at: Origin) -> Error {
    Error::Syntax {
        at,
        problem: format!("{} cannot be at the top of the file", quoted(name)),
        hint: Some("Put keys below [defaults], [accounts.NAME] or [targets.NAME]"),
    }
}

fn convert(value: DeValue<'_>, lines: &LineIndex<'_>) -> Value {
    match value {
        DeValue::Array(values) => Value::List(convert_all(values, lines)),
        DeValue::Boolean(flag) => Value::Boolean(flag),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Float(_) => Value::Other("a decimal number"),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("a number that is too large"), Value::Integer),
        DeValue::String(text) => Value::Text(Zeroizing::new(text.into_owned())),
        DeValue::Table(table) => {
            let pairs = in_order(table).into_iter();
            Value::Table(pairs.map(|pair| written(pair, lines)).collect())
        }
    }
}

fn convert_all(values: DeArray<'_>, lines: &LineIndex<'_>) -> Vec<Value> {
    values
        .into_iter()
        .map(|value| convert(value.into_inner(), lines))
        .collect()
}

/// Finds the line of an offset in a text.
struct LineIndex<'a> {
    octets: &'a [u8],
    /// The offsets of the line feeds, in order.
    ends: Vec<usize>,
    path: Arc<str>,
}

impl<'a> LineIndex<'a> {
    fn new(octets: &'a [u8], path: &str) -> Self {
        Self {
            octets,
            ends: memchr::memchr_iter(b'\n', octets).collect(),
            path: path.into(),
        }
    }

    fn text(&self) -> Result<&'a str, Error> {
        str::from_utf8(self.octets).map_err(|error| Error::Syntax {
            at: self.origin(error.valid_up_to()),
            problem: "this line is not UTF-8".to_owned(),
            hint: None,
        })
    }

    fn origin(&self, offset: usize) -> Origin {
        Origin::File {
            path: self.path.clone(),
            line: 1 + self.ends.partition_point(|end| *end < offset),
        }
    }

    /// Returns an error of the TOML parser on one line. The text that it is about is shown only if
    /// it is a key, because a value may be a password.
    fn syntax(&self, error: &toml::de::Error) -> Error {
        let span = error.span().unwrap_or_default();
        let mut problem = error.message().lines().collect::<Vec<_>>().join("; ");
        let at = self.origin(span.start);
        if problem == "duplicate key"
            && let Some(Ok(key)) = self.octets.get(span).map(str::from_utf8)
        {
            problem = format!("{} is there twice", quoted(key));
        }
        let hint = match problem.as_str() {
            text if text.starts_with("invalid unquoted key") => {
                Some("Put a name with other characters in quotes: [accounts.\"me@example.com\"]")
            }
            text if text.starts_with("string values must be quoted")
                || text.starts_with("unexpected key or value") =>
            {
                Some(
                    "Put text between single quotes, in which every character stands for itself; text \
                     with a single quote, between three of them",
                )
            }
            _ => None,
        };
        Error::Syntax { at, problem, hint }
    }
}

/// The most octets of the name of an account or a target.
pub(super) const LONGEST_NAME: usize = 64;

/// The table of the accounts.
pub(super) const ACCOUNTS: &str = "accounts";

/// The key of the folder in which each file is an account.
pub(super) const ACCOUNTS_DIR: &str = "accounts-dir";

/// The key of the command that prints accounts.
pub(super) const ACCOUNTS_COMMAND: &str = "accounts-command";

/// The key for the longest time of a run.
pub(super) const RUN_TIMEOUT: &str = "run-timeout";

/// The key of the file to which the state of the accounts is written.
pub(super) const METRICS_FILE: &str = "metrics-file";

/// The key of the place to which events are logged.
pub(super) const LOG: &str = "log";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: impl AsRef<[u8]>) -> Result<Document, String> {
        Document::parse(text.as_ref(), "f").map_err(|error| error.to_string())
    }

    #[test]
    fn sections_and_keys_keep_their_order_and_lines() {
        let text = "[accounts.b]\ny = 1\nx = 2\n[defaults]\n[accounts.a]\nz.y = 3";
        let document = parse(text).expect("the text is a configuration");
        let mut seen = Vec::new();
        for section in document.accounts {
            seen.push(format!("{} {}", section.origin, section.name));
            seen.extend(
                section
                    .entries
                    .iter()
                    .map(|entry| format!("{} {}", entry.origin, entry.key)),
            );
        }
        assert_eq!(seen, ["f:1 b", "f:2 y", "f:3 x", "f:5 a", "f:6 z"]);
    }

    #[test]
    fn an_invalid_configuration_is_refused_with_its_line() {
        for (text, message) in [
            (
                "server = 'x'",
                "f:1: \"server\" cannot be at the top of the file",
            ),
            ("defaults = 3", "f:1: must be a table, [defaults]"),
            ("accounts = 3", "f:1: must be a table, [accounts.NAME]"),
            ("[[accounts]]", "f:1: must be a table, [accounts.NAME]"),
            ("\n[accounts]\nw = 3", "f:3: must be a table, [accounts.w]"),
            (
                "[accounts.'a b']",
                "f:1: \"a b\" cannot be an account's name",
            ),
            ("\u{feff}[defaults]\n3", "f:2: key with no value"),
            (
                "[defaults]\r\nuser = 'a'\r\nuser = 'b'",
                "f:3: \"user\" is there twice",
            ),
            ("[accounts.w]\n[accounts.w]", "f:2: \"w\" is there twice"),
            (
                "[accounts.w\nuser = 'a'",
                "f:1: unclosed table, expected `]`",
            ),
            (
                "[defaults]\npassword = 'hunter2",
                "f:2: invalid literal string, expected `'`",
            ),
            (
                "[defaults]\npassword = hunter2",
                "f:2: string values must be quoted, ",
            ),
            ("\0", "f:1: "),
        ] {
            let error = parse(text).err().expect(text);
            assert!(error.starts_with(message), "{error}");
            assert!(
                !error.contains("hunter2") && !error.contains('\n'),
                "{error}"
            );
        }
        let error = parse(b"[defaults]\nuser = '\xff'").err();
        assert_eq!(error.as_deref(), Some("f:2: this line is not UTF-8"));
    }

    #[test]
    fn a_mistake_in_quoting_shows_the_form_that_works() {
        for (text, form) in [
            ("[accounts.me@example.com]", "[accounts.\"me@example.com\"]"),
            ("[accounts.w]\npassword = 'it's'", "single quotes"),
            ("[accounts.w]\npassword = \"a\"b\"", "single quotes"),
            ("[accounts.w]\npassword = abc", "single quotes"),
        ] {
            let error = Document::parse(text.as_bytes(), "f").err().expect(text);
            let hint = error.hint().expect(text);
            assert!(hint.contains(form), "{hint}");
        }
    }

    #[test]
    fn an_account_name_is_short_and_has_no_special_characters() {
        let longest = "a".repeat(64);
        for name in ["work", "0", "me@example.com", "a.b_c+d-e", &longest] {
            assert!(is_account_name(name), "{name}");
        }
        let too_long = "a".repeat(65);
        for name in [
            "", "-a", ".a", "@a", "a b", "a/b", "a:b", "größe", "a\n", &too_long,
        ] {
            assert!(!is_account_name(name), "{name}");
        }
    }

    #[test]
    fn a_value_is_all_of_the_text() {
        for (text, kind) in [
            ("14", Some("a number")),
            ("0x7fffffffffffffff", Some("a number")),
            ("9223372036854775808", Some("a number that is too large")),
            ("-1", Some("a number")),
            ("1.5", Some("a decimal number")),
            ("true", Some("a boolean")),
            ("'14 days'", Some("a string")),
            ("['a', 1]", Some("a list")),
            ("{ a = 1 }", Some("a table")),
            ("2026-01-01", Some("a date")),
            ("14 days", None),
            ("a", None),
            ("", None),
        ] {
            let shown = value(text).map(|value| format!("{value:?}"));
            assert_eq!(shown.as_deref(), kind, "{text}");
        }
    }
}
