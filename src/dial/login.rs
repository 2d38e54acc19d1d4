//! From an open session to a login: what may be relied on from earlier runs, which mechanism is
//! used, and when a server gets a second attempt.

use std::io::{Read, Write};

use super::auth::{Auth, LoginOffer, NextStep, Visibility};
use super::error::mechanism_fault;
use super::{DialOptions, DialStep, Error, LoginHistory, Security};
use crate::moment::Moment;
use crate::os::secret::Secret;
use crate::pop3::{
    self, Authorization, CapaUse, Channel, Credentials, Mechanism, Pipelining, ServerProfile,
    SessionHints, Transaction,
};

/// A session that waits for a login.
pub(super) struct GreetedSession<S> {
    pub(super) session: Authorization<S>,
    /// The value to which a login can be bound (`tls-server-end-point`, RFC 5929).
    pub(super) end_point: Option<Vec<u8>>,
}

/// A login of one account. It opens a session for each attempt.
pub(super) struct LoginAttempts<'a, O> {
    pub(super) options: &'a DialOptions,
    pub(super) secret: &'a Secret,
    pub(super) watcher: &'a dyn Fn(DialStep<'_>),
    /// Connects, up to the greeting.
    pub(super) open: O,
}

/// The way in which a login is attempted.
#[derive(Clone, Copy, Debug)]
struct LoginPlan {
    binding: Binding,
    /// The mechanism that did not work, and the one to use instead.
    instead: Option<(Mechanism, Mechanism)>,
}

/// The treatment of a login that both ends can bind to the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Binding {
    /// It is bound.
    Wanted,
    /// It is not bound, because the server does not understand how mailpull binds it.
    Refused,
}

