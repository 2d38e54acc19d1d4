//! Hints of earlier runs, with which a session begins: what the server can probably do, and what to
//! avoid.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use super::capabilities::Capabilities;
use super::command::Command;
use super::server_profile::{CapaUse, Channel, ServerProfile};
use crate::sasl::Mechanism;

/// The hints with which a session begins.
#[derive(Clone, Debug, Default)]
pub struct SessionHints {
    /// The profile of the server from an earlier session. With it, login and listing need not wait
    /// for CAPA.
    pub profile: Option<ServerProfile>,
    /// The channel that carries the session.
    pub channel: Channel,
    /// The mechanism of the last login: one that shows more of the password is not chosen
    /// automatically.
    pub login: Option<Mechanism>,
    /// The sizes that the listing needs.
    pub sizes: Sizes,
    /// The use of pipelining if the server announces it.
    pub pipelining: Pipelining,
    /// Notes that commands were pipelined.
    pub pipelining_log: PipeliningLog,
}

/// Notes that commands were pipelined, so that the caller can find out why a session failed. Clones
/// share their notes.
#[derive(Clone, Debug, Default)]
pub struct PipeliningLog(Arc<PipeliningNotes>);

#[derive(Debug, Default)]
struct PipeliningNotes {
    was_used: AtomicBool,
    was_rejected: AtomicBool,
    was_hung_up: AtomicBool,
    /// The number of the last flight.
    flight: AtomicU8,
    /// A bit for each flight that was answered to its end.
    answered: AtomicU8,
}

/// The commands that were sent ahead of replies. The numbers are stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flight {
    /// A login or a listing.
    Listing = 1,
    /// RETR or TOP.
    Retrieval = 2,
    /// DELE.
    Deletion = 3,
}

impl Flight {
    /// Returns the flight with this number.
    pub fn numbered(number: u8) -> Option<Self> {
        [Self::Listing, Self::Retrieval, Self::Deletion]
            .into_iter()
            .find(|flight| *flight as u8 == number)
    }
}

impl PipeliningLog {
    /// Returns true if the last command was sent before an earlier one was answered.
    pub fn was_used(&self) -> bool {
        self.0.was_used.load(Ordering::Relaxed)
    }

    /// Returns the flight that the last command belongs to, if it was sent before an earlier one was
    /// answered.
    pub fn last_flight(&self) -> Option<Flight> {
        let number = self.0.flight.load(Ordering::Relaxed);
        Flight::numbered(number).filter(|_| self.was_used())
    }

    /// Returns true if every command of such a flight was answered.
    pub fn was_answered(&self, flight: Flight) -> bool {
        self.0.answered.load(Ordering::Relaxed) & 1 << flight as u8 != 0
    }

    /// Returns true if a server got a second attempt because it could not handle pipelining.
    pub fn was_rejected(&self) -> bool {
        self.0.was_rejected.load(Ordering::Relaxed)
    }

    /// Notes that a server could not handle pipelining.
    pub fn reject(&self) {
        self.0.was_rejected.store(true, Ordering::Relaxed);
    }

    /// Returns true if a server got a second attempt because it closed the connection on a pipelined
    /// login.
    pub fn was_hung_up(&self) -> bool {
        self.0.was_hung_up.load(Ordering::Relaxed)
    }

    /// Notes that a server closed the connection on a pipelined login.
    pub fn hang_up(&self) {
        self.0.was_hung_up.store(true, Ordering::Relaxed);
    }

    /// Notes that a flight was sent.
    pub(super) fn note(&self, was_used: bool, flight: Flight) {
        self.0.was_used.store(was_used, Ordering::Relaxed);
        self.0.flight.store(flight as u8, Ordering::Relaxed);
    }

    /// Notes that everything that was sent is answered.
    pub(super) fn note_answered(&self) {
        if let Some(flight) = self.last_flight() {
            let bit = 1 << flight as u8;
            self.0.answered.fetch_or(bit, Ordering::Relaxed);
        }
    }
}

/// The times at which commands may be sent before earlier ones are answered.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Pipelining {
    /// Never, even if the server announces PIPELINING: this server has mixed up its replies.
    Never,
    /// After the login, if the server announces it there: it may have lost what came together with
    /// a login.
    AfterLogin,
    /// Whenever the server announces it.
    #[default]
    Always,
}

impl SessionHints {
    /// Returns true if the session relied on something that the server has not said in this
    /// session.
    pub fn relied_on_memory(&self) -> bool {
        self.profile.is_some() || self.pipelining_log.was_used()
    }

    /// The capabilities before the login, if the profile has them and they make CAPA unnecessary.
    pub(super) fn remembered(&self) -> Option<&Capabilities> {
        let before_login = &self.profile.as_ref()?.before_login;
        self.pipelines_login(before_login).then_some(before_login)
    }

    /// The use of CAPA by this session.
    pub(super) fn capa(&self) -> CapaUse {
        self.profile
            .as_ref()
            .map_or(CapaUse::Always, |profile| profile.capa)
    }

    /// Returns true if login and listing may be sent in one flight. PIPELINING counts in both
    /// states (RFC 2449 section 6.6), unless the profile says that the server does not announce it
    /// after the login.
    pub(super) fn pipelines_login(&self, before_login: &Capabilities) -> bool {
        let profile = self.profile.as_ref();
        let may_pipeline = profile.is_none_or(ServerProfile::announces_pipelining);
        self.pipelining == Pipelining::Always && may_pipeline && before_login.pipelining
    }
}

/// The sizes that a listing needs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Sizes {
    /// The size of each message (LIST): something depends on it.
    #[default]
    Each,
    /// The sum of all sizes (STAT): it shows whether a known message has another size now.
    Total,
}

impl Sizes {
    /// Returns the command that asks for them.
    pub(super) fn command(self) -> Command<'static> {
        match self {
            Self::Each => Command::List,
            Self::Total => Command::Stat,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::Moment;

    fn profile(before_login: Capabilities, after_login: Capabilities) -> ServerProfile {
        ServerProfile {
            before_login,
            after_login,
            channel: Channel::Encrypted,
            when: Moment(1_000_000),
            capa: CapaUse::Always,
        }
    }

    #[test]
    fn login_and_listing_share_a_flight_if_pipelining_is_announced() {
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
                Some(ServerProfile::without_capa(Channel::Encrypted, Moment(0))),
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
