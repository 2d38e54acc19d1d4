//! The grammar of a fdm.conf: settings, accounts, actions and rules.

use std::collections::HashMap;

use super::expansion::FdmWords;
use super::value::FdmValue;
use super::words::{FdmWord, FdmWordKind};

/// A fdm.conf.
#[derive(Debug, Default)]
pub(super) struct FdmConf {
    /// The settings after `set`.
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
    let mut parser = FdmParser {
        words: FdmWords::of(text)?,
        depth: 0,
    };
    let mut conf = FdmConf::default();
    while let Some(word) = parser.words.next() {
        parser.command(&word, &mut conf)?;
    }
    Ok(conf)
}

struct FdmParser {
    words: FdmWords,
    /// The number of rules around the next word.
    depth: usize,
}

impl FdmParser {
    fn command(&mut self, word: &FdmWord, conf: &mut FdmConf) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("line {}: {what}", word.line));
        let keyword = match &word.kind {
            FdmWordKind::Plain(keyword) => &**keyword,
            FdmWordKind::Macro(name) if self.words.takes_mark('=') => {
                let value = self.words.required(name)?;
                self.words.define(name, value);
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
                let name = self.words.required("action")?.to_string();
                self.users()?;
                let deliveries = self.deliveries()?;
                conf.actions.insert(name, deliveries);
            }
            "match" => {
                let rule = self.rule(word.line)?;
                conf.rules.push(rule);
            }
            "include" => conf
                .includes
                .push(self.words.required("include")?.to_string()),
            // Caches of rules, which are not translated.
            "cache" => {
                self.words.required("cache")?;
                if self.words.take(&["expire"]).is_some() {
                    self.clause_of("expire".to_owned(), SET_WORDS)?;
                }
            }
            other => return wrong(&format!("fdm has no command {other:?}")),
        }
        Ok(())
    }

    fn clause(&mut self, words: &[&str]) -> Result<FdmClause, String> {
        let line = self.words.line();
        match self.words.next().map(|word| word.kind) {
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
            let name = self.words.take(words);
            let is_list = self.words.takes_list();
            let values = match is_list {
                true => self.words.values("{")?,
                false => self.words.value()?.into_iter().collect(),
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

    fn account(&mut self) -> Result<FdmAccount, String> {
        let name = self.words.required("account")?.to_string();
        let is_disabled = self.words.take(&["disabled"]).is_some();
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
        if self.words.take(&["user", "users"]).is_some() {
            self.words.values("user")?;
        }
        Ok(())
    }

    /// Reads what an action does: one delivery, or several in braces.
    fn deliveries(&mut self) -> Result<Vec<FdmClause>, String> {
        if !self.words.takes_list() && self.words.takes_mark('{') {
            let mut all = Vec::new();
            while !self.words.takes_mark('}') {
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
        if self.words.takes_mark('{') {
            self.depth += 1;
            if self.depth > DEEPEST_RULE {
                return Err(format!("line {line}: too many rules are within each other"));
            }
            while !self.words.takes_mark('}') {
                let line = self.words.line();
                match self.words.next() {
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
        let line = self.words.line();
        if self.words.take(&["action", "actions"]).is_none() {
            return Err(format!("line {line}: the rule has no action"));
        }
        rule.actions = match self.words.takes_list() || self.words.is_value_next() {
            true => {
                let names = self.words.values("action")?.into_iter();
                vec![FdmClause {
                    keyword: "action".to_owned(),
                    arguments: names.map(|name| (name, String::new())).collect(),
                    flags: Vec::new(),
                }]
            }
            false => self.deliveries()?,
        };
        rule.goes_on = self.words.take(&["continue"]).is_some();
        Ok(rule)
    }

    /// Reads a condition up to the action or the inner rules.
    fn condition(&mut self) -> Result<FdmCondition, String> {
        let mut condition = match self.words.take(&["all", "account", "accounts"]).as_deref() {
            Some("all") => FdmCondition::All,
            Some(keyword) => {
                let names = self.words.values(keyword)?.into_iter();
                FdmCondition::Accounts(names.map(|name| name.to_string()).collect())
            }
            None => FdmCondition::Other,
        };
        loop {
            if self.words.takes_list() {
                self.words.values("{")?;
            }
            let is_end = match self.words.peek().map(|word| &word.kind) {
                None | Some(FdmWordKind::Mark('{')) => true,
                Some(FdmWordKind::Plain(word)) => {
                    ["action", "actions", "user", "users"].contains(&&**word)
                }
                Some(_) => false,
            };
            // `user` also stands within a condition, before `returns`.
            let is_inside = self.words.has_ahead(2, "returns");
            if is_end && !is_inside {
                return Ok(condition);
            }
            condition = FdmCondition::Other;
            self.words.next();
        }
    }
}

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
    fn a_section_of_an_undefined_macro_is_skipped() {
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
