//! A scripted server of POP3 or LMTP: conversations as exact transcripts. The script does not interpret the
//! commands. For a server that does, see `model_server`.
//!
//! A script has one step on each line. Indentation, empty lines and lines that begin with `#` are
//! ignored.
//!
//! | step | what the server does |
//! |---|---|
//! | `S: text` | sends the text and CRLF |
//! | `C: text` | waits for exactly this text and CRLF |
//! | `raw: text` | sends the text with `\r \n \t \0 \\ \xHH` replaced, and nothing after it |
//! | `drip: text` | does the same with each octet in its own segment |
//! | `beneath: text` | does the same as `raw:`, but sends the octets as they are even after `tls` |
//! | `endless: text` | sends the text repeatedly until the client disconnects |
//! | `send NAME` | sends the octets that were attached under this name |
//! | `message NAME` | sends them byte-stuffed, with the final `.` |
//! | `note NAME` | sends [`mail::note`] byte-stuffed, with the final `.` |
//! | `lists A B …` | sends `+OK`, a line `1 A`, a line `2 B` and so on, and the final `.` |
//! | `counts N M` | sends `+OK N M`, the answer to STAT |
//! | `gives NAME` | sends `+OK` and the note of that name |
//! | `tops NAME` | sends `+OK` and the header of that note, the answer to TOP |
//! | `login` | greets, and expects CAPA, USER, PASS and CAPA; PIPELINING is announced only after the login |
//! | `login ahead` | does the same, with PIPELINING announced before the login as well |
//! | `login early` | does the same, with PIPELINING announced only before the login |
//! | `login alone` | does the same, without PIPELINING |
//! | `login top` | does the same as `login`, and announces TOP after the login |
//! | `lmtp` | greets and expects LHLO; announces 8BITMIME, CHUNKING and PIPELINING |
//! | `hands NAME` | expects the note of that name for [`USER`] in one flight of LMTP |
//! | `takes NAME` | does the same, and takes the note |
//! | `flush` | ends the segment; without it everything between two `C:` is sent in one write |
//! | `tls` | performs the TLS handshake |
//! | `tls for NAME` | does the same, and the client must ask for this name (SNI) |
//! | `tls refused` | does the same, and the client must break off the handshake |
//! | `close` | ends properly (in TLS with close_notify), then waits for the client to do the same |
//! | `cut` | sends FIN (in TLS without close_notify) and ignores what the client sends |
//! | `reset` | sends RST |
//! | `stall` | sends nothing, and ignores what the client sends, until it disconnects |
//! | `reached NAME` | lets [`ScriptServer::reached`] return |
//! | `hold NAME` | waits for [`ScriptServer::release`] |
//!
//! After the last step the client must disconnect without another octet.

mod connection;
mod server;

use std::collections::HashMap;

use super::mail;
use super::model_server::{PASSWORD, USER};
use super::stream::TlsAcceptor;

pub(crate) use self::server::ScriptServer;

/// A session in which two new messages are fetched and kept on the server.
pub(crate) const FETCH_A_AND_B: &str = "
    login
    C: UIDL
    C: LIST
    lists a b
    lists 17 17
    C: RETR 1
    C: RETR 2
    gives a
    gives b
    C: QUIT
    S: +OK";

/// A session up to the end of the listings, which have one message.
pub(crate) const LIST_A: &str = "
    login
    C: UIDL
    C: LIST
    lists a
    lists 17";

/// A session up to the end of the listings, which have two messages.
pub(crate) const LIST_A_AND_B: &str = "
    login
    C: UIDL
    C: LIST
    lists a b
    lists 17 17";

/// The same, with a server that has TOP.
pub(crate) const LIST_A_AND_B_WITH_TOP: &str = "
    login top
    C: UIDL
    C: LIST
    lists a b
    lists 17 17";

/// The end of a session.
pub(crate) const QUIT: &str = "
    C: QUIT
    S: +OK";

/// Conversations for a server, one for each connection.
#[derive(Default)]
pub(crate) struct Script {
    acceptor: Option<TlsAcceptor>,
    attachments: HashMap<String, Vec<u8>>,
    conversations: Vec<String>,
}

impl Script {
    pub(crate) fn new(conversation: impl Into<String>) -> Self {
        Self::default().then(conversation)
    }

    /// Adds a conversation for the next connection.
    pub(crate) fn then(mut self, conversation: impl Into<String>) -> Self {
        self.conversations.push(conversation.into());
        self
    }

    /// Attaches octets under a name, for `send` and `message`.
    pub(crate) fn attach(mut self, name: &str, octets: impl Into<Vec<u8>>) -> Self {
        self.attachments.insert(name.to_owned(), octets.into());
        self
    }

    /// Sets the server's side of TLS for `tls`.
    pub(crate) fn identity(mut self, acceptor: TlsAcceptor) -> Self {
        self.acceptor = Some(acceptor);
        self
    }

    /// Starts the server on a free port of 127.0.0.1.
    ///
    /// # Panics
    ///
    /// If a line is not a step.
    #[track_caller]
    pub(crate) fn serve(self) -> ScriptServer {
        let conversations = self
            .conversations
            .iter()
            .map(|text| {
                text.lines()
                    .map(str::trim_start)
                    .filter(|line| !line.is_empty() && !line.starts_with('#'))
                    .flat_map(spelt_out)
                    .map(|line| (line.clone(), self.step(&line)))
                    .collect()
            })
            .collect();
        ScriptServer::start(conversations, self.acceptor)
    }

