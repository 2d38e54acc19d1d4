//! The commands of POP3 (RFC 1939, 2449, 2595, 5034, 6856), and how they are encoded. Pure.

use std::fmt;

use zeroize::Zeroizing;

use super::session_hints::Flight;
use crate::mail::maildrop::MessageNumber;
use crate::os::secret::Secret;

/// A command. `Display` shows it without its secrets and without its line end.
#[derive(Debug)]
pub enum Command<'a> {
    /// Logs in by a digest over the timestamp of the greeting.
    Apop {
        /// The user.
        user: &'a str,
        /// 32 hexadecimal digits.
        digest: &'a str,
    },
    /// Begins a SASL exchange.
    Auth {
        /// The mechanism's name.
        mechanism: &'static str,
        /// The initial response in base64, if it is sent in this line.
        initial: Option<&'a [u8]>,
    },
    /// Asks for the capabilities.
    Capa,
    /// Marks a message as deleted. The server deletes it at QUIT.
    Dele(MessageNumber),
    /// Asks for the scan listing: the size of every message.
    List,
    /// Resets the inactivity timer of the server.
    Noop,
    /// The password, after USER.
    Pass(&'a Secret),
    /// Ends the session. In the TRANSACTION state the server then deletes what is marked.
    Quit,
    /// A line of a SASL exchange, in base64.
    Response(&'a [u8]),
    /// Asks for a message.
    Retr(MessageNumber),
    /// Asks for the number of messages and the sum of their sizes.
    Stat,
    /// Begins TLS.
    Stls,
    /// Asks for the header of a message, and for no line of its body.
    Top(MessageNumber, u32),
    /// Asks for the unique-id listing.
    Uidl,
    /// Allows UTF-8 in what follows (RFC 6856).
    Utf8,
    /// The user, before PASS.
    User(&'a str),
    /// Offers a message that the server is to send. No RFC describes it; qpopper introduced it.
    XtndXmit,
}

impl Command<'_> {
    /// Returns an upper limit for its length in octets.
    pub fn room(&self) -> usize {
        const WORDS: usize = 64;
        WORDS
            + match self {
                Self::Apop { user, digest } => user.len() + digest.len(),
                Self::Auth { initial, .. } => initial.map_or(0, <[u8]>::len),
                Self::Pass(password) => password.expose().len(),
                Self::Response(response) => response.len(),
                Self::User(user) => user.len(),
                _ => 0,
            }
    }

    /// Returns the kind of flight in which it is pipelined.
    pub fn flight(&self) -> Flight {
        match self {
            Self::Dele(_) => Flight::Deletion,
            Self::Retr(_) | Self::Top(..) => Flight::Retrieval,
            _ => Flight::Listing,
        }
    }

    /// Appends the command as it is sent, with its CRLF.
    pub fn encode(&self, out: &mut Zeroizing<Vec<u8>>) {
        let line = match self {
            Self::Apop { user, digest } => format!("APOP {user} {digest}"),
            Self::User(user) => format!("USER {user}"),
            _ => self.to_string(),
        };
        match self {
            Self::Auth {
                mechanism,
                initial: Some(initial),
            } => {
                out.extend_from_slice(format!("AUTH {mechanism} ").as_bytes());
                out.extend_from_slice(initial);
            }
            Self::Pass(password) => {
                out.extend_from_slice(b"PASS ");
                out.extend_from_slice(password.expose());
            }
            Self::Response(response) => out.extend_from_slice(response),
            _ => out.extend_from_slice(line.as_bytes()),
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Returns true if a positive reply has more lines, up to a line with a dot (RFC 1939 section
    /// 3).
    pub fn is_multi_line(&self) -> bool {
        matches!(
            self,
            Self::Capa | Self::List | Self::Retr(_) | Self::Top(..) | Self::Uidl
        )
    }
}

impl fmt::Display for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apop { user, .. } => write!(f, "APOP {user} ****"),
            Self::Auth {
                mechanism,
                initial: None,
            } => write!(f, "AUTH {mechanism}"),
            Self::Auth { mechanism, .. } => write!(f, "AUTH {mechanism} ****"),
            Self::Capa => f.write_str("CAPA"),
            Self::Dele(number) => write!(f, "DELE {number}"),
            Self::List => f.write_str("LIST"),
            Self::Noop => f.write_str("NOOP"),
            Self::Pass(_) => f.write_str("PASS ****"),
            Self::Quit => f.write_str("QUIT"),
            Self::Response(_) => f.write_str("****"),
            Self::Retr(number) => write!(f, "RETR {number}"),
            Self::Stat => f.write_str("STAT"),
            Self::Stls => f.write_str("STLS"),
            Self::Top(number, lines) => write!(f, "TOP {number} {lines}"),
            Self::Uidl => f.write_str("UIDL"),
            Self::Utf8 => f.write_str("UTF8"),
            Self::User(user) => write!(f, "USER {user}"),
            Self::XtndXmit => f.write_str("XTND XMIT"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_sent_whole_and_shown_without_secrets() {
        let password = Secret::new(b"s3cret".to_vec()).expect("the password has no line break");
        let number = MessageNumber::new(7).expect("the number is in range");
        for (command, sent, shown) in [
            (Command::Retr(number), "RETR 7\r\n", "RETR 7"),
            (Command::User("joe x"), "USER joe x\r\n", "USER joe x"),
            (Command::Pass(&password), "PASS s3cret\r\n", "PASS ****"),
            (Command::Response(b"czNjcmV0"), "czNjcmV0\r\n", "****"),
            (
                Command::Apop {
                    user: "joe",
                    digest: "c4c9",
                },
                "APOP joe c4c9\r\n",
                "APOP joe ****",
            ),
            (
                Command::Auth {
                    mechanism: "PLAIN",
                    initial: Some(b"czNjcmV0"),
                },
                "AUTH PLAIN czNjcmV0\r\n",
                "AUTH PLAIN ****",
            ),
        ] {
            let mut out = Zeroizing::new(Vec::new());
            command.encode(&mut out);
            assert_eq!(&**out, sent.as_bytes());
            assert!(out.len() <= command.room());
            assert_eq!(command.to_string(), shown);
        }
    }
}
