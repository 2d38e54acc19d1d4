//! What lies on the server: kinds of maildrops, made once and served to everyone.
//! Knows no client.

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

/// How long an octet is on its way to a far server, or from there.
const ONE_WAY: Duration = Duration::from_millis(25);

/// A kind of mail.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Mail {
    /// Many sizes, log-normal: most are small, most octets are in the large ones.
    Mixed(usize),
    /// 50 MB each.
    Large(usize),
    /// 2 to 6 KB each.
    Small(usize),
    /// Hardly anything but a unique-id.
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

    /// The same kind, a tenth of the messages.
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

/// How the server is reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Link {
    /// With TLS, 50 ms away and back.
    Far,
    /// On this machine, in cleartext.
    Plain,
    /// On this machine, with TLS.
    Tls,
}

/// One Dovecot with a user for every maildrop.
pub(crate) struct BenchServer {
    authority: PathBuf,
    dovecot: Dovecot,
    far: DelayedLine,
    users: HashMap<(Mail, usize), Vec<String>>,
}

impl BenchServer {
    /// Starts it; what clients need to know of it is left in `folder`.
    pub(crate) fn start(folder: &Path) -> Self {
        let dovecot = Dovecot::start().expect("there is no measuring without Dovecot");
        let authority = folder.join("authority.pem");
        fs::write(&authority, dovecot.authority().pem()).expect("a file can be written");
        Self {
            authority,
            far: DelayedLine::start(dovecot.tls_address(), ONE_WAY),
            dovecot,
            users: HashMap::new(),
        }
    }

    /// Makes maildrops of that kind, unless they are there; whose they are.
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
            while !users.last().is_none_or(|user| knows(dovecot, user)) {}
            users
        });
        users.clone()
    }

    /// Reads the mail of a user as it lies on the disk.
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

    /// Who vouches for it, where there is TLS.
    pub(crate) fn authority(&self, line: Link) -> Option<PathBuf> {
        (line != Link::Plain).then(|| self.authority.clone())
    }

    /// How often since the last call the far server's answer was waited for.
    pub(crate) fn take_round_trips(&self) -> u64 {
        self.far.take_round_trips()
    }
}

/// Whether a user can log in.
fn knows(dovecot: &Dovecot, user: &str) -> bool {
    let mut answers = String::new();
    TcpStream::connect(dovecot.address())
        .and_then(|mut socket| {
            write!(socket, "USER {user}\r\nPASS {PASSWORD}\r\nQUIT\r\n")?;
            socket.read_to_string(&mut answers)
        })
        .expect("Dovecot answers");
    !answers.contains("-ERR")
}
