//! What sessions learn of a server, for the next one to begin with: pure.
//! Does not know where it is remembered.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::capabilities::Capabilities;
use super::mechanism::Mechanism;
use super::transaction::Sizes;

/// What a session learned of its server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Acquaintance {
    /// It tells its capabilities, or refuses to.
    Announced {
        /// What it announced before the login: behind STLS, where that was used.
        before_login: Capabilities,
        /// What it announced after the login.
        after_login: Capabilities,
    },
    /// It breaks off when it is asked for its capabilities (fetchmail's FAQ knows such servers).
    Mute,
}

/// What a session begins with.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// What an earlier session learned. The login, and the listing behind it, then need not wait
    /// for CAPA.
    pub acquaintance: Option<Acquaintance>,
    /// How an earlier session logged in: what shows more is not taken unasked.
    pub login: Option<Mechanism>,
    /// Whether the listing shall tell sizes.
    pub sizes: Sizes,
    /// Whether commands may be sent ahead where the server announces PIPELINING.
    pub pace: Pace,
    /// Where it is noted that they were.
    pub haste: Haste,
}

/// Whether the last commands were sent ahead of replies, for whoever wonders why a session failed.
#[derive(Clone, Debug, Default)]
pub struct Haste(Arc<AtomicBool>);

impl Haste {
    /// Whether they were.
    pub fn was_made(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn note(&self, was_made: bool) {
        self.0.store(was_made, Ordering::Relaxed);
    }
}

/// Whether commands may be sent ahead of replies.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Pace {
    /// Never, whatever is announced: this server cannot keep step.
    Lockstep,
    /// Behind the login, where the server announces it there: it may have lost what came with one.
    Steady,
    /// Where the server announces it.
    #[default]
    Pipelined,
}

impl Opening {
    /// Whether more was taken for granted than the server has said in this session.
    pub fn was_bold(&self) -> bool {
        self.acquaintance.is_some() || self.haste.was_made()
    }

    /// What the server announced before the login, where that is remembered and all that the next
    /// session has to know.
    pub(super) fn remembered(&self) -> Option<&Capabilities> {
        match &self.acquaintance {
            Some(Acquaintance::Announced { before_login, .. })
                if self.hurries_behind(before_login) =>
            {
                Some(before_login)
            }
            _ => None,
        }
    }

    /// Whether the listing may be asked for in the flight of the login, by what the server announces
    /// before that: PIPELINING counts in both states (RFC 2449 section 6.8), unless it is known to
    /// be gone in the other.
    pub(super) fn hurries_behind(&self, before_login: &Capabilities) -> bool {
        let may_hurry = match &self.acquaintance {
            None => true,
            Some(Acquaintance::Announced { after_login, .. }) => after_login.pipelining,
            Some(Acquaintance::Mute) => false,
        };
        self.pace == Pace::Pipelined && may_hurry && before_login.pipelining
    }
}

/// As [`Acquaintance::parse`] reads it: what was announced before, and after the login, in a line
/// each.
impl fmt::Display for Acquaintance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Announced {
                before_login,
                after_login,
            } => write!(f, "{before_login}\n{after_login}"),
            Self::Mute => f.write_str(MUTE),
        }
    }
}

impl Acquaintance {
    /// Whether the server says that it has unique-ids.
    pub fn announces_uidl(&self) -> bool {
        matches!(self, Self::Announced { after_login, .. } if after_login.uidl)
    }

    /// Whether commands may be sent ahead after the login.
    pub fn announces_pipelining(&self) -> bool {
        matches!(self, Self::Announced { after_login, .. } if after_login.pipelining)
    }

    /// How long the server wants us to wait between two logins.
    pub fn login_delay(&self) -> Option<Duration> {
        self.of_user(|capabilities| capabilities.login_delay)
    }

    /// For how many days the server keeps messages, where it deletes them at all.
    pub fn expire(&self) -> Option<u32> {
        self.of_user(|capabilities| capabilities.expire)
    }

    /// What holds for this user is told after the login; some servers say it only before.
    fn of_user<T>(&self, what: impl Fn(&Capabilities) -> Option<T>) -> Option<T> {
        match self {
            Self::Announced {
                before_login,
                after_login,
            } => what(after_login).or_else(|| what(before_login)),
            Self::Mute => None,
        }
    }

    /// Reads what was remembered; `None` if that is no such thing.
    pub fn parse(text: &str) -> Option<Self> {
        if text == MUTE {
            return Some(Self::Mute);
        }
        let (before, after) = text.split_once('\n')?;
        Some(Self::Announced {
            before_login: Capabilities::parse(before),
            after_login: Capabilities::parse(after),
        })
    }
}

const MUTE: &str = "mute";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_what_was_learned() {
        let announced = |lines: &[&str]| {
            let mut capabilities = Capabilities::announced();
            for line in lines {
                capabilities.add(line.as_bytes());
            }
            capabilities
        };
        for acquaintance in [
            Acquaintance::Mute,
            Acquaintance::Announced {
                before_login: Capabilities::default(),
                after_login: Capabilities::default(),
            },
            Acquaintance::Announced {
                before_login: announced(&["SASL PLAIN LOGIN", "PIPELINING", "UTF8 USER"]),
                after_login: Capabilities::default(),
            },
            Acquaintance::Announced {
                before_login: announced(&[]),
                after_login: announced(&["PIPELINING", "EXPIRE 0", "LOGIN-DELAY 300"]),
            },
        ] {
            let remembered = Acquaintance::parse(&acquaintance.to_string());
            assert_eq!(remembered, Some(acquaintance));
        }
        assert_eq!(Acquaintance::parse("PIPELINING"), None);
    }

    #[test]
    fn the_listing_is_asked_for_at_once_unless_the_server_is_known_not_to_pipeline_throughout() {
        let silent = Capabilities::announced;
        let pipelining = || Capabilities {
            pipelining: true,
            ..silent()
        };
        let announced = |before_login, after_login| {
            Some(Acquaintance::Announced {
                before_login,
                after_login,
            })
        };
        let both = announced(pipelining(), pipelining());
        let early = announced(pipelining(), silent());
        let late = announced(silent(), pipelining());
        for (acquaintance, announced, pace, hurries) in [
            (both.clone(), pipelining(), Pace::Pipelined, true),
            (both.clone(), pipelining(), Pace::Steady, false),
            (both, pipelining(), Pace::Lockstep, false),
            (early, pipelining(), Pace::Pipelined, false),
            (late, silent(), Pace::Pipelined, false),
            (Some(Acquaintance::Mute), silent(), Pace::Pipelined, false),
            (None, pipelining(), Pace::Pipelined, true),
            (None, pipelining(), Pace::Steady, false),
            (None, silent(), Pace::Pipelined, false),
        ] {
            let opening = Opening {
                acquaintance,
                pace,
                ..Opening::default()
            };
            assert_eq!(opening.hurries_behind(&announced), hurries, "{opening:?}");
        }
    }
}
