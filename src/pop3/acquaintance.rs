//! What sessions learn of a server, for the next one to begin with: pure.
//! Does not know where it is remembered.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Pace {
    /// Never, whatever is announced: this server cannot keep step.
    Lockstep,
    /// Where the server announces it.
    #[default]
    Pipelined,
}

impl Opening {
    /// Whether the listing may be asked for in the flight of the login.
    pub(super) fn lists_at_once(&self) -> bool {
        self.pace == Pace::Pipelined
            && matches!(
                &self.acquaintance,
                Some(Acquaintance::Announced { before_login, after_login })
                    if before_login.pipelining && after_login.pipelining
            )
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
                before_login: announced(&["SASL PLAIN LOGIN", "PIPELINING"]),
                after_login: Capabilities::default(),
            },
            Acquaintance::Announced {
                before_login: announced(&[]),
                after_login: announced(&["PIPELINING"]),
            },
        ] {
            let remembered = Acquaintance::parse(&acquaintance.to_string());
            assert_eq!(remembered, Some(acquaintance));
        }
        assert_eq!(Acquaintance::parse("PIPELINING"), None);
    }

    #[test]
    fn the_listing_is_asked_for_at_once_only_where_the_server_pipelines_throughout() {
        let pipelining = || Capabilities {
            pipelining: true,
            ..Capabilities::announced()
        };
        let both = Acquaintance::Announced {
            before_login: pipelining(),
            after_login: pipelining(),
        };
        let late = Acquaintance::Announced {
            before_login: Capabilities::announced(),
            after_login: pipelining(),
        };
        for (acquaintance, pace, lists_at_once) in [
            (Some(both.clone()), Pace::Pipelined, true),
            (Some(both), Pace::Lockstep, false),
            (Some(late), Pace::Pipelined, false),
            (Some(Acquaintance::Mute), Pace::Pipelined, false),
            (None, Pace::Pipelined, false),
        ] {
            let opening = Opening {
                acquaintance,
                pace,
                ..Opening::default()
            };
            assert_eq!(opening.lists_at_once(), lists_at_once, "{opening:?}");
        }
    }
}
