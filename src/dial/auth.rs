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

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(auth: Auth, sasl: &str, visibility: Visibility, can_bind: bool) -> Option<Mechanism> {
        let mut capabilities = Capabilities::announced();
        capabilities.add(format!("SASL {sasl}").as_bytes());
        let offer = LoginOffer {
            capabilities: &capabilities,
            visibility,
            can_bind,
            before: None,
            is_known: false,
        };
        offer.choose(auth).ok().flatten()
    }

    #[test]
    fn auto_takes_the_best_offer_that_listeners_cannot_read() {
        use Mechanism::*;
        use Visibility::{Encrypted, Public, ThisMachine};
        const ALL: &str = "LOGIN PLAIN CRAM-MD5 DIGEST-MD5 XOAUTH2 SCRAM-SHA-1 SCRAM-SHA-256 \
                           SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS EXTERNAL";
        for (sasl, visibility, can_bind, chosen) in [
            (ALL, Encrypted, true, Some(ScramSha256Plus)),
            (ALL, Encrypted, false, Some(ScramSha256)),
            (
                "SCRAM-SHA-1-PLUS SCRAM-SHA-256",
                Encrypted,
                true,
                Some(ScramSha1Plus),
            ),
            ("PLAIN SCRAM-SHA-1", Encrypted, true, Some(ScramSha1)),
            ("CRAM-MD5 PLAIN", Encrypted, true, Some(Plain)),
            ("CRAM-MD5 DIGEST-MD5 LOGIN", Encrypted, true, Some(User)),
            ("", Encrypted, false, Some(User)),
            (ALL, ThisMachine, false, Some(ScramSha256)),
            ("CRAM-MD5 PLAIN", ThisMachine, false, Some(CramMd5)),
            ("LOGIN PLAIN", ThisMachine, false, Some(Plain)),
            ("LOGIN", ThisMachine, false, Some(User)),
            ("PLAIN SCRAM-SHA-1 CRAM-MD5", Public, false, Some(ScramSha1)),
            ("PLAIN CRAM-MD5", Public, false, Some(CramMd5)),
            ("PLAIN LOGIN DIGEST-MD5", Public, false, None),
            ("", Public, false, None),
        ] {
            let found = choose(Auth::Auto, sasl, visibility, can_bind);
            assert_eq!(found, chosen, "{sasl} {visibility:?}");
        }
    }

    #[test]
    fn auto_never_shows_more_than_the_last_login() {
        use Mechanism::*;
        use Visibility::{Encrypted, ThisMachine};
        for (before, sasl, visibility, is_taken) in [
            (ScramSha256Plus, "SCRAM-SHA-256 PLAIN", Encrypted, false),
            (ScramSha256, "SCRAM-SHA-1 PLAIN", Encrypted, true),
            (ScramSha1, "PLAIN", Encrypted, false),
            (ScramSha1, "", Encrypted, false),
            (ScramSha1, "CRAM-MD5", ThisMachine, false),
            (CramMd5, "PLAIN", ThisMachine, false),
            (CramMd5, "PLAIN", Encrypted, true),
            (Plain, "", Encrypted, true),
            (XOAuth2, "PLAIN", Encrypted, true),
            (External, "PLAIN", Encrypted, true),
        ] {
            let mut capabilities = Capabilities::announced();
            capabilities.add(format!("SASL {sasl}").as_bytes());
            let offer = LoginOffer {
                capabilities: &capabilities,
                visibility,
                can_bind: true,
                before: Some(before),
                is_known: false,
            };
            let chosen = offer.choose(Auth::Auto);
            assert_eq!(chosen.is_ok(), is_taken, "{before} {sasl}");
            let named = offer.choose(Auth::Named(User));
            assert_eq!(named, Ok(Some(User)));
        }
    }

    #[test]
    fn a_named_mechanism_is_used_only_if_offered() {
        use Mechanism::*;
        use Visibility::Encrypted;
        for (named, sasl, can_bind, chosen) in [
            (Login, "LOGIN PLAIN SCRAM-SHA-256", true, Some(Login)),
            (Login, "PLAIN", true, None),
            (Apop, "PLAIN", true, Some(Apop)),
            (User, "PLAIN", true, Some(User)),
            (
                ScramSha1,
                "SCRAM-SHA-1 SCRAM-SHA-256",
                true,
                Some(ScramSha1),
            ),
            (
                ScramSha1,
                "SCRAM-SHA-1 SCRAM-SHA-1-PLUS",
                true,
                Some(ScramSha1Plus),
            ),
            (
                ScramSha1,
                "SCRAM-SHA-1 SCRAM-SHA-1-PLUS",
                false,
                Some(ScramSha1),
            ),
        ] {
            let found = choose(Auth::Named(named), sasl, Encrypted, can_bind);
            assert_eq!(found, chosen, "{named} of {sasl}");
        }
        let unknown = Capabilities::default();
        let offer = LoginOffer {
            capabilities: &unknown,
            visibility: Encrypted,
            can_bind: false,
            before: None,
            is_known: false,
        };
        assert_eq!(offer.choose(Auth::Named(CramMd5)), Ok(Some(CramMd5)));
    }

    #[test]
    fn a_token_prefers_the_standard_mechanism() {
        use Visibility::Encrypted;
        for (sasl, chosen) in [
            ("XOAUTH2 PLAIN OAUTHBEARER", Some(Mechanism::OAuthBearer)),
            ("PLAIN XOAUTH2", Some(Mechanism::XOAuth2)),
            ("PLAIN", None),
        ] {
            assert_eq!(choose(Auth::Token, sasl, Encrypted, false), chosen);
        }
        let shown = choose(Auth::Token, "XOAUTH2", Visibility::Public, false);
        assert_eq!(shown, None);
    }

    #[test]
    fn some_logins_need_no_secret() {
        assert!(!Auth::NotNeeded.needs_secret());
        assert!(!Auth::Named(Mechanism::External).needs_secret());
        assert!(Auth::Auto.needs_secret() && Auth::Token.needs_secret());
    }

    #[test]
    fn a_better_mechanism_that_did_not_work_is_not_tried_again() {
        use Mechanism::*;
        use Visibility::{Encrypted, ThisMachine};
        for (auth, before, sasl, visibility, chosen) in [
            (Auth::Auto, User, "PLAIN", Encrypted, User),
            (
                Auth::Auto,
                ScramSha1,
                "SCRAM-SHA-256 SCRAM-SHA-1",
                Encrypted,
                ScramSha1,
            ),
            (
                Auth::Token,
                XOAuth2,
                "XOAUTH2 OAUTHBEARER",
                Encrypted,
                XOAuth2,
            ),
            // A stronger one is.
            (Auth::Auto, User, "PLAIN SCRAM-SHA-1", Encrypted, ScramSha1),
            (Auth::Auto, Plain, "PLAIN CRAM-MD5", ThisMachine, CramMd5),
            (Auth::Auto, External, "PLAIN", Encrypted, Plain),
        ] {
            let mut capabilities = Capabilities::announced();
            capabilities.add(format!("SASL {sasl}").as_bytes());
            let offer = LoginOffer {
                capabilities: &capabilities,
                visibility,
                can_bind: false,
                before: Some(before),
                is_known: true,
            };
            assert_eq!(offer.choose(auth), Ok(Some(chosen)), "{before} {sasl}");
        }
    }

    #[test]
    fn the_next_step_never_shows_more_by_itself() {
        use Mechanism::*;
        use MechanismFault::{Answers, Auth as NoAuth, Itself};
        use Visibility::{Encrypted, Public, ThisMachine};
        for (failed, fault, sasl, visibility, next) in [
            (Plain, NoAuth, "PLAIN", Encrypted, NextStep::Try(User)),
            (Plain, Itself, "PLAIN", Encrypted, NextStep::Try(User)),
            (
                ScramSha256,
                Itself,
                "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN",
                Encrypted,
                NextStep::Try(ScramSha1),
            ),
            (
                ScramSha1,
                Itself,
                "SCRAM-SHA-1 PLAIN",
                Encrypted,
                NextStep::Allow(Plain),
            ),
            (
                ScramSha1,
                NoAuth,
                "SCRAM-SHA-1 PLAIN",
                Encrypted,
                NextStep::Allow(User),
            ),
            (
                CramMd5,
                Itself,
                "CRAM-MD5 PLAIN",
                ThisMachine,
                NextStep::Allow(Plain),
            ),
            (CramMd5, Itself, "CRAM-MD5 PLAIN", Public, NextStep::None),
            (
                ScramSha256,
                Answers,
                "SCRAM-SHA-256 SCRAM-SHA-1",
                Encrypted,
                NextStep::Allow(ScramSha1),
            ),
            (User, Itself, "", Encrypted, NextStep::None),
        ] {
            let mut capabilities = Capabilities::announced();
            capabilities.add(format!("SASL {sasl}").as_bytes());
            let offer = LoginOffer {
                capabilities: &capabilities,
                visibility,
                can_bind: false,
                before: None,
                is_known: false,
            };
            assert_eq!(
                offer.after(&[failed], fault, Auth::Auto),
                next,
                "{failed} {sasl}"
            );
            let named = offer.after(&[failed], fault, Auth::Named(failed));
            assert!(
                !matches!(named, NextStep::Try(_)),
                "{failed} was chosen by the user"
            );
        }
    }
}
