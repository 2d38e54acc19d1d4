//! Chooses the mechanism of a login from the configuration, the server's offer, and who can read
//! what is sent. Pure.

use crate::pop3::{Capabilities, Mechanism, Strength};

/// The configured way to log in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Auth {
    /// By the best mechanism on offer that shows nothing to a listener.
    #[default]
    Auto,
    /// By this mechanism, or by its bound form if both ends can bind it to the connection.
    Named(Mechanism),
    /// Not at all: the program that carries the connection has already proved who the user is.
    NotNeeded,
    /// With an access token, by the best mechanism that takes one.
    Token,
}

impl Auth {
    /// Returns true if the account must have a secret.
    pub fn needs_secret(self) -> bool {
        match self {
            Self::NotNeeded => false,
            Self::Named(mechanism) => mechanism.needs_secret(),
            Self::Auto | Self::Token => true,
        }
    }
}

/// The people who can read what is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Visibility {
    /// Everybody on the way.
    Public,
    /// Nobody: the connection does not leave this machine.
    ThisMachine,
    /// Nobody: the connection is encrypted.
    Encrypted,
}

/// The facts on which the choice depends.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoginOffer<'a> {
    /// The server's capabilities.
    pub(super) capabilities: &'a Capabilities,
    /// The people who can read what is sent.
    pub(super) visibility: Visibility,
    /// True if a login can be bound to the connection.
    pub(super) can_bind: bool,
    /// The mechanism of the last login.
    pub(super) before: Option<Mechanism>,
    /// True if the server offered the same then as now: a better mechanism than `before` did not work.
    pub(super) is_known: bool,
}

/// The reason why there is no mechanism to log in by.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum NoMechanism {
    /// The server offers neither the configured mechanism nor one for an access token.
    #[error("the server does not offer {wanted}: {}", list(offered))]
    Lacks {
        /// The wanted mechanism, or kind of mechanism.
        wanted: String,
        /// The mechanisms that it offers.
        offered: Vec<String>,
    },
    /// Everything that is offered exposes the secret.
    #[error("there is no TLS, so the login would show {secret} to everybody on the way")]
    Exposed {
        /// "the password" or "the access token".
        secret: &'static str,
        /// The values of `auth` that send it anyway.
        values: &'static str,
    },
    /// The offered mechanisms expose more than the mechanism of earlier logins.
    #[error(
        "the server offers only {best} now, which shows more of the password than {before}, by which \
         this account logged in before: somebody may be intercepting the connection"
    )]
    Weaker {
        /// The best that is left.
        best: Mechanism,
        /// The mechanism of earlier logins.
        before: Mechanism,
    },
}

impl NoMechanism {
    /// Returns the hint: what the user can do about it.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Lacks { .. } => "Set auth to something that the server offers".to_owned(),
            Self::Exposed { values, .. } => {
                format!("If nobody can listen there, choose the login yourself: auth = {values}")
            }
            Self::Weaker { best, .. } => {
                let best = best.name().to_ascii_lowercase();
                format!(
                    "If the server has changed, accept that once: mailpull fetch -o auth={best} ACCOUNT"
                )
            }
        }
    }
}

fn list(offered: &[String]) -> String {
    match offered {
        [] => "it announces no SASL mechanism".to_owned(),
        offered => format!("it offers {}", offered.join(", ")),
    }
}

