//! The grammar of a fdm.conf: settings, accounts, actions and rules.

use std::collections::HashMap;

use super::value::FdmValue;
use super::words::{FdmPart, FdmWord, FdmWordKind, read_words};

/// A fdm.conf.
#[derive(Debug, Default)]
pub(super) struct FdmConf {
    /// What follows `set`.
    pub(super) settings: Vec<FdmClause>,
    /// The accounts: for each its name, and then its clauses.
    pub(super) accounts: Vec<FdmAccount>,
    /// The actions by name.
    pub(super) actions: HashMap<String, Vec<FdmClause>>,
    /// The rules, in their order.
    pub(super) rules: Vec<FdmRule>,
    /// Included files, which are not read.
    pub(super) includes: Vec<String>,
}

/// A keyword with its arguments. The second part of an argument is the keyword before it, or empty.
#[derive(Clone, Debug, Default)]
pub(super) struct FdmClause {
    pub(super) keyword: String,
    pub(super) arguments: Vec<(FdmValue, String)>,
    /// Words without an argument, such as `keep`.
    pub(super) flags: Vec<String>,
}

/// An account.
#[derive(Debug, Default)]
pub(super) struct FdmAccount {
    pub(super) name: String,
    pub(super) is_disabled: bool,
    /// Its type, for example `pop3s`, with all that follows.
    pub(super) source: FdmClause,
}

/// A rule.
#[derive(Debug, Default)]
pub(super) struct FdmRule {
    pub(super) line: usize,
    pub(super) condition: FdmCondition,
    pub(super) actions: Vec<FdmClause>,
    /// The rules in braces.
    pub(super) inner: Vec<FdmRule>,
    /// True if the next rule is tried even if this one applies.
    pub(super) goes_on: bool,
}

/// The messages that a rule is for.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) enum FdmCondition {
    /// All messages.
    #[default]
    All,
    /// Those of these accounts.
    Accounts(Vec<String>),
    /// It depends on the message.
    Other,
}

impl FdmClause {
    /// Returns the argument after a keyword, or the one without if the keyword is empty.
    pub(super) fn argument(&self, keyword: &str) -> Option<&FdmValue> {
        let found = self.arguments.iter().find(|(_, name)| name == keyword);
        found.map(|(value, _)| value)
    }

    /// Returns true if the clause has this word.
    pub(super) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|other| other == flag)
    }
}

/// Parses a fdm.conf.
///
/// # Errors
/// A word stands where it means nothing.
pub(super) fn parse(text: &str) -> Result<FdmConf, String> {
    let mut parser = Parser {
        words: read_words(text)?,
        at: 0,
        macros: HashMap::new(),
        ifs: 0,
        skips: false,
        depth: 0,
    };
    let mut conf = FdmConf::default();
    while let Some(word) = parser.next() {
        parser.command(&word, &mut conf)?;
    }
    Ok(conf)
}

struct Parser {
    words: Vec<FdmWord>,
    at: usize,
    macros: HashMap<String, FdmValue>,
    /// The number of `ifdef` that are open.
    ifs: usize,
    /// True up to the end of all of them.
    skips: bool,
    /// The number of rules around the next word.
    depth: usize,
}

