//! The words of a fdm.conf, with the values of macros, and without what `ifdef` leaves out.

use std::collections::HashMap;

use super::value::FdmValue;
use super::words::{FdmPart, FdmWord, FdmWordKind, read_words};

/// The words of a fdm.conf, one after the other.
pub(super) struct FdmWords {
    words: Vec<FdmWord>,
    at: usize,
    macros: HashMap<String, FdmValue>,
    /// The number of `ifdef` that are open.
    ifs: usize,
    /// True up to the end of all of them.
    skips: bool,
}

impl FdmWords {
    /// Splits the text into words.
    ///
    /// # Errors
    /// A string or a command does not end, or a character has no meaning.
    pub(super) fn of(text: &str) -> Result<Self, String> {
        Ok(Self {
            words: read_words(text)?,
            at: 0,
            macros: HashMap::new(),
            ifs: 0,
            skips: false,
        })
    }

    /// Defines a macro.
    pub(super) fn define(&mut self, name: &str, value: FdmValue) {
        self.macros.insert(name.to_owned(), value);
    }

    /// Returns true if this keyword comes so many words after the next one.
    pub(super) fn has_ahead(&self, distance: usize, keyword: &str) -> bool {
        let word = self.words.get(self.at + distance);
        word.is_some_and(|word| word.kind == FdmWordKind::Plain(keyword.to_owned()))
    }

    /// Returns the next word. `ifdef`, `ifndef` and `endif` are carried out on the way.
    pub(super) fn peek(&mut self) -> Option<&FdmWord> {
        loop {
            let word = self.words.get(self.at)?;
            match &word.kind {
                FdmWordKind::Plain(name) if name == "ifdef" || name == "ifndef" => {
                    let is_defined = match self.words.get(self.at + 1).map(|word| &word.kind) {
                        Some(FdmWordKind::Macro(name)) => self.macros.contains_key(name),
                        _ => false,
                    };
                    self.skips |= is_defined != (name == "ifdef");
                    self.ifs += 1;
                    self.at += 2;
                }
                FdmWordKind::Plain(name) if name == "endif" => {
                    self.ifs = self.ifs.saturating_sub(1);
                    self.skips &= self.ifs > 0;
                    self.at += 1;
                }
                _ if self.skips => self.at += 1,
                _ => break,
            }
        }
        self.words.get(self.at)
    }

    /// Takes the next word.
    pub(super) fn next(&mut self) -> Option<FdmWord> {
        let word = self.peek()?.clone();
        self.at += 1;
        Some(word)
    }

    /// Takes a keyword if it comes next.
    pub(super) fn take(&mut self, keywords: &[&str]) -> Option<String> {
        match self.peek().map(|word| &word.kind) {
            Some(FdmWordKind::Plain(word)) if keywords.contains(&&**word) => {
                let word = word.clone();
                self.at += 1;
                Some(word)
            }
            _ => None,
        }
    }

    /// Takes a mark if it comes next.
    pub(super) fn takes_mark(&mut self, mark: char) -> bool {
        let is_next = self.peek().map(|word| &word.kind) == Some(&FdmWordKind::Mark(mark));
        self.at += usize::from(is_next);
        is_next
    }

    /// Returns the line of the next word.
    pub(super) fn line(&self) -> usize {
        let word = self.words.get(self.at).or(self.words.last());
        word.map_or(1, |word| word.line)
    }

    /// Returns a string or a number if one comes next. Several strings may be joined by `+`.
    pub(super) fn value(&mut self) -> Result<Option<FdmValue>, String> {
        let Some(mut value) = self.single_value()? else {
            return Ok(None);
        };
        while self.takes_mark('+') {
            let line = self.line();
            let more = self.single_value()?;
            value.append(more.ok_or_else(|| format!("line {line}: no string follows the \"+\""))?);
            require_length(&value, line)?;
        }
        Ok(Some(value))
    }

    fn single_value(&mut self) -> Result<Option<FdmValue>, String> {
        let Some(FdmWord { kind, line }) = self.peek().cloned() else {
            return Ok(None);
        };
        let value = match kind {
            FdmWordKind::Text(parts) => self.expanded(&parts, line)?,
            FdmWordKind::Command(parts) => FdmValue::of_command(&self.expanded(&parts, line)?),
            FdmWordKind::Macro(name) => {
                let known = self.macros.get(&name).cloned();
                known.ok_or_else(|| format!("line {line}: the macro {name} is not defined"))?
            }
            FdmWordKind::Plain(number) if number.bytes().all(|octet| octet.is_ascii_digit()) => {
                FdmValue::of_text(number)
            }
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(value))
    }

    /// Returns the string or number of a keyword.
    ///
    /// # Errors
    /// Something else comes next.
    pub(super) fn required(&mut self, keyword: &str) -> Result<FdmValue, String> {
        let line = self.line();
        let value = self.value()?;
        value.ok_or_else(|| format!("line {line}: {keyword} needs a value"))
    }

    /// Returns a string with its macros. One that is not defined is empty.
    fn expanded(&self, parts: &[FdmPart], line: usize) -> Result<FdmValue, String> {
        let mut value = FdmValue::default();
        for part in parts {
            match part {
                FdmPart::Literal(text) => value.append(FdmValue::of_text(text.clone())),
                FdmPart::Macro(name) => {
                    value.append(self.macros.get(name).cloned().unwrap_or_default());
                }
            }
            require_length(&value, line)?;
        }
        Ok(value)
    }

    /// Returns a value, or several in braces.
    pub(super) fn values(&mut self, keyword: &str) -> Result<Vec<FdmValue>, String> {
        if !self.takes_mark('{') {
            return Ok(vec![self.required(keyword)?]);
        }
        let mut values = Vec::new();
        while let Some(value) = self.value()? {
            values.push(value);
        }
        match self.takes_mark('}') {
            true => Ok(values),
            false => Err(format!("line {}: a \"}}\" is missing", self.line())),
        }
    }

    /// Returns true if a list of strings in braces comes next.
    pub(super) fn takes_list(&mut self) -> bool {
        let is_brace = self.peek().map(|word| &word.kind) == Some(&FdmWordKind::Mark('{'));
        let next = self.words.get(self.at + 1).map(|word| &word.kind);
        is_brace
            && !matches!(
                next,
                Some(FdmWordKind::Plain(_) | FdmWordKind::Mark(_)) | None
            )
    }

    /// Returns true if a string comes next.
    pub(super) fn is_value_next(&mut self) -> bool {
        let next = self.peek().map(|word| &word.kind);
        !matches!(
            next,
            Some(FdmWordKind::Plain(_) | FdmWordKind::Mark(_)) | None
        )
    }
}

/// Requires that macros within macros have not become too long.
fn require_length(value: &FdmValue, line: usize) -> Result<(), String> {
    match value.len() > LONGEST_VALUE {
        true => Err(format!("line {line}: a string is too long")),
        false => Ok(()),
    }
}

/// The most octets of a string, with its macros.
const LONGEST_VALUE: usize = 64 << 10;
