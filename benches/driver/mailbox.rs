//! The server and its maildrops. Each kind of maildrop is made once and served to all participants.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::delayed_line::DelayedLine;
use crate::support::dovecot::Dovecot;
use crate::support::mail::{self, TestMessage};
use crate::support::model_server::PASSWORD;

/// The time that an octet takes to a distant server, or back.
const ONE_WAY: Duration = Duration::from_millis(25);

/// A kind of mail.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Mail {
    /// Sizes with a log-normal distribution: most messages are small, and the large ones have most
    /// of the octets.
    Mixed(usize),
    /// Messages of 50 MB.
    Large(usize),
    /// Messages of 2 to 6 KB.
    Small(usize),
    /// Messages with little more than a header.
    Tiny(usize),
}

impl Mail {
    pub(crate) fn count(self) -> usize {
        match self {
            Self::Large(count) | Self::Mixed(count) | Self::Small(count) | Self::Tiny(count) => {
                count
            }
        }
    }

    /// Returns the same kind with a tenth of the messages.
    pub(crate) fn tenth(self) -> Self {
        match self {
            Self::Large(count) => Self::Large(count / 10),
            Self::Mixed(count) => Self::Mixed(count / 10),
            Self::Small(count) => Self::Small(count / 10),
            Self::Tiny(count) => Self::Tiny(count / 10),
        }
    }

    fn make(self) -> Vec<TestMessage> {
        match self {
            Self::Large(count) => mail::letters(3, count, |_| 50_000_000),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "clamped to what fits"
            )]
            Self::Mixed(count) => mail::letters(2, count, |random| {
                random.log_normal(8000.0, 2.1).clamp(500.0, 5e6) as u64
            }),
            Self::Small(count) => mail::ordinary(1, count),
            Self::Tiny(count) => mail::letters(4, count, |_| 0),
        }
    }
}

/// The connection to the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Link {
    /// With TLS and a round trip of 50 ms.
    Far,
    /// On this machine, in cleartext.
    Plain,
    /// On this machine, with TLS.
    Tls,
}

/// A Dovecot with a user for every maildrop.
pub(crate) struct BenchServer {
    authority: PathBuf,
    dovecot: Dovecot,
    far: DelayedLine,
    users: HashMap<(Mail, usize), Vec<String>>,
}

impl BenchServer {
    /// Starts the server and writes the certificate of its authority into `folder`.
    pub(crate) fn start(folder: &Path) -> Self {
        let dovecot = Dovecot::start().expect("Dovecot is installed");
        let authority = folder.join("authority.pem");
        fs::write(&authority, dovecot.authority().pem()).expect("a file can be written");
        Self {
            authority,
            far: DelayedLine::start(dovecot.tls_address(), ONE_WAY),
            dovecot,
            users: HashMap::new(),
        }
    }

    /// Returns the users with maildrops of this kind, which are made the first time.
    pub(crate) fn users(&mut self, mail: Mail, accounts: usize) -> Vec<String> {
        let (dovecot, next) = (&self.dovecot, self.users.len());
        let users = self.users.entry((mail, accounts)).or_insert_with(|| {
            let messages = mail.make();
            let users = (1..=accounts).map(|n| format!("user{next}-{n}"));
            let users: Vec<_> = users
                .inspect(|user| {
                    dovecot.add_user(user).deliver_to(user, &messages);
                })
                .collect();
            // Dovecot looks for new users once a second.
            while !users.last().is_none_or(|user| can_log_in(dovecot, user)) {}
            users
        });
        users.clone()
    }

    /// Reads the mail of a user as the server stores it.
    pub(crate) fn stored(&self, user: &str) -> Vec<Vec<u8>> {
        self.dovecot.maildir_of(user).messages()
    }

    pub(crate) fn address(&self, line: Link) -> SocketAddr {
        match line {
            Link::Far => self.far.address(),
            Link::Plain => self.dovecot.address(),
            Link::Tls => self.dovecot.tls_address(),
        }
    }

    /// The certificate of the server's authority, if the connection has TLS.
    pub(crate) fn authority(&self, line: Link) -> Option<PathBuf> {
        (line != Link::Plain).then(|| self.authority.clone())
    }

    /// Returns the number of round trips to the distant server since the last call.
    pub(crate) fn take_round_trips(&self) -> u64 {
        self.far.take_round_trips()
    }
}

/// True if a user can log in.
fn can_log_in(dovecot: &Dovecot, user: &str) -> bool {
    let mut answers = String::new();
    TcpStream::connect(dovecot.address())
        .and_then(|mut socket| {
            write!(socket, "USER {user}\r\nPASS {PASSWORD}\r\nQUIT\r\n")?;
            socket.read_to_string(&mut answers)
        })
        .expect("Dovecot answers");
    !answers.contains("-ERR")
}
