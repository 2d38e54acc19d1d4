//! The reasons why there is no session, the exit status that this leads to, and what the user can
//! do.

use super::auth::{MechanismFault, NextStep, NoMechanism};
use crate::exit::Exit;
use crate::net::{self, tls};
use crate::pop3::{self, CapaUse, Mechanism, RefusalCause, RefusedStep, ResponseCode};

/// The reason why there is no session.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The server refused the login.
    #[error("logging in as {user}: {source}")]
    Login {
        /// The user.
        user: String,
        /// The mechanism of the login; `None` if no login was needed.
        mechanism: Option<Mechanism>,
        /// The history of this login.
        history: LoginHistory,
        /// The next step if the mechanism is at fault.
        next: NextStep,
        /// The error of the session.
        source: pop3::Error,
    },
    /// The server offers no mechanism that may be used.
    #[error("logging in as {user}: {source}")]
    NoMechanism {
        /// The user.
        user: String,
        /// The reason.
        source: NoMechanism,
    },
    /// There is no connection.
    #[error(transparent)]
    Net(#[from] net::Error),
    /// The session failed before the login.
    #[error("connecting to {endpoint}: {source}")]
    Session {
        /// The server.
        endpoint: net::Endpoint,
        /// The reason.
        source: pop3::Error,
    },
    /// The server refused the session, also when no other account of this host was at work.
    #[error("{0}")]
    TurnedAway(Box<Self>),
    /// The server says nothing, where it should greet without TLS.
    #[error("connecting to {endpoint}: {source}")]
    Silent {
        /// The server.
        endpoint: net::Endpoint,
        /// The reason.
        source: pop3::Error,
    },
    /// The server does not begin TLS.
    #[error("asking {endpoint} for TLS: {source}; nothing secret was sent")]
    StartTls {
        /// The server.
        endpoint: net::Endpoint,
        /// The reason.
        source: pop3::Error,
    },
}

/// The history of a login that failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LoginHistory {
    /// The same login has worked in an earlier run.
    Worked,
    /// Nothing is known about it.
    Unknown,
}

impl Error {
    /// Returns the error for a session that failed before the login.
    pub(super) fn in_session(endpoint: &net::Endpoint, source: pop3::Error) -> Self {
        // With TLS 1.3 a server refuses the client's certificate only after the handshake, by an
        // alert that arrives with the first read.
        if let pop3::Error::Io { source, .. } = &source
            && let Some(alert) = tls::Alert::of(source)
        {
            return net::Error::Tls(tls::Error::Refused {
                name: endpoint.host().to_owned(),
                why: alert.to_string(),
                minimum: tls::Version::default(),
            })
            .into();
        }
        Self::Session {
            endpoint: endpoint.clone(),
            source,
        }
    }

    /// Returns the error for a session that failed at a greeting without TLS. A server that waits for TLS
    /// says nothing.
    pub(super) fn at_clear_greeting(endpoint: &net::Endpoint, source: pop3::Error) -> Self {
        match source.is_timeout() {
            true => Self::Silent {
                endpoint: endpoint.clone(),
                source,
            },
            false => Self::in_session(endpoint, source),
        }
    }

    /// Returns true if the server refused the session before anything was asked: it may allow fewer
    /// connections from one address.
    pub(crate) fn is_turned_away(&self) -> bool {
        match self {
            Self::Session { source, .. } => source.is_turned_away(),
            _ => false,
        }
    }

    /// Returns the error of a session that was refused, also when it was the only one.
    pub(crate) fn among_others(self) -> Self {
        match self.is_turned_away() {
            true => Self::TurnedAway(self.into()),
            false => self,
        }
    }

