//! TOML as it was written: sections of keys and values, each with its line. The only door to toml.
//! Does not know what any key means.

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
    /// The folder of further accounts.
    pub(super) accounts_dir: Option<Written>,
    pub(super) defaults: Vec<Written>,
    pub(super) accounts: Vec<Section>,
}

/// One account's section, in the order of the file.
pub(super) struct Section {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) entries: Vec<Written>,
}

/// A key, its value, and where they stand.
pub(super) struct Written {
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) origin: Origin,
}

impl Document {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// Text that is no TOML, anything but `defaults` and `accounts` at the top, anything but
    /// tables in them, a name that no account can have.
    pub(super) fn parse(octets: &[u8], path: &str) -> Result<Self, Error> {
        let lines = Lines::new(octets, path);
        let text = lines.text()?;
        let table = DeTable::parse(text).map_err(|error| lines.syntax(&error))?;
        let mut document = Self {
            accounts_dir: None,
            defaults: Vec::new(),
            accounts: Vec::new(),
        };
        for (key, value) in in_order(table.into_inner()) {
            let at = lines.origin(key.span().start);
            match key.get_ref().as_ref() {
                "accounts" => document.accounts = accounts(value, at, &lines)?,
                ACCOUNTS_DIR => document.accounts_dir = Some(written((key, value), &lines)),
                "defaults" => document.defaults = entries(value, "defaults", at, &lines)?,
                other => return Err(unknown_section(other, at)),
            }
        }
        Ok(document)
    }
}

/// Reads the text of a file that is one account's: its keys stand at the top.
///
/// # Errors
/// Text that is no TOML.
pub(super) fn account(octets: &[u8], path: &str) -> Result<Vec<Written>, Error> {
    let lines = Lines::new(octets, path);
    let table = DeTable::parse(lines.text()?).map_err(|error| lines.syntax(&error))?;
    let pairs = in_order(table.into_inner()).into_iter();
    Ok(pairs.map(|pair| written(pair, &lines)).collect())
}

/// Reads one value as it would stand behind an equals sign, if it is one.
pub(super) fn value(text: &str) -> Option<Value> {
    let value = DeValue::parse(text).ok()?;
    Some(convert(value.into_inner()))
}

/// Spells a text as a value of TOML.
pub(super) fn spelt(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Whether an account can have this name.
pub fn is_account_name(name: &str) -> bool {
    let is_inner = |c: u8| c.is_ascii_alphanumeric() || b"@._+-".contains(&c);
    name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(is_inner)
}

/// Says what an account may be called.
pub(super) fn no_account_name(name: &str, at: Origin) -> Error {
    let problem = format!(
        "{} cannot be an account's name: up to 64 of A-Z a-z 0-9 @ . _ + -, the first a letter or \
         a digit",
        quoted(name)
    );
    Error::Syntax { at, problem }
}

type Pair<'a> = (Spanned<Cow<'a, str>>, Spanned<DeValue<'a>>);

fn in_order(table: DeTable<'_>) -> Vec<Pair<'_>> {
    let mut pairs: Vec<_> = table.into_iter().collect();
    pairs.sort_by_key(|(key, _)| key.span().start);
    pairs
}

fn accounts(
    value: Spanned<DeValue<'_>>,
    at: Origin,
    lines: &Lines<'_>,
) -> Result<Vec<Section>, Error> {
    let table = table(value, "accounts.NAME", at)?;
    in_order(table)
        .into_iter()
        .map(|(key, value)| section(key.get_ref(), value, lines.origin(key.span().start), lines))
        .collect()
}

fn section(
    name: &str,
    value: Spanned<DeValue<'_>>,
    origin: Origin,
    lines: &Lines<'_>,
) -> Result<Section, Error> {
    if !is_account_name(name) {
        return Err(no_account_name(name, origin));
    }
    Ok(Section {
        name: name.to_owned(),
        entries: entries(value, &format!("accounts.{name}"), origin.clone(), lines)?,
        origin,
    })
}

fn entries(
    value: Spanned<DeValue<'_>>,
    name: &str,
    at: Origin,
    lines: &Lines<'_>,
) -> Result<Vec<Written>, Error> {
    let pairs = in_order(table(value, name, at)?).into_iter();
    Ok(pairs.map(|pair| written(pair, lines)).collect())
}

fn written((key, value): Pair<'_>, lines: &Lines<'_>) -> Written {
    Written {
        origin: lines.origin(key.span().start),
        key: key.into_inner().into_owned(),
        value: convert(value.into_inner()),
    }
}

fn table<'a>(value: Spanned<DeValue<'a>>, name: &str, at: Origin) -> Result<DeTable<'a>, Error> {
    match value.into_inner() {
        DeValue::Table(table) => Ok(table),
        _ => Err(Error::Syntax {
            at,
            problem: format!("must be a table, [{name}]"),
        }),
    }
}

