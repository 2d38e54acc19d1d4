//! The meaning of a refusal: what must change before the command can succeed. Response codes say it (RFC 2449
//! section 8, RFC 3206). Most servers send none, so their words decide, by the table in `refusal_texts`. Pure.
//!
//! | cause | greeting | login | listing | RETR, TOP | DELE, QUIT |
//! |---|---|---|---|---|---|
//! | `Busy` | 75 | 75 | 75 | tried again, counts against no message | the next run sees what was deleted |
//! | `Fault` | 75 | 75 | 75 | counted against the message | as above |
//! | `Credentials`, `Account` | 77 | 77 | 75 | as above | as above |
//! | `Command` | 76 | another way to log in, else 77 | UIDL: 69 | as above | as above |
//! | `Policy`, or unknown | 76 | 77 | 75 | as above | as above |
//!
//! After many refusals in a row at RETR or DELE the server is at fault, whatever it says (`mail::streak`).

use std::fmt;

use super::refusal_texts::TEXTS;
use crate::exit::Exit;
use crate::text::ServerText;

/// The server's reply when it refused something.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// The response code in brackets, if mailpull knows it.
    pub code: Option<ResponseCode>,
    /// The text after `-ERR`, with the code. A bare `-ERR` is its own text, so that a quotation is not empty.
    pub text: ServerText,
}

/// Response codes of RFC 2449 section 8 and RFC 3206.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ResponseCode {
    /// `[AUTH]`: the credentials are the problem.
    Auth,
    /// `[IN-USE]`: another session holds the maildrop.
    InUse,
    /// `[LOGIN-DELAY]`: the last login was too recent.
    LoginDelay,
    /// `[SYS/PERM]`: a fault of the server that waiting does not repair.
    SysPerm,
    /// `[SYS/TEMP]`: a temporary fault of the server.
    SysTemp,
}

/// The thing that must change before a refused command can succeed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RefusalCause {
    /// The operator of the server, or the user in the provider's settings, must allow the account to be used.
    Account,
    /// Time must pass: the mailbox is locked, or a limit is reached.
    Busy,
    /// Another command, or another form of it, is needed.
    Command,
    /// User or password must be corrected.
    Credentials,
    /// The server has a fault that its operator will repair.
    Fault,
    /// The connection must be another one: encrypted, or from another address.
    Policy,
}

/// The step of a session that the server refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RefusedStep {
    /// To open a session.
    Greeting,
    /// To log in.
    Login,
    /// To list the messages.
    Listing,
}

/// The end of a sentence that says what the server has refused.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text.as_octets() {
            BARE => f.write_str(" without saying why"),
            _ => write!(f, ": {}", self.text),
        }
    }
}

/// A refusal without a text.
const BARE: &[u8] = b"-ERR";

impl Refusal {
    /// Takes the text after `-ERR`.
    pub fn new(text: &[u8]) -> Self {
        Self {
            code: ResponseCode::parse(text),
            text: ServerText::new(if text.is_empty() { BARE } else { text }),
        }
    }

    /// Returns what must change; `None` if neither the code nor the words say it.
    pub fn cause(&self) -> Option<RefusalCause> {
        match self.code {
            Some(ResponseCode::Auth) => Some(RefusalCause::Credentials),
            Some(ResponseCode::InUse | ResponseCode::LoginDelay | ResponseCode::SysTemp) => {
                Some(RefusalCause::Busy)
            }
            Some(ResponseCode::SysPerm) => match self.cause_of_text() {
                account @ Some(RefusalCause::Account) => account,
                _ => Some(RefusalCause::Policy),
            },
            None => self.cause_of_text(),
        }
    }

    fn cause_of_text(&self) -> Option<RefusalCause> {
        let text = self.text.to_comparable();
        let mut rows = TEXTS.iter();
        let row = rows.find(|(_, pattern, _)| has_parts(&text, pattern));
        row.map(|(cause, ..)| *cause)
    }

    /// Returns true if the server says that user or password are wrong (RFC 3206).
    pub fn is_of_login(&self) -> bool {
        self.code == Some(ResponseCode::Auth)
    }

    /// Returns true if the server says that the command will work later, whatever the command is.
    pub fn is_transient(&self) -> bool {
        self.cause() == Some(RefusalCause::Busy)
    }

    /// Returns true if the server says that it does not know the command, or not in this form.
    pub fn is_of_command(&self) -> bool {
        self.cause() == Some(RefusalCause::Command)
    }

    /// Returns true if the server says that it does not know the mechanism of a login, while it knows AUTH.
    pub fn is_of_mechanism(&self) -> bool {
        let text = self.text.to_comparable();
        let words = ["mechanism", "type", "method", "scheme"];
        self.is_of_command() && words.iter().any(|word| text.contains(word))
    }

    /// Returns true if the server may not know the command, or not in this form.
    pub fn may_be_of_command(&self) -> bool {
        matches!(self.cause(), Some(RefusalCause::Command) | None)
    }

    /// Returns true if the server says that it cannot do its work now.
    pub fn is_of_server(&self) -> bool {
        matches!(self.cause(), Some(RefusalCause::Busy | RefusalCause::Fault))
    }

    /// Returns the exit status that it leads to.
    pub fn exit_at(&self, step: RefusedStep) -> Exit {
        match (self.cause(), step) {
            (Some(RefusalCause::Busy | RefusalCause::Fault), _) | (_, RefusedStep::Listing) => {
                Exit::Temporary
            }
            (Some(RefusalCause::Account | RefusalCause::Credentials), _)
            | (_, RefusedStep::Login) => Exit::LoginRefused,
            (_, RefusedStep::Greeting) => Exit::Protocol,
        }
    }
}

/// Returns true if a text has all parts of a pattern in their order.
fn has_parts(text: &str, pattern: &str) -> bool {
    let mut rest = Some(text);
    for part in pattern.split('*') {
        rest = rest.and_then(|text| text.find(part).map(|at| &text[at + part.len()..]));
    }
    rest.is_some()
}

impl ResponseCode {
    fn parse(text: &[u8]) -> Option<Self> {
        let inside = text.strip_prefix(b"[")?;
        let end = inside.iter().position(|&octet| octet == b']')?;
        let code = inside[..end].to_ascii_uppercase();
        [
            (&b"AUTH"[..], Self::Auth),
            (b"IN-USE", Self::InUse),
            (b"LOGIN-DELAY", Self::LoginDelay),
            (b"SYS/PERM", Self::SysPerm),
            (b"SYS/TEMP", Self::SysTemp),
        ]
        .into_iter()
        .find(|(name, _)| *name == code)
        .map(|(_, code)| code)
    }
}