impl<S, O> LoginAttempts<'_, O>
where
    S: Read + Write,
    O: Fn(&SessionHints) -> Result<GreetedSession<S>, Error>,
{
    /// Logs in. A server gets a second attempt
    ///
    /// - without hints, if it breaks off or falls silent where a hint was relied on or commands were
    ///   pipelined;
    /// - without CAPA, if it breaks off or falls silent there;
    /// - with an unbound login, if it offers a bound one and does not understand it;
    /// - by another mechanism that shows no more of the password, if it offers one and does not support it.
    ///
    /// # Errors
    /// There is no connection, or no login.
    pub(super) fn log_in(&self, hints: &SessionHints) -> Result<Transaction<S>, Error> {
        let hints = &self.usable(hints);
        let mut how = LoginPlan {
            binding: binding(hints),
            instead: None,
        };
        let mut attempted = self.attempt(hints, how);
        if let Err(error) = &attempted
            && error.is_unbound()
            && self.may_go_unbound(hints)
        {
            how.binding = Binding::Refused;
            attempted = self.attempt(hints, how);
        }
        if let Err(error) = &attempted
            && let Some(instead) = error.next_mechanism()
        {
            how.instead = Some(instead);
            attempted = self.attempt(hints, how);
        }
        attempted
    }

    /// Returns the hints without a profile that is too old, or that was read from a channel on
    /// which somebody could have changed it.
    fn usable(&self, hints: &SessionHints) -> SessionHints {
        let channel = match self.options.security {
            Security::None => Channel::Clear,
            Security::StartTls | Security::Tls => Channel::Encrypted,
        };
        let now = Moment::now();
        let mut hints = SessionHints {
            channel,
            ..hints.clone()
        };
        hints.profile = hints.profile.filter(|known| known.is_usable(channel, now));
        hints
    }

    /// Returns true if a login that was to be bound may be made unbound. An attacker in the middle
    /// can cause that; so if an earlier login was bound, only the user can allow it.
    fn may_go_unbound(&self, hints: &SessionHints) -> bool {
        self.options.auth != Auth::Auto || !hints.login.is_some_and(Mechanism::is_bound)
    }

    fn attempt(&self, hints: &SessionHints, how: LoginPlan) -> Result<Transaction<S>, Error> {
        match self.attempt_with_capa(hints, how) {
            Err(error) => match self.without_capa(hints, &error) {
                Some(without) => self.log_in_once(&without, how),
                None => Err(error),
            },
            attempted => attempted,
        }
    }

    fn attempt_with_capa(
        &self,
        hints: &SessionHints,
        how: LoginPlan,
    ) -> Result<Transaction<S>, Error> {
        match self.log_in_once(hints, how) {
            Err(error) if hints.relied_on_memory() && error.contradicts_memory() => {
                let mut pipelining = Pipelining::AfterLogin;
                if hints.pipelining_log.was_used() {
                    if error.is_out_of_step_or_silent() {
                        hints.pipelining_log.reject();
                    } else if error.is_closed() {
                        // o2.pl announces PIPELINING, and hangs up when commands arrive together.
                        // Other servers hang up for other reasons, so the poll remembers it only if
                        // it happens again.
                        hints.pipelining_log.hang_up();
                        pipelining = Pipelining::Never;
                    }
                }
                let from_scratch = SessionHints {
                    profile: None,
                    pipelining: hints.pipelining.min(pipelining),
                    ..hints.clone()
                };
                self.log_in_once(&from_scratch, how)
            }
            attempted => attempted,
        }
    }

    /// Returns the hints for a session after one that broke at CAPA.
    ///
    /// Without capabilities only USER is left. If an earlier login used SASL, an attacker may have cut the
    /// connection to get the password itself.
    fn without_capa(&self, hints: &SessionHints, error: &Error) -> Option<SessionHints> {
        let without = error.broken_capa()?;
        let is_chosen = matches!(self.options.auth, Auth::Named(_) | Auth::NotNeeded);
        let used_sasl = hints.login.is_some_and(Mechanism::is_sasl);
        if without == CapaUse::Never && used_sasl && !is_chosen {
            return None;
        }
        let profile = ServerProfile {
            capa: without,
            ..ServerProfile::without_capa(hints.channel, Moment::now())
        };
        Some(SessionHints {
            profile: Some(profile),
            ..hints.clone()
        })
    }

    fn log_in_once(&self, hints: &SessionHints, how: LoginPlan) -> Result<Transaction<S>, Error> {
        let GreetedSession {
            mut session,
            end_point,
        } = (self.open)(hints)?;
        let end_point = end_point.filter(|_| how.binding == Binding::Wanted);
        let capabilities = session
            .capabilities()
            .map_err(|source| Error::in_session(&self.options.net.endpoint, source))?
            .clone();
        (self.watcher)(DialStep::Announced(session.announced()));
        let offer = LoginOffer {
            capabilities: &capabilities,
            visibility: self.visibility(),
            can_bind: end_point.is_some(),
            before: hints.login,
            is_known: hints.profile.is_some(),
        };
        let user = &self.options.user;
        let chosen = match how.instead {
            Some((_, instead)) => Some(instead),
            None => offer
                .choose(self.options.auth)
                .map_err(|source| Error::NoMechanism {
                    user: user.clone(),
                    source,
                })?,
        };
        (self.watcher)(DialStep::Chosen(chosen));
        let credentials = Credentials {
            user,
            secret: self.secret,
            host: self.options.net.endpoint.host(),
            binding: end_point.as_deref(),
        };
        match chosen {
            Some(mechanism) => session.login(mechanism, &credentials),
            None => session.skip_login(),
        }
        .map_err(|source| Error::Login {
            user: user.clone(),
            mechanism: chosen,
            history: if hints.login == chosen {
                LoginHistory::Worked
            } else {
                LoginHistory::Unknown
            },
            next: self.next_step(&offer, how, chosen, &source),
            source,
        })
    }

    /// Returns the step after a failure of the mechanism. Only one more mechanism is tried by itself.
    fn next_step(
        &self,
        offer: &LoginOffer<'_>,
        how: LoginPlan,
        chosen: Option<Mechanism>,
        source: &pop3::Error,
    ) -> NextStep {
        let Some((failed, fault)) =
            chosen.and_then(|failed| Some((failed, mechanism_fault(source, failed)?)))
        else {
            return NextStep::None;
        };
        match how.instead {
            None => offer.after(&[failed], fault, self.options.auth),
            Some((first, _)) => match offer.after(&[first, failed], fault, self.options.auth) {
                NextStep::Try(other) => NextStep::Allow(other),
                next => next,
            },
        }
    }

    fn visibility(&self) -> Visibility {
        match self.options.security {
            Security::None if self.options.net.stays_here() => Visibility::ThisMachine,
            Security::None => Visibility::Public,
            Security::StartTls | Security::Tls => Visibility::Encrypted,
        }
    }
}

/// Returns whether to bind the next login. It stays unbound if the last one was unbound although
/// the server, by its profile, offered more: then the server has refused mailpull's way to bind it.
fn binding(hints: &SessionHints) -> Binding {
    let Some(ServerProfile { before_login, .. }) = &hints.profile else {
        return Binding::Wanted;
    };
    let bound = hints.login.and_then(Mechanism::bound);
    if bound.is_some_and(|bound| before_login.offers(bound.name())) {
        Binding::Refused
    } else {
        Binding::Wanted
    }
}