impl Parser {
    /// Returns the next word. `ifdef`, `ifndef` and `endif` are carried out on the way.
    fn peek(&mut self) -> Option<&FdmWord> {
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

    fn next(&mut self) -> Option<FdmWord> {
        let word = self.peek()?.clone();
        self.at += 1;
        Some(word)
    }

    /// Takes a keyword if it comes next.
    fn take(&mut self, keywords: &[&str]) -> Option<String> {
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
    fn takes_mark(&mut self, mark: char) -> bool {
        let is_next = self.peek().map(|word| &word.kind) == Some(&FdmWordKind::Mark(mark));
        self.at += usize::from(is_next);
        is_next
    }

    fn line(&self) -> usize {
        let word = self.words.get(self.at).or(self.words.last());
        word.map_or(1, |word| word.line)
    }

    /// Returns a string or a number if one comes next. Several strings may be joined by `+`.
    fn value(&mut self) -> Result<Option<FdmValue>, String> {
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

    fn required(&mut self, keyword: &str) -> Result<FdmValue, String> {
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
    fn values(&mut self, keyword: &str) -> Result<Vec<FdmValue>, String> {
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

    fn command(&mut self, word: &FdmWord, conf: &mut FdmConf) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("line {}: {what}", word.line));
        let keyword = match &word.kind {
            FdmWordKind::Plain(keyword) => &**keyword,
            FdmWordKind::Macro(name) if self.takes_mark('=') => {
                let value = self.required(name)?;
                self.macros.insert(name.clone(), value);
                return Ok(());
            }
            _ => return wrong("a command is expected"),
        };
        match keyword {
            "set" => {
                let clause = self.clause(SET_WORDS)?;
                conf.settings.push(clause);
            }
            "account" => {
                let account = self.account()?;
                conf.accounts.push(account);
            }
            "action" => {
                let name = self.required("action")?.to_string();
                self.users()?;
                let deliveries = self.deliveries()?;
                conf.actions.insert(name, deliveries);
            }
            "match" => {
                let rule = self.rule(word.line)?;
                conf.rules.push(rule);
            }
            "include" => conf.includes.push(self.required("include")?.to_string()),
            // Caches of rules, which are not translated.
            "cache" => {
                self.required("cache")?;
                if self.take(&["expire"]).is_some() {
                    self.clause_of("expire".to_owned(), SET_WORDS)?;
                }
            }
            other => return wrong(&format!("fdm has no command {other:?}")),
        }
        Ok(())
    }

    fn clause(&mut self, words: &[&str]) -> Result<FdmClause, String> {
        let line = self.line();
        match self.next().map(|word| word.kind) {
            Some(FdmWordKind::Plain(keyword)) => self.clause_of(keyword, words),
            _ => Err(format!("line {line}: a keyword is expected")),
        }
    }

    /// Reads the arguments of a keyword: values, and these words, each with or without a value.
    fn clause_of(&mut self, keyword: String, words: &[&str]) -> Result<FdmClause, String> {
        let mut clause = FdmClause {
            keyword,
            ..FdmClause::default()
        };
        loop {
            let name = self.take(words);
            let is_list = self.takes_list();
            let values = match is_list {
                true => self.values("{")?,
                false => self.value()?.into_iter().collect(),
            };
            match (name, values.is_empty()) {
                (None, true) if !is_list => return Ok(clause),
                (Some(name), true) => clause.flags.push(name),
                (name, _) => {
                    let name = name.unwrap_or_default();
                    let values = values.into_iter().map(|value| (value, name.clone()));
                    clause.arguments.extend(values);
                }
            }
        }
    }

    /// Returns true if a list of strings in braces comes next.
    fn takes_list(&mut self) -> bool {
        let is_brace = self.peek().map(|word| &word.kind) == Some(&FdmWordKind::Mark('{'));
        let next = self.words.get(self.at + 1).map(|word| &word.kind);
        is_brace
            && !matches!(
                next,
                Some(FdmWordKind::Plain(_) | FdmWordKind::Mark(_)) | None
            )
    }

    fn account(&mut self) -> Result<FdmAccount, String> {
        let name = self.required("account")?.to_string();
        let is_disabled = self.take(&["disabled"]).is_some();
        self.users()?;
        let source = self.clause(ACCOUNT_WORDS)?;
        Ok(FdmAccount {
            name,
            is_disabled,
            source,
        })
    }

    /// Skips the local users, which mean something only if root runs fdm.
    fn users(&mut self) -> Result<(), String> {
        if self.take(&["user", "users"]).is_some() {
            self.values("user")?;
        }
        Ok(())
    }

    /// Reads what an action does: one delivery, or several in braces.
    fn deliveries(&mut self) -> Result<Vec<FdmClause>, String> {
        if !self.takes_list() && self.takes_mark('{') {
            let mut all = Vec::new();
            while !self.takes_mark('}') {
                all.push(self.clause(ACTION_WORDS)?);
            }
            return Ok(all);
        }
        Ok(vec![self.clause(ACTION_WORDS)?])
    }

    fn rule(&mut self, line: usize) -> Result<FdmRule, String> {
        let mut rule = FdmRule {
            line,
            condition: self.condition()?,
            ..FdmRule::default()
        };
        self.users()?;
        if self.takes_mark('{') {
            self.depth += 1;
            if self.depth > DEEPEST_RULE {
                return Err(format!("line {line}: too many rules are within each other"));
            }
            while !self.takes_mark('}') {
                let line = self.line();
                match self.next() {
                    Some(word) if word.kind == FdmWordKind::Plain("match".to_owned()) => {
                        let inner = self.rule(word.line)?;
                        rule.inner.push(inner);
                    }
                    _ => return Err(format!("line {line}: a rule is expected")),
                }
            }
            self.depth -= 1;
            rule.goes_on = true;
            return Ok(rule);
        }
        let line = self.line();
        if self.take(&["action", "actions"]).is_none() {
            return Err(format!("line {line}: the rule has no action"));
        }
        rule.actions = match self.takes_list() || self.is_value_next() {
            true => {
                let names = self.values("action")?.into_iter();
                vec![FdmClause {
                    keyword: "action".to_owned(),
                    arguments: names.map(|name| (name, String::new())).collect(),
                    flags: Vec::new(),
                }]
            }
            false => self.deliveries()?,
        };
        rule.goes_on = self.take(&["continue"]).is_some();
        Ok(rule)
    }

    fn is_value_next(&mut self) -> bool {
        let next = self.peek().map(|word| &word.kind);
        !matches!(
            next,
            Some(FdmWordKind::Plain(_) | FdmWordKind::Mark(_)) | None
        )
    }

    /// Reads a condition up to the action or the inner rules.
    fn condition(&mut self) -> Result<FdmCondition, String> {
        let mut condition = match self.take(&["all", "account", "accounts"]).as_deref() {
            Some("all") => FdmCondition::All,
            Some(keyword) => {
                let names = self.values(keyword)?.into_iter();
                FdmCondition::Accounts(names.map(|name| name.to_string()).collect())
            }
            None => FdmCondition::Other,
        };
        loop {
            if self.takes_list() {
                self.values("{")?;
            }
            let is_end = match self.peek().map(|word| &word.kind) {
                None | Some(FdmWordKind::Mark('{')) => true,
                Some(FdmWordKind::Plain(word)) => {
                    ["action", "actions", "user", "users"].contains(&&**word)
                }
                Some(_) => false,
            };
            // `user` also stands within a condition, before `returns`.
            let is_inside = self
                .words
                .get(self.at + 2)
                .is_some_and(|word| word.kind == FdmWordKind::Plain("returns".to_owned()));
            if is_end && !is_inside {
                return Ok(condition);
            }
            condition = FdmCondition::Other;
            self.at += 1;
        }
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
/// The most rules within each other.
const DEEPEST_RULE: usize = 100;

/// The words that follow `set`, apart from the first.
const SET_WORDS: &[&str] = &[
    "B",
    "G",
    "GB",
    "K",
    "KB",
    "M",
    "MB",
    "b",
    "byte",
    "bytes",
    "courier",
    "day",
    "days",
    "dotlock",
    "drop",
    "fcntl",
    "flock",
    "g",
    "gb",
    "gigabyte",
    "gigabytes",
    "hour",
    "hours",
    "k",
    "kb",
    "keep",
    "kilobyte",
    "kilobytes",
    "m",
    "mb",
    "megabyte",
    "megabytes",
    "minute",
    "minutes",
    "month",
    "months",
    "none",
    "passwd",
    "second",
    "seconds",
    "user",
    "week",
    "weeks",
    "year",
    "years",
];
/// The words of an account after its type.
const ACCOUNT_WORDS: &[&str] = &[
    "cache",
    "folder",
    "folders",
    "group",
    "groups",
    "insecure",
    "keep",
    "new-only",
    "no-apop",
    "no-cram-md5",
    "no-login",
    "no-plain",
    "no-uidl",
    "no-verify",
    "oauthbearer",
    "old-only",
    "pass",
    "pipe",
    "port",
    "server",
    "starttls",
    "user",
    "xoauth2",
];
/// The words of an action after its kind.
const ACTION_WORDS: &[&str] = &[
    "compress",
    "folder",
    "from",
    "insecure",
    "key",
    "no-cram-md5",
    "no-login",
    "no-plain",
    "no-verify",
    "oauthbearer",
    "pass",
    "port",
    "server",
    "starttls",
    "to",
    "user",
    "value",
    "xoauth2",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_read_up_to_the_action() {
        for (text, condition) in [
            ("all action drop", FdmCondition::All),
            (
                "accounts { 'a' 'b' } { match all action keep }",
                FdmCondition::Accounts(vec!["a".into(), "b".into()]),
            ),
            ("'^From' in headers action 'x'", FdmCondition::Other),
            ("account 'a' and size > 1 action 'x'", FdmCondition::Other),
            (
                "exec 'x' user 'u' returns (0, '') actions { 'x' 'y' } continue",
                FdmCondition::Other,
            ),
        ] {
            let conf = parse(&format!("match {text}\nset no-create")).expect(text);
            assert_eq!(conf.rules[0].condition, condition, "{text}");
            assert_eq!(conf.settings[0].keyword, "no-create");
        }
    }

    #[test]
    fn what_is_not_defined_is_skipped() {
        let text =
            "$a = 'x'\nifdef $b\nset no-create\nendif\nifndef $b\naccount $a + 'y' stdin\nendif";
        let conf = parse(text).expect(text);
        assert!(conf.settings.is_empty());
        assert_eq!(conf.accounts[0].name, "xy");
    }

    #[test]
    fn a_mistake_names_its_line() {
        for (text, error) in [
            ("\naccount", "line 2: account needs a value"),
            ("acount 'x'", "line 1: fdm has no command \"acount\""),
            ("account $x pop3", "line 1: the macro $x is not defined"),
            ("match all\n", "line 1: the rule has no action"),
            ("match all { set", "line 1: a rule is expected"),
            ("'x'", "line 1: a command is expected"),
        ] {
            assert_eq!(parse(text).expect_err(text), error, "{text}");
        }
    }
}
