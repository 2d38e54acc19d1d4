//! Which way to log in: what the user wants, against what the server offers and the way shows.
//! Pure: sends nothing, and knows no mechanism's insides.

use crate::pop3::{Capabilities, Mechanism, Strength};

/// How the user wants to log in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Auth {
    /// By the best that is offered of those that show nothing to whoever listens.
    #[default]
    Auto,
    /// By this one, or by it bound to the connection where that can be.
    Named(Mechanism),
    /// Not at all: what carries the connection has proved who we are.
    NotNeeded,
    /// With an access token, by the best way to send one.
    Token,
}

impl Auth {
    /// Whether the account has to have a secret.
    pub fn needs_secret(self) -> bool {
        match self {
            Self::NotNeeded => false,
            Self::Named(mechanism) => mechanism.needs_secret(),
            Self::Auto | Self::Token => true,
        }
    }
}

/// Who can read along.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Exposure {
    /// Whoever is on the way.
    Anyone,
    /// Nobody: the connection does not leave this machine.
    Here,
    /// Nobody: the connection is encrypted.
    Tls,
}

/// What there is to choose from.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoginOffer<'a> {
    /// What the server announces.
    pub(super) capabilities: &'a Capabilities,
    /// Who can read along.
    pub(super) exposure: Exposure,
    /// Whether a login can be bound to the connection.
    pub(super) can_bind: bool,
    /// How the account has logged in before.
    pub(super) before: Option<Mechanism>,
}