fn unknown_section(name: &str, at: Origin) -> Error {
    let shown = quoted(name);
    Error::Syntax {
        at,
        problem: format!(
            "unknown {shown}; at the top stand accounts-dir, [defaults] and [accounts.NAME], and \
             every other key below one of them"
        ),
    }
}

fn convert(value: DeValue<'_>) -> Value {
    match value {
        DeValue::Array(values) => Value::List(convert_all(values)),
        DeValue::Boolean(claim) => Value::Boolean(claim),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Float(_) => Value::Other("a decimal number"),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("a number beyond all bounds"), Value::Integer),
        DeValue::String(text) => Value::Text(Zeroizing::new(text.into_owned())),
        DeValue::Table(_) => Value::Other("a table"),
    }
}

fn convert_all(values: DeArray<'_>) -> Vec<Value> {
    values
        .into_iter()
        .map(|value| convert(value.into_inner()))
        .collect()
}

/// Finds the line of an offset.
struct Lines<'a> {
    octets: &'a [u8],
    path: Arc<str>,
}

impl<'a> Lines<'a> {
    fn new(octets: &'a [u8], path: &str) -> Self {
        let path = path.into();
        Self { octets, path }
    }

    fn text(&self) -> Result<&'a str, Error> {
        str::from_utf8(self.octets).map_err(|error| Error::Syntax {
            at: self.origin(error.valid_up_to()),
            problem: "this line is no UTF-8".to_owned(),
        })
    }

    fn origin(&self, offset: usize) -> Origin {
        let before = &self.octets[..offset.min(self.octets.len())];
        Origin::File {
            path: self.path.clone(),
            line: 1 + memchr::memchr_iter(b'\n', before).count(),
        }
    }

    /// The error on one line, without the text it is about, unless that is a key: a value may be
    /// a password.
    fn syntax(&self, error: &toml::de::Error) -> Error {
        let span = error.span().unwrap_or_default();
        let mut problem = error.message().lines().collect::<Vec<_>>().join("; ");
        let at = self.origin(span.start);
        if problem == "duplicate key"
            && let Some(Ok(key)) = self.octets.get(span).map(str::from_utf8)
        {
            problem = format!("{} is there twice", quoted(key));
        }
        Error::Syntax { at, problem }
    }
}

const LONGEST_NAME: usize = 64;

/// The key of a folder in which each file is an account.
pub(super) const ACCOUNTS_DIR: &str = "accounts-dir";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: impl AsRef<[u8]>) -> Result<Document, String> {
        Document::parse(text.as_ref(), "f").map_err(|error| error.to_string())
    }

    #[test]
    fn sections_and_keys_come_in_the_order_of_the_file_each_with_its_line() {
        let text = "[accounts.b]\ny = 1\nx = 2\n[defaults]\n[accounts.a]\nz.y = 3";
        let document = parse(text).expect("it is a configuration");
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
    fn what_is_no_configuration_is_refused_with_its_line() {
        for (text, message) in [
            (
                "server = 'x'",
                "f:1: unknown \"server\"; at the top stand accounts-dir, [defaults] and ",
            ),
            ("defaults = 3", "f:1: must be a table, [defaults]"),
            ("accounts = 3", "f:1: must be a table, [accounts.NAME]"),
            ("[[accounts]]", "f:1: must be a table, [accounts.NAME]"),
            ("\n[accounts]\nw = 3", "f:3: must be a table, [accounts.w]"),
            (
                "[accounts.'a b']",
                "f:1: \"a b\" cannot be an account's name: ",
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
        assert_eq!(error.as_deref(), Some("f:2: this line is no UTF-8"));
    }

    #[test]
    fn the_name_of_an_account_is_short_and_plain() {
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
    fn a_value_alone_is_all_of_the_text_or_none() {
        for (text, kind) in [
            ("14", Some("a number")),
            ("0x7fffffffffffffff", Some("a number")),
            ("9223372036854775808", Some("a number beyond all bounds")),
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