impl LoginOffer<'_> {
    /// Chooses the mechanism; `None` if no login is needed.
    ///
    /// # Errors
    /// The server offers no mechanism that may be used.
    pub(super) fn choose(&self, auth: Auth) -> Result<Option<Mechanism>, NoMechanism> {
        match auth {
            Auth::Auto => self.automatic(),
            Auth::Named(mechanism) => self.named(mechanism),
            Auth::NotNeeded => return Ok(None),
            Auth::Token if self.visibility == Visibility::Public => Err(NoMechanism::Exposed {
                secret: "the access token",
                values: "\"xoauth2\" or \"oauthbearer\"",
            }),
            Auth::Token => self
                .proven(&TOKENS)
                .or_else(|| self.best_of(&TOKENS))
                .ok_or_else(|| self.lacks("a login by token (XOAUTH2, OAUTHBEARER)")),
        }
        .map(Some)
    }

    /// Returns the best mechanism on offer, unless it shows more than the last one: an attacker in
    /// the middle can remove the better ones from the offer.
    fn automatic(&self) -> Result<Mechanism, NoMechanism> {
        let best = self.best_of(&self.acceptable());
        if let Some(proven) = self.proven(&self.acceptable()) {
            return Ok(proven);
        }
        match (best, self.before) {
            (Some(best), Some(before)) if self.is_weaker(best, before) => {
                Err(NoMechanism::Weaker { best, before })
            }
            (Some(best), _) => Ok(best),
            (None, _) => Err(NoMechanism::Exposed {
                secret: "the password",
                values: "\"plain\" or \"user\"",
            }),
        }
    }

    /// Returns the mechanism of the last login, if one that shows as little and would be preferred did not
    /// work then.
    fn proven(&self, wanted: &[Mechanism]) -> Option<Mechanism> {
        let best = self.best_of(wanted)?;
        self.before.filter(|before| {
            self.is_known
                && wanted.contains(before)
                && self.has(*before)
                && self.strength(*before) == self.strength(best)
        })
    }

    /// Returns true if `now` shows more of the password than `before`. A login without a password (EXTERNAL)
    /// says nothing about how to protect one.
    fn is_weaker(&self, now: Mechanism, before: Mechanism) -> bool {
        before.needs_secret() && self.strength(now) < self.strength(before)
    }

    /// Returns the strength of a mechanism on this connection. Under TLS a digest is not stronger than PLAIN.
    fn strength(&self, mechanism: Mechanism) -> Strength {
        match mechanism.strength() {
            Strength::Digested if self.visibility == Visibility::Encrypted => Strength::Shown,
            strength => strength,
        }
    }

    /// Returns the mechanism to try after one that did not work, although nothing was said against user and
    /// password.
    pub(super) fn after(
        &self,
        failed: &[Mechanism],
        fault: MechanismFault,
        auth: Auth,
    ) -> NextStep {
        let Some(last) = failed.last() else {
            return NextStep::None;
        };
        let wanted = match auth {
            Auth::Auto | Auth::Named(_) => self.acceptable(),
            Auth::Token => TOKENS.to_vec(),
            Auth::NotNeeded => return NextStep::None,
        };
        // A server that answers in a wrong way may be an impostor, whose next attempt is not for free.
        let is_invalid = fault == MechanismFault::Answers && last.proves_server();
        let is_free = !matches!(auth, Auth::Named(_)) && !is_invalid;
        let mut others = wanted.into_iter().filter(|other| {
            let may_work = fault != MechanismFault::Auth || !other.is_sasl();
            let was_tried = failed.contains(other) || failed.contains(&other.bare());
            !was_tried && may_work && self.has(*other)
        });
        match others.next() {
            Some(other) if self.is_weaker(other, *last) || !is_free => NextStep::Allow(other),
            Some(other) => NextStep::Try(other),
            None => NextStep::None,
        }
    }

    /// The mechanisms that `auto` may use, the best first. Under TLS a digest (CRAM-MD5) gains
    /// nothing, and servers can check it only if they store the password itself. APOP, DIGEST-MD5
    /// and LOGIN are not among them: if a server offers nothing else, an attacker may have removed
    /// the others.
    fn acceptable(&self) -> Vec<Mechanism> {
        let mut acceptable = Vec::new();
        if self.can_bind {
            acceptable.extend([Mechanism::ScramSha256Plus, Mechanism::ScramSha1Plus]);
        }
        acceptable.extend([Mechanism::ScramSha256, Mechanism::ScramSha1]);
        if self.visibility != Visibility::Encrypted {
            acceptable.push(Mechanism::CramMd5);
        }
        if self.visibility != Visibility::Public {
            acceptable.extend([Mechanism::Plain, Mechanism::User]);
        }
        acceptable
    }

    fn best_of(&self, wanted: &[Mechanism]) -> Option<Mechanism> {
        wanted
            .iter()
            .copied()
            .find(|&mechanism| self.has(mechanism))
    }

    /// Returns the configured mechanism. It is tried if the server has not announced anything.
    fn named(&self, mechanism: Mechanism) -> Result<Mechanism, NoMechanism> {
        let bound = mechanism
            .bound()
            .filter(|&bound| self.can_bind && self.has(bound));
        if let Some(bound) = bound {
            return Ok(bound);
        }
        if self.has(mechanism) || !self.capabilities.are_known {
            Ok(mechanism)
        } else {
            Err(self.lacks(&format!("SASL {mechanism}")))
        }
    }

    /// Returns true if the server offers a mechanism. USER need not be announced; APOP is announced
    /// by the greeting, not by CAPA.
    fn has(&self, mechanism: Mechanism) -> bool {
        !mechanism.is_sasl() || self.capabilities.offers(mechanism.name())
    }

    fn lacks(&self, wanted: &str) -> NoMechanism {
        NoMechanism::Lacks {
            wanted: wanted.to_owned(),
            offered: self.capabilities.sasl.clone(),
        }
    }
}

/// The fault of a mechanism that did not work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum MechanismFault {
    /// The server answers with something else than challenges of this mechanism.
    Answers,
    /// The server has no command AUTH.
    Auth,
    /// The server does not have this mechanism, or not for this user.
    Itself,
}

/// The step after a mechanism that did not work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NextStep {
    /// There is none.
    None,
    /// Only the user can allow this mechanism, because it shows more of the password.
    Allow(Mechanism),
    /// This mechanism shows no more of the password.
    Try(Mechanism),
}

const TOKENS: [Mechanism; 2] = [Mechanism::OAuthBearer, Mechanism::XOAuth2];
