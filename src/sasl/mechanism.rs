//! The mechanisms to log in by: their names, and what they show to a listener or to an impostor.
//! Pure.

use std::fmt;

/// A mechanism to log in by: the two of RFC 1939, and those of SASL (RFC 5034). The order is that
/// of [`Mechanism::strength`], the weakest first, and then of preference.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Mechanism {
    /// USER and PASS.
    User,
    /// SASL LOGIN, which no RFC defines: like PLAIN, in two steps.
    Login,
    /// SASL PLAIN (RFC 4616).
    Plain,
    /// SASL XOAUTH2, by Google and Microsoft, with an access token.
    XOAuth2,
    /// SASL OAUTHBEARER (RFC 7628), with an access token.
    OAuthBearer,
    /// APOP (RFC 1939 section 7): MD5 over the server's timestamp and the password.
    Apop,
    /// SASL DIGEST-MD5 (RFC 2831, historic since RFC 6331).
    DigestMd5,
    /// SASL CRAM-MD5 (RFC 2195).
    CramMd5,
    /// SASL SCRAM-SHA-1 (RFC 5802).
    ScramSha1,
    /// SASL SCRAM-SHA-256 (RFC 7677).
    ScramSha256,
    /// SASL SCRAM-SHA-1-PLUS: bound to the TLS connection.
    ScramSha1Plus,
    /// SASL SCRAM-SHA-256-PLUS: bound to the TLS connection.
    ScramSha256Plus,
    /// SASL GSSAPI (RFC 4752): a Kerberos ticket. Only in builds with that feature.
    Gssapi,
    /// SASL EXTERNAL (RFC 4422 appendix A): the certificate of the TLS connection is the proof.
    External,
}

/// The strength of a login: how little it gives away.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Strength {
    /// The secret itself is visible to the server and to a listener.
    Shown,
    /// A digest is visible, from which a password can be guessed. An impostor can ask for one.
    Digested,
    /// Nothing of use is visible, and the server proves that it knows the password.
    Proved,
    /// As [`Strength::Proved`], and nobody can relay the login.
    Bound,
}

impl Mechanism {
    /// All mechanisms, the weakest first.
    pub const ALL: [Self; 14] = [
        Self::User,
        Self::Login,
        Self::Plain,
        Self::XOAuth2,
        Self::OAuthBearer,
        Self::Apop,
        Self::DigestMd5,
        Self::CramMd5,
        Self::ScramSha1,
        Self::ScramSha256,
        Self::ScramSha1Plus,
        Self::ScramSha256Plus,
        Self::Gssapi,
        Self::External,
    ];

    /// Returns the mechanism with this name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        let has_name = |mechanism: &Self| mechanism.name().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(has_name)
    }

    /// Its name as servers announce it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Apop => "APOP",
            Self::CramMd5 => "CRAM-MD5",
            Self::DigestMd5 => "DIGEST-MD5",
            Self::External => "EXTERNAL",
            Self::Gssapi => "GSSAPI",
            Self::Login => "LOGIN",
            Self::OAuthBearer => "OAUTHBEARER",
            Self::Plain => "PLAIN",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::User => "USER",
            Self::XOAuth2 => "XOAUTH2",
        }
    }

    /// Its strength. A visible access token is less harmful than a password, because it
    /// is valid for one purpose and one hour, but it counts as shown.
    pub fn strength(self) -> Strength {
        match self {
            Self::Login | Self::OAuthBearer | Self::Plain | Self::User | Self::XOAuth2 => {
                Strength::Shown
            }
            Self::Apop | Self::CramMd5 | Self::DigestMd5 => Strength::Digested,
            Self::ScramSha1 | Self::ScramSha256 => Strength::Proved,
            Self::External | Self::Gssapi | Self::ScramSha1Plus | Self::ScramSha256Plus => {
                Strength::Bound
            }
        }
    }

    /// Returns true if the challenges of the server are only prompts: some servers send them in clear text.
    pub fn ignores_prompts(self) -> bool {
        matches!(self, Self::Login | Self::Plain)
    }

    /// Returns true if it is a SASL mechanism, which servers announce by its name.
    pub fn is_sasl(self) -> bool {
        !matches!(self, Self::Apop | Self::User)
    }

    /// Returns true if its secret is an access token (RFC 6750), not a password.
    pub fn takes_token(self) -> bool {
        matches!(self, Self::OAuthBearer | Self::XOAuth2)
    }

    /// Returns true if the server must prove that it knows the password.
    pub fn proves_server(self) -> bool {
        match self {
            Self::External => false,
            Self::DigestMd5 => true,
            other => other.strength() >= Strength::Proved,
        }
    }

    /// The unbound form of a bound mechanism; any other one as it is.
    pub fn bare(self) -> Self {
        match self {
            Self::ScramSha1Plus => Self::ScramSha1,
            Self::ScramSha256Plus => Self::ScramSha256,
            other => other,
        }
    }

    /// Returns true if it is SCRAM, bound or not.
    pub fn is_scram(self) -> bool {
        self.is_bound() || self.bound().is_some()
    }

    /// Returns true if it takes a password or a token. GSSAPI and EXTERNAL use a ticket or a
    /// certificate.
    pub fn needs_secret(self) -> bool {
        !matches!(self, Self::External | Self::Gssapi)
    }

    /// Returns true if it is bound to the TLS connection that carries it (RFC 5929).
    pub fn is_bound(self) -> bool {
        matches!(self, Self::ScramSha1Plus | Self::ScramSha256Plus)
    }

    /// The bound form of an unbound mechanism, if it has one.
    pub fn bound(self) -> Option<Self> {
        match self {
            Self::ScramSha1 => Some(Self::ScramSha1Plus),
            Self::ScramSha256 => Some(Self::ScramSha256Plus),
            _ => None,
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mechanism_is_found_by_its_name_in_any_case() {
        for mechanism in Mechanism::ALL {
            assert_eq!(Mechanism::named(mechanism.name()), Some(mechanism));
            let lower = mechanism.name().to_ascii_lowercase();
            assert_eq!(Mechanism::named(&lower), Some(mechanism));
        }
        assert_eq!(Mechanism::named("NTLM"), None);
    }

    #[test]
    fn mechanisms_are_listed_by_strength() {
        assert!(Mechanism::ALL.is_sorted());
        assert!(Mechanism::ALL.is_sorted_by_key(|mechanism| mechanism.strength()));
    }

    #[test]
    fn the_names_fit_the_grammar_of_sasl() {
        let is_octet =
            |octet: u8| octet.is_ascii_uppercase() || octet.is_ascii_digit() || octet == b'-';
        for name in Mechanism::ALL.map(Mechanism::name) {
            assert!(name.len() <= 20 && name.bytes().all(is_octet), "{name}");
        }
    }
}
