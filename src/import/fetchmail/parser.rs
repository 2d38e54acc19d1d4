//! The grammar of a fetchmailrc: servers, their users, and the settings of both.

use super::words::{Word, read_words};

/// The settings of a server or a user: each keyword with its argument.
pub(super) type FetchmailSettings = Vec<(String, String)>;

/// A server, and its users.
#[derive(Debug, Default)]
pub(super) struct PolledServer {
    /// The name after `poll` or `skip`.
    pub(super) name: String,
    /// True after `skip`.
    pub(super) is_skipped: bool,
    /// The settings of all its users.
    pub(super) settings: FetchmailSettings,
    /// The settings of each user.
    pub(super) users: Vec<FetchmailSettings>,
}

/// A fetchmailrc.
#[derive(Debug, Default)]
pub(super) struct Fetchmailrc {
    /// The settings after `set`.
    pub(super) global: FetchmailSettings,
    /// The settings after `defaults`.
    pub(super) defaults: PolledServer,
    /// The servers, in the order of the file.
    pub(super) servers: Vec<PolledServer>,
}

/// Parses a fetchmailrc.
///
/// # Errors
/// A word stands where it means nothing, or a string does not end.
pub(super) fn parse(text: &str) -> Result<Fetchmailrc, String> {
    let words = read_words(text)?;
    let mut parser = Parser {
        words: &words,
        at: 0,
        result: Fetchmailrc::default(),
    };
    parser.read()?;
    Ok(parser.result)
}

struct Parser<'w> {
    words: &'w [Word],
    at: usize,
    result: Fetchmailrc,
}

impl<'w> Parser<'w> {
    fn next(&mut self) -> Option<&'w Word> {
        let word = self.words.get(self.at);
        self.at += usize::from(word.is_some());
        word
    }

    /// Returns the argument of a keyword.
    fn argument(&mut self, keyword: &Word) -> Result<String, String> {
        let missing = || format!("line {}: {} needs a value", keyword.line, keyword.text);
        self.next()
            .map(|word| word.text.clone())
            .ok_or_else(missing)
    }

    /// Returns the words up to the next keyword.
    fn list(&mut self) -> Vec<String> {
        let mut list = Vec::new();
        while let Some(word) = self.words.get(self.at)
            && (word.is_quoted || !is_reserved(&word.text))
        {
            list.push(word.text.clone());
            self.at += 1;
        }
        list
    }

    fn read(&mut self) -> Result<(), String> {
        // The server that keywords are about; `None` for the defaults.
        let mut has_section = false;
        let mut is_default = false;
        while let Some(word) = self.next() {
            let text = &*word.text;
            if word.is_quoted {
                return Err(format!(
                    "line {}: a string stands where a keyword is expected",
                    word.line
                ));
            }
            if NOISE.contains(&text) {
                continue;
            }
            match text {
                "set" => {
                    let mut name = self.argument(word)?;
                    if name == "no" {
                        name += &self.argument(word)?;
                    }
                    let value = match FLAGS_TO_SET.contains(&name.trim_start_matches("no")) {
                        true => String::new(),
                        false => {
                            let _ = self.words.get(self.at).is_some_and(|word| word.text == "=")
                                && self.next().is_some();
                            self.argument(word)?
                        }
                    };
                    self.result.global.push((name, value));
                    continue;
                }
                "defaults" => {
                    (has_section, is_default) = (true, true);
                    continue;
                }
                "poll" | "server" | "skip" => {
                    let name = self.argument(word)?;
                    self.result.servers.push(PolledServer {
                        name,
                        is_skipped: text == "skip",
                        ..PolledServer::default()
                    });
                    (has_section, is_default) = (true, false);
                    continue;
                }
                _ => {}
            }
            if !has_section {
                return Err(format!(
                    "line {}: {text:?} comes before the first server",
                    word.line
                ));
            }
            let (keyword, is_negated) = match text.strip_prefix("no") {
                Some("") => (self.argument(word)?, true),
                Some(rest) if FLAGS.contains(&rest) || rest == "envelope" => {
                    (rest.to_owned(), true)
                }
                _ => (text.to_owned(), false),
            };
            let (keyword, argument) = self.setting(word, &keyword, is_negated)?;
            let server = match is_default {
                true => &mut self.result.defaults,
                false => self.result.servers.last_mut().expect("a section was begun"),
            };
            if keyword == "user" {
                server.users.push(vec![(keyword, argument)]);
            } else if SERVER_KEYWORDS.contains(&&*keyword) && server.users.is_empty() {
                server.settings.push((keyword, argument));
            } else {
                match server.users.last_mut() {
                    Some(user) => user.push((keyword, argument)),
                    None if is_default => server.users.push(vec![(keyword, argument)]),
                    None => server.settings.push((keyword, argument)),
                }
            }
        }
        Ok(())
    }

    /// Reads a keyword with its argument. A flag has `true` or `false`.
    fn setting(
        &mut self,
        word: &Word,
        keyword: &str,
        is_negated: bool,
    ) -> Result<(String, String), String> {
        let keyword = match keyword {
            "username" => "user",
            "pass" => "password",
            "proto" => "protocol",
            "localdomains" => "local",
            "to" => "is",
            other => other,
        };
        let argument = match keyword {
            flag if FLAGS.contains(&flag) => (!is_negated).to_string(),
            _ if is_negated => "no".to_owned(),
            list if LISTS.contains(&list) => self.list().join(" "),
            one if SERVER_KEYWORDS.contains(&one) || USER_KEYWORDS.contains(&one) => {
                self.argument(word)?
            }
            other => {
                return Err(format!(
                    "line {}: fetchmail has no keyword {other:?}",
                    word.line
                ));
            }
        };
        Ok((keyword.to_owned(), argument))
    }
}