    #[track_caller]
    fn step(&self, line: &str) -> ScriptStep {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (word, rest) {
            ("S:", text) => ScriptStep::Send(format!("{text}\r\n").into()),
            ("C:", text) => ScriptStep::Expect(format!("{text}\r\n").into()),
            ("raw:", text) => ScriptStep::Send(unescape(text)),
            ("beneath:", text) => ScriptStep::Beneath(unescape(text)),
            ("drip:", text) => ScriptStep::Drip(unescape(text)),
            ("endless:", text) => ScriptStep::Endless(unescape(text)),
            ("send", name) => ScriptStep::Send(self.attachment(name).to_vec()),
            ("message", name) => ScriptStep::Send(mail::byte_stuffed(self.attachment(name))),
            ("note", name) => ScriptStep::Send(mail::byte_stuffed(&mail::note(name).octets)),
            ("flush", "") => ScriptStep::Flush,
            ("tls", "") => ScriptStep::Tls,
            ("tls", "refused") => ScriptStep::TlsRefused,
            ("tls", asked) if asked.starts_with("for ") => {
                ScriptStep::TlsFor(asked[4..].to_owned())
            }
            ("close", "") => ScriptStep::Close,
            ("cut", "") => ScriptStep::Cut,
            ("reset", "") => ScriptStep::Reset,
            ("stall", "") => ScriptStep::Stall,
            ("reached", name) => ScriptStep::Reached(name.to_owned()),
            ("hold", name) => ScriptStep::Hold(name.to_owned()),
            _ => panic!("the script has an unknown step: {line:?}"),
        }
    }

    #[track_caller]
    fn attachment(&self, name: &str) -> &[u8] {
        let attached = self.attachments.get(name);
        attached.unwrap_or_else(|| panic!("nothing is attached as {name:?}"))
    }
}

/// A step of a conversation. The table above explains them.
enum ScriptStep {
    Beneath(Vec<u8>),
    Close,
    Cut,
    Drip(Vec<u8>),
    Endless(Vec<u8>),
    Expect(Vec<u8>),
    Flush,
    Hold(String),
    Reached(String),
    Reset,
    Send(Vec<u8>),
    Stall,
    Tls,
    TlsFor(String),
    TlsRefused,
}

/// Expands a line that stands for several steps.
fn spelt_out(line: &str) -> Vec<String> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    match word {
        "counts" => vec![format!("S: +OK {rest}")],
        "gives" => vec!["S: +OK".into(), format!("note {rest}")],
        "lists" => {
            let lines = (1..)
                .zip(rest.split(' '))
                .map(|(n, what)| format!("S: {n} {what}"));
            let around = |line: &str| std::iter::once(line.to_owned());
            around("S: +OK")
                .chain(lines)
                .chain(around("S: ."))
                .collect()
        }
        "tops" => vec![
            "S: +OK".to_owned(),
            format!("S: Subject: {rest}"),
            "raw: \\r\\n".to_owned(),
            "S: .".to_owned(),
        ],
        "lmtp" => lines(
            "S: 220 mx ready\nC: LHLO localhost\nS: 250-mx\nS: 250-8BITMIME\nS: 250-CHUNKING\n\
             S: 250 PIPELINING",
        ),
        "hands" => lines(&handed_over(rest)),
        "takes" => lines(&format!(
            "{}\nS: 250 2.1.0 OK\nS: 250 2.1.5 OK\nS: 250 2.0.0 {rest} Saved",
            handed_over(rest)
        )),
        "login" => logged_in(line),
        _ => vec![line.to_owned()],
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// Returns the flight in which the client hands a note over by LMTP.
fn handed_over(name: &str) -> String {
    let octets = mail::note(name).octets.len();
    format!(
        "C: MAIL FROM:<>\nC: RCPT TO:<{USER}>\nC: BDAT {octets} LAST\nC: Subject: {name}\nC: \n\
         C: {name}"
    )
}

/// Returns the lines of a conversation up to the reply to the second CAPA.
#[track_caller]
fn logged_in(line: &str) -> Vec<String> {
    const PIPELINING: &str = "S: PIPELINING\nS: UIDL";
    const NO_PIPELINING: &str = "S: UIDL";
    let (before, after) = match line {
        "login" => (NO_PIPELINING, PIPELINING),
        "login ahead" => (PIPELINING, PIPELINING),
        "login early" => (PIPELINING, NO_PIPELINING),
        "login alone" => (NO_PIPELINING, NO_PIPELINING),
        "login top" => (NO_PIPELINING, "S: PIPELINING\nS: TOP\nS: UIDL"),
        _ => panic!("the script has an unknown step: {line:?}"),
    };
    let capabilities = |announced| format!("C: CAPA\nS: +OK\n{announced}\nS: .");
    format!(
        "S: +OK ready\n{}\nC: USER {USER}\nS: +OK\nC: PASS {PASSWORD}\nS: +OK\n{}",
        capabilities(before),
        capabilities(after)
    )
    .lines()
    .map(str::to_owned)
    .collect()
}

#[track_caller]
fn unescape(text: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'\\' => match rest.next() {
                Some(b'r') => b'\r',
                Some(b'n') => b'\n',
                Some(b't') => b'\t',
                Some(b'0') => 0,
                Some(b'\\') => b'\\',
                Some(b'x') => {
                    let digits = [rest.next(), rest.next()].map(Option::unwrap_or_default);
                    let digits = str::from_utf8(&digits).unwrap_or_default();
                    u8::from_str_radix(digits, 16)
                        .unwrap_or_else(|_| panic!("\\x needs two hexadecimal digits: {text}"))
                }
                _ => panic!("the script has an unknown escape: {text:?}"),
            },
            octet => octet,
        });
    }
    octets
}

#[cfg(test)]
mod tests;