    /// Returns the hint: what the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Session { source, .. } => source.hint(),
            Self::Login {
                mechanism: Some(failed),
                next: NextStep::Allow(other) | NextStep::Try(other),
                ..
            } => Some(format!(
                "The server offers {failed} but may not support it. If it may have the password, \
                 set auth = \"{}\"",
                other.name().to_ascii_lowercase()
            )),
            Self::Login {
                mechanism,
                history,
                source,
                ..
            } => login_hint(source, *mechanism, *history)
                .map(str::to_owned)
                .or_else(|| source.hint()),
            Self::Net(source) => source.hint(),
            Self::NoMechanism { source, .. } => Some(source.hint()),
            Self::TurnedAway(error) => error.hint().or_else(|| {
                Some(
                    "If the server allows few connections from one address, set max-per-host = 1"
                        .to_owned(),
                )
            }),
            Self::Silent { .. } => Some(
                "If the server begins with TLS, as on port 995, set security = \"tls\"".to_owned(),
            ),
            Self::StartTls { .. } => {
                Some("If the server offers TLS on port 995, set security = \"tls\"".to_owned())
            }
        }
    }

    /// The exit status that it leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Login { source, .. } => match source.refusal() {
                Some(refusal) => refusal.exit_at(RefusedStep::Login),
                None => source.exit(),
            },
            Self::NoMechanism { .. } => Exit::Unavailable,
            Self::TurnedAway(error) => error.exit(),
            Self::Net(source) => source.exit(),
            Self::Session { source, .. } | Self::Silent { source, .. } => source.exit(),
            // A refusal to encrypt may be an attack, so it is never reported as temporary.
            Self::StartTls { source, .. } => match source {
                pop3::Error::Refused { .. } => Exit::Protocol,
                source => source.exit(),
            },
        }
    }

    /// Returns the use of CAPA with which another session may work, if this one broke there.
    pub(super) fn broken_capa(&self) -> Option<CapaUse> {
        match self {
            Self::Login { source, .. } | Self::Session { source, .. } => match source {
                pop3::Error::Capa { without, .. } => Some(*without),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the mechanism that can be tried next without showing more of the password.
    pub(super) fn next_mechanism(&self) -> Option<(Mechanism, Mechanism)> {
        match self {
            Self::Login {
                mechanism: Some(failed),
                next: NextStep::Try(next),
                ..
            } => Some((*failed, *next)),
            _ => None,
        }
    }

    /// Returns true if the server answered a login in a way that does not fit its profile.
    pub(super) fn contradicts_memory(&self) -> bool {
        let Self::Login { source, .. } = self else {
            return false;
        };
        matches!(source, pop3::Error::Changed)
            || self.is_closed()
            || self.is_out_of_step_or_silent()
    }

    /// Returns true if the server closed or reset the connection at a login.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self, Self::Login { source, .. } if source.is_closed())
    }

    /// Returns true if the server did not answer a login, or sent something else than an answer.
    pub(super) fn is_out_of_step_or_silent(&self) -> bool {
        matches!(self, Self::Login { source, .. } if source.is_out_of_step() || source.is_timeout())
    }

    /// Returns true if the server does not know the way in which a login was bound to the
    /// connection.
    pub(super) fn is_unbound(&self) -> bool {
        matches!(
            self,
            Self::Login {
                source: pop3::Error::Unbound { .. } | pop3::Error::UnboundByClosing { .. },
                ..
            }
        )
    }
}

/// Returns the fault of a mechanism if a login failed because of it, and not because of user and password.
pub(super) fn mechanism_fault(source: &pop3::Error, failed: Mechanism) -> Option<MechanismFault> {
    match source {
        pop3::Error::Exchange { .. } => Some(MechanismFault::Answers),
        pop3::Error::RefusedUnproven { .. } => Some(MechanismFault::Itself),
        pop3::Error::Refused { refusal, .. } | pop3::Error::RefusedAt { refusal, .. }
            if refusal.is_of_command() =>
        {
            Some(match failed.is_sasl() && !refusal.is_of_mechanism() {
                true => MechanismFault::Auth,
                false => MechanismFault::Itself,
            })
        }
        _ => None,
    }
}

/// Returns what the user can do about a refused login. The response codes of RFC 2449 and RFC 3206
/// say who is at fault. Without a code a refusal can mean anything: some servers refuse good
/// passwords for a while.
fn login_hint(
    source: &pop3::Error,
    mechanism: Option<Mechanism>,
    history: LoginHistory,
) -> Option<&'static str> {
    let refusal = source.refusal()?;
    // RFC 5802 section 7 has this error for SCRAM; a server sends it only for a bound login.
    if let pop3::Error::RefusedAt { said, .. } = source
        && said.as_octets() == b"channel-bindings-dont-match"
    {
        return Some(
            "Check the connection: somebody may be intercepting it with a certificate that this \
             machine trusts",
        );
    }
    let takes_token = mechanism.is_some_and(Mechanism::takes_token);
    match refusal.cause() {
        Some(RefusalCause::Account) => {
            return Some(
                "Look into the settings of the account at the provider: it is locked, or POP3 is \
                 switched off",
            );
        }
        Some(RefusalCause::Busy | RefusalCause::Fault) if refusal.code.is_none() => return None,
        Some(RefusalCause::Policy) if refusal.code.is_none() => {
            return Some(
                "Check \"security\": the server may want an encrypted connection, or does not accept \
                 this address",
            );
        }
        _ => {}
    }
    Some(match refusal.code {
        Some(ResponseCode::InUse) => "Wait until the other session with this mailbox has ended",
        Some(ResponseCode::LoginDelay) => "Wait longer between two logins",
        Some(ResponseCode::SysTemp) => {
            "Try again later: the server says that the fault is its own and temporary"
        }
        Some(ResponseCode::SysPerm) => {
            "Ask the operator of the server: it says that the fault is its own and permanent"
        }
        _ if takes_token => {
            "Get a new access token of this user for mail, and check that POP3 is switched on at the \
             provider"
        }
        _ if mechanism == Some(Mechanism::External) => "Check user and tls-client-cert",
        None if history == LoginHistory::Worked => {
            "Try again later, as this login has worked before; if it keeps failing, check user and \
             password"
        }
        Some(ResponseCode::Auth) | None => {
            "Check user and password, and whether the provider wants POP3 switched on or an app \
             password"
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pop3::Refusal;
    use crate::pop3::reply::Status;

    fn refusal(line: &str) -> Refusal {
        match Status::parse(line.as_bytes()) {
            Some(Status::Negative(refusal)) => refusal,
            status => panic!("{line} is no refusal: {status:?}"),
        }
    }

    fn refused_login(line: &str, mechanism: Mechanism, history: LoginHistory) -> Error {
        Error::Login {
            user: "joe".to_owned(),
            mechanism: Some(mechanism),
            history,
            next: NextStep::None,
            source: pop3::Error::Refused {
                command: "the password".to_owned(),
                refusal: refusal(line),
            },
        }
    }

    #[test]
    fn status_and_hint_of_a_refused_login_follow_its_code() {
        use LoginHistory::{Unknown, Worked};
        use Mechanism::{External, User, XOAuth2};
        for (line, mechanism, history, exit, hint) in [
            (
                "-ERR [AUTH] no",
                User,
                Worked,
                Exit::LoginRefused,
                "Check user and password, and",
            ),
            (
                "-ERR no",
                User,
                Unknown,
                Exit::LoginRefused,
                "Check user and password, and",
            ),
            (
                "-ERR no",
                User,
                Worked,
                Exit::LoginRefused,
                "Try again later, as",
            ),
            (
                "-ERR no",
                External,
                Worked,
                Exit::LoginRefused,
                "Check user and tls-client-cert",
            ),
            (
                "-ERR no",
                XOAuth2,
                Worked,
                Exit::LoginRefused,
                "Get a new access token",
            ),
            (
                "-ERR [SYS/PERM] no",
                User,
                Worked,
                Exit::LoginRefused,
                "Ask the operator",
            ),
            (
                "-ERR [SYS/TEMP] no",
                User,
                Unknown,
                Exit::Temporary,
                "Try again later: the",
            ),
            (
                "-ERR [IN-USE] no",
                User,
                Unknown,
                Exit::Temporary,
                "Wait until the other session",
            ),
            (
                "-ERR [LOGIN-DELAY] no",
                User,
                Unknown,
                Exit::Temporary,
                "Wait longer between",
            ),
            ("-ERR mailbox is locked", User, Unknown, Exit::Temporary, ""),
        ] {
            let error = refused_login(line, mechanism, history);
            assert_eq!(error.exit(), exit, "{line}");
            let shown = error.hint().unwrap_or_default();
            assert!(shown.starts_with(hint), "{line}: {shown}");
            assert_eq!(shown.is_empty(), hint.is_empty(), "{line}: {shown}");
        }
    }

    #[test]
    fn a_session_refused_alone_names_the_key() {
        let refused = pop3::Error::Refused {
            command: "to open a session".to_owned(),
            refusal: refusal("-ERR too many connections"),
        };
        let closed = pop3::Error::Closed("the greeting".to_owned());
        for source in [refused, closed] {
            let error = Error::in_session(&net::Endpoint::Unix("/s".into()), source);
            assert!(error.is_turned_away(), "{error}");
            let error = error.among_others();
            assert_eq!(error.exit(), Exit::Temporary);
            let hint = error.hint().expect("there is a hint");
            assert!(hint.ends_with("set max-per-host = 1"), "{hint}");
        }
    }

    #[test]
    fn a_binding_that_does_not_match_points_to_the_connection() {
        let error = Error::Login {
            user: "joe".to_owned(),
            mechanism: Some(Mechanism::ScramSha256Plus),
            history: LoginHistory::Worked,
            next: NextStep::None,
            source: pop3::Error::RefusedAt {
                mechanism: Mechanism::ScramSha256Plus,
                said: "channel-bindings-dont-match".into(),
                refusal: refusal("-ERR [AUTH] no"),
            },
        };
        let hint = error.hint().expect("there is a hint");
        assert!(hint.starts_with("Check the connection"), "{hint}");
    }

    #[test]
    fn an_error_has_no_hint_in_its_text() {
        let error = refused_login("-ERR no.", Mechanism::User, LoginHistory::Unknown);
        let text = "logging in as joe: the server refused the password: no.";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn a_server_that_refuses_to_encrypt_is_never_waited_for() {
        let error = Error::StartTls {
            endpoint: net::Endpoint::Unix("/s".into()),
            source: pop3::Error::Refused {
                command: "STLS".to_owned(),
                refusal: refusal("-ERR [SYS/TEMP] later"),
            },
        };
        assert_eq!(error.exit(), Exit::Protocol);
    }
}