/// Why there is no mechanism to log in by.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum NoMechanism {
    /// The server offers neither the configured mechanism nor one for an access token.
    #[error("the server does not offer {wanted}: {}", list(offered))]
    Lacks {
        /// What was wanted.
        wanted: String,
        /// The mechanisms that it offers.
        offered: Vec<String>,
    },
    /// Everything that is offered exposes the secret.
    #[error("without TLS everybody on the way could read {secret}")]
    Exposed {
        /// "the password" or "the access token".
        secret: &'static str,
        /// The values of `auth` that send it anyway.
        values: &'static str,
    },
    /// What is offered exposes more than the mechanism of earlier logins.
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
    /// What the user can do about it.
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
    /// The way to log in; `None` where nothing has to be said.
    ///
    /// # Errors
    /// None of those that are wanted is there.
    pub(super) fn choose(&self, auth: Auth) -> Result<Option<Mechanism>, NoMechanism> {
        match auth {
            Auth::Auto => self.automatic(),
            Auth::Named(mechanism) => self.named(mechanism),
            Auth::NotNeeded => return Ok(None),
            Auth::Token if self.exposure == Exposure::Anyone => Err(NoMechanism::Exposed {
                secret: "the access token",
                values: "\"xoauth2\" or \"oauthbearer\"",
            }),
            Auth::Token => self
                .best_of(&TOKENS)
                .ok_or_else(|| self.lacks("a login by token (XOAUTH2, OAUTHBEARER)")),
        }
        .map(Some)
    }

    /// The best that is offered, unless it shows more than what there was before: who stands between
    /// can cut the better ones out of the offer.
    fn automatic(&self) -> Result<Mechanism, NoMechanism> {
        let best = self.best_of(&self.presentable());
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

    /// Under TLS a digest is no more than PLAIN. What is no password is no measure for one.
    fn is_weaker(&self, now: Mechanism, before: Mechanism) -> bool {
        let strength = |mechanism: Mechanism| match mechanism.strength() {
            Strength::Digested if self.exposure == Exposure::Tls => Strength::Shown,
            strength => strength,
        };
        before.needs_secret() && strength(now) < strength(before)
    }

    /// What `auto` takes, the best first. Under TLS a digest is nothing to be had: servers can give
    /// one only if they store the password itself. Nor are APOP, DIGEST-MD5 and LOGIN: where they
    /// are all there is, somebody may have cut out the others.
    fn presentable(&self) -> Vec<Mechanism> {
        let mut presentable = Vec::new();
        if self.can_bind {
            presentable.extend([Mechanism::ScramSha256Plus, Mechanism::ScramSha1Plus]);
        }
        presentable.extend([Mechanism::ScramSha256, Mechanism::ScramSha1]);
        if self.exposure != Exposure::Tls {
            presentable.push(Mechanism::CramMd5);
        }
        if self.exposure != Exposure::Anyone {
            presentable.extend([Mechanism::Plain, Mechanism::User]);
        }
        presentable
    }

    fn best_of(&self, wanted: &[Mechanism]) -> Option<Mechanism> {
        wanted
            .iter()
            .copied()
            .find(|&mechanism| self.has(mechanism))
    }

    /// The one that was named. Where the server does not tell what it can, it is tried.
    fn named(&self, mechanism: Mechanism) -> Result<Mechanism, NoMechanism> {
        let bound = mechanism
            .bound()
            .filter(|&bound| self.can_bind && self.has(bound));
        if let Some(bound) = bound {
            return Ok(bound);
        }
        match self.has(mechanism) || !self.capabilities.are_known {
            true => Ok(mechanism),
            false => Err(self.lacks(&format!("SASL {mechanism}"))),
        }
    }

    /// USER is there although no server has to say so, and APOP where the greeting says so.
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

const TOKENS: [Mechanism; 2] = [Mechanism::OAuthBearer, Mechanism::XOAuth2];

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(auth: Auth, sasl: &str, exposure: Exposure, can_bind: bool) -> Option<Mechanism> {
        let mut capabilities = Capabilities::announced();
        capabilities.add(format!("SASL {sasl}").as_bytes());
        let offer = LoginOffer {
            capabilities: &capabilities,
            exposure,
            can_bind,
            before: None,
        };
        offer.choose(auth).ok().flatten()
    }

    #[test]
    fn auto_takes_the_best_that_is_offered_and_shows_nothing_to_listeners() {
        use Exposure::{Anyone, Here, Tls};
        use Mechanism::*;
        const ALL: &str = "LOGIN PLAIN CRAM-MD5 DIGEST-MD5 XOAUTH2 SCRAM-SHA-1 SCRAM-SHA-256 \
                           SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS EXTERNAL";
        for (sasl, exposure, can_bind, chosen) in [
            (ALL, Tls, true, Some(ScramSha256Plus)),
            (ALL, Tls, false, Some(ScramSha256)),
            (
                "SCRAM-SHA-1-PLUS SCRAM-SHA-256",
                Tls,
                true,
                Some(ScramSha1Plus),
            ),
            ("PLAIN SCRAM-SHA-1", Tls, true, Some(ScramSha1)),
            ("CRAM-MD5 PLAIN", Tls, true, Some(Plain)),
            ("CRAM-MD5 DIGEST-MD5 LOGIN", Tls, true, Some(User)),
            ("", Tls, false, Some(User)),
            (ALL, Here, false, Some(ScramSha256)),
            ("CRAM-MD5 PLAIN", Here, false, Some(CramMd5)),
            ("LOGIN PLAIN", Here, false, Some(Plain)),
            ("LOGIN", Here, false, Some(User)),
            ("PLAIN SCRAM-SHA-1 CRAM-MD5", Anyone, false, Some(ScramSha1)),
            ("PLAIN CRAM-MD5", Anyone, false, Some(CramMd5)),
            ("PLAIN LOGIN DIGEST-MD5", Anyone, false, None),
            ("", Anyone, false, None),
        ] {
            let found = choose(Auth::Auto, sasl, exposure, can_bind);
            assert_eq!(found, chosen, "{sasl} {exposure:?}");
        }
    }

    #[test]
    fn nothing_that_shows_more_than_before_is_taken_unasked() {
        use Exposure::{Here, Tls};
        use Mechanism::*;
        for (before, sasl, exposure, is_taken) in [
            (ScramSha256Plus, "SCRAM-SHA-256 PLAIN", Tls, false),
            (ScramSha256, "SCRAM-SHA-1 PLAIN", Tls, true),
            (ScramSha1, "PLAIN", Tls, false),
            (ScramSha1, "", Tls, false),
            (ScramSha1, "CRAM-MD5", Here, false),
            (CramMd5, "PLAIN", Here, false),
            (CramMd5, "PLAIN", Tls, true),
            (Plain, "", Tls, true),
            (XOAuth2, "PLAIN", Tls, true),
            (External, "PLAIN", Tls, true),
        ] {
            let mut capabilities = Capabilities::announced();
            capabilities.add(format!("SASL {sasl}").as_bytes());
            let offer = LoginOffer {
                capabilities: &capabilities,
                exposure,
                can_bind: true,
                before: Some(before),
            };
            let chosen = offer.choose(Auth::Auto);
            assert_eq!(chosen.is_ok(), is_taken, "{before} {sasl}");
            let named = offer.choose(Auth::Named(User));
            assert_eq!(named, Ok(Some(User)));
        }
    }

    #[test]
    fn what_is_named_is_taken_where_it_is_offered_and_nothing_else_is() {
        use Exposure::Tls;
        use Mechanism::*;
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
            let found = choose(Auth::Named(named), sasl, Tls, can_bind);
            assert_eq!(found, chosen, "{named} of {sasl}");
        }
        let unknown = Capabilities::default();
        let offer = LoginOffer {
            capabilities: &unknown,
            exposure: Tls,
            can_bind: false,
            before: None,
        };
        assert_eq!(offer.choose(Auth::Named(CramMd5)), Ok(Some(CramMd5)));
    }

    #[test]
    fn a_token_goes_by_the_standard_before_it_goes_by_the_other() {
        use Exposure::Tls;
        for (sasl, chosen) in [
            ("XOAUTH2 PLAIN OAUTHBEARER", Some(Mechanism::OAuthBearer)),
            ("PLAIN XOAUTH2", Some(Mechanism::XOAuth2)),
            ("PLAIN", None),
        ] {
            assert_eq!(choose(Auth::Token, sasl, Tls, false), chosen);
        }
        let shown = choose(Auth::Token, "XOAUTH2", Exposure::Anyone, false);
        assert_eq!(shown, None);
    }

    #[test]
    fn what_needs_no_secret_asks_for_none() {
        assert!(!Auth::NotNeeded.needs_secret());
        assert!(!Auth::Named(Mechanism::External).needs_secret());
        assert!(Auth::Auto.needs_secret() && Auth::Token.needs_secret());
    }
}
