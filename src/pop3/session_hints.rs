//! What a session may rely on before the server has said it, and what it must not do.
//! Pure.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::capabilities::Capabilities;
use super::mechanism::Mechanism;
use super::server_profile::{Channel, ServerProfile};

/// What a session begins with.
#[derive(Clone, Debug, Default)]
pub struct SessionHints {
    /// What an earlier session learned. The login, and the listing behind it, then need not wait
    /// for CAPA.
    pub profile: Option<ServerProfile>,
    /// What carries the session.
    pub channel: Channel,
    /// How an earlier session logged in: what shows more is not taken unasked.
    pub login: Option<Mechanism>,
    /// Whether the listing shall tell sizes.
    pub sizes: Sizes,
    /// Whether commands may be sent ahead where the server announces PIPELINING.
    pub pipelining: Pipelining,
    /// Where it is noted that they were.
    pub pipelining_log: PipeliningLog,
}

/// What was sent ahead of replies, for whoever wonders why a session failed.
#[derive(Clone, Debug, Default)]
pub struct PipeliningLog(Arc<Traces>);

#[derive(Debug, Default)]
struct Traces {
    was_used: AtomicBool,
    was_rejected: AtomicBool,
}

impl PipeliningLog {
    /// Whether the last commands were sent ahead.
    pub fn was_used(&self) -> bool {
        self.0.was_used.load(Ordering::Relaxed)
    }

    /// Whether a server was called again because it could not bear it.
    pub fn was_rejected(&self) -> bool {
        self.0.was_rejected.load(Ordering::Relaxed)
    }

    /// Notes that a server could not bear it.
    pub fn reject(&self) {
        self.0.was_rejected.store(true, Ordering::Relaxed);
    }

    pub(super) fn note(&self, was_used: bool) {
        self.0.was_used.store(was_used, Ordering::Relaxed);
    }
}

/// Whether commands may be sent ahead of replies.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Pipelining {
    /// Never, whatever is announced: this server cannot keep step.
    Never,
    /// Behind the login, where the server announces it there: it may have lost what came with one.
    AfterLogin,
    /// Where the server announces it.
    #[default]
    Always,
}

impl SessionHints {
    /// Whether more was taken for granted than the server has said in this session.
    pub fn relied_on_memory(&self) -> bool {
        self.profile.is_some() || self.pipelining_log.was_used()
    }

    /// What the server announced before the login, where that is remembered and all that the next
    /// session has to know.
    pub(super) fn remembered(&self) -> Option<&Capabilities> {
        match &self.profile {
            Some(ServerProfile::Announced { before_login, .. })
                if self.pipelines_login(before_login) =>
            {
                Some(before_login)
            }
            _ => None,
        }
    }

    /// Whether the listing may be asked for in the flight of the login, by what the server announces
    /// before that: PIPELINING counts in both states (RFC 2449 section 6.8), unless it is known to
    /// be gone in the other.
    pub(super) fn pipelines_login(&self, before_login: &Capabilities) -> bool {
        let may_pipeline = match &self.profile {
            None => true,
            Some(ServerProfile::Announced { after_login, .. }) => after_login.pipelining,
            Some(ServerProfile::CapaUnsupported) => false,
        };
        self.pipelining == Pipelining::Always && may_pipeline && before_login.pipelining
    }
}

/// Whether a listing shall tell sizes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Sizes {
    /// They decide something.
    #[default]
    Needed,
    /// Nobody asks for them yet.
    Unneeded,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::Moment;

    fn profile(before_login: Capabilities, after_login: Capabilities) -> ServerProfile {
        ServerProfile::Announced {
            before_login,
            after_login,
            channel: Channel::Encrypted,
            when: Moment(1_000_000),
        }
    }

    #[test]
    fn the_listing_is_asked_for_at_once_unless_the_server_is_known_not_to_pipeline_throughout() {
        let silent = Capabilities::announced;
        let pipelining = || Capabilities {
            pipelining: true,
            ..silent()
        };
        let announced = |before, after| Some(profile(before, after));
        let both = announced(pipelining(), pipelining());
        let early = announced(pipelining(), silent());
        let late = announced(silent(), pipelining());
        for (profile, announced, pipelining, pipelines_login) in [
            (both.clone(), pipelining(), Pipelining::Always, true),
            (both.clone(), pipelining(), Pipelining::AfterLogin, false),
            (both, pipelining(), Pipelining::Never, false),
            (early, pipelining(), Pipelining::Always, false),
            (late, silent(), Pipelining::Always, false),
            (
                Some(ServerProfile::CapaUnsupported),
                silent(),
                Pipelining::Always,
                false,
            ),
            (None, pipelining(), Pipelining::Always, true),
            (None, pipelining(), Pipelining::AfterLogin, false),
            (None, silent(), Pipelining::Always, false),
        ] {
            let hints = SessionHints {
                profile,
                pipelining,
                ..SessionHints::default()
            };
            assert_eq!(
                hints.pipelines_login(&announced),
                pipelines_login,
                "{hints:?}"
            );
        }
    }
}