fn is_reserved(word: &str) -> bool {
    let plain = word.strip_prefix("no").unwrap_or(word);
    let is_keyword = |word: &str| {
        FLAGS.contains(&word)
            || SERVER_KEYWORDS.contains(&word)
            || USER_KEYWORDS.contains(&word)
            || LISTS.contains(&word)
    };
    NOISE.contains(&word)
        || [
            "set", "defaults", "poll", "server", "skip", "no", "username", "pass", "proto", "to",
        ]
        .contains(&word)
        || is_keyword(word)
        || is_keyword(plain)
}

/// The words that mean nothing.
const NOISE: [&str; 8] = [
    "and", "with", "has", "wants", "options", "here", "there", "=",
];
/// The global flags.
const FLAGS_TO_SET: [&str; 7] = [
    "syslog",
    "bouncemail",
    "spambounce",
    "softbounce",
    "showdots",
    "invisible",
    "nodetach",
];
/// The keywords without a value.
pub(super) const FLAGS: [&str; 22] = [
    "keep",
    "flush",
    "limitflush",
    "fetchall",
    "rewrite",
    "stripcr",
    "forcecr",
    "pass8bits",
    "dropstatus",
    "dropdelivered",
    "mimedecode",
    "idle",
    "ssl",
    "sslcertck",
    "uidl",
    "dns",
    "checkalias",
    "tracepolls",
    "lmtp",
    "fastuidl",
    "badheader",
    "moveto",
];
/// The keywords with several values.
const LISTS: [&str; 8] = [
    "is",
    "local",
    "aka",
    "smtphost",
    "fetchdomains",
    "antispam",
    "folder",
    "envelope",
];
/// The keywords of a server with one value.
const SERVER_KEYWORDS: [&str; 19] = [
    "via",
    "protocol",
    "port",
    "service",
    "auth",
    "timeout",
    "qvirtual",
    "interface",
    "monitor",
    "plugin",
    "plugout",
    "interval",
    "principal",
    "esmtpname",
    "esmtppassword",
    "bad-header",
    "uidl",
    "dns",
    "tracepolls",
];
/// The keywords of a user with one value.
const USER_KEYWORDS: [&str; 23] = [
    "user",
    "password",
    "remote",
    "smtpaddress",
    "smtpname",
    "mda",
    "bsmtp",
    "preconnect",
    "postconnect",
    "limit",
    "warnings",
    "batchlimit",
    "fetchlimit",
    "fetchsizelimit",
    "expunge",
    "properties",
    "sslkey",
    "sslcert",
    "sslproto",
    "sslcertfile",
    "sslcertpath",
    "sslcommonname",
    "sslfingerprint",
];
