//! The mechanisms of the library rsasl, and the answers to its questions. This is the only module
//! that uses rsasl, apart from the type of its session.

use std::borrow::Cow;

use rsasl::callback::{Context, Request, SessionCallback, SessionData};
use rsasl::mechanisms::external::EXTERNAL;
#[cfg(feature = "gssapi")]
use rsasl::mechanisms::gssapi::properties::{GssSecurityLayer, GssService, SecurityLayer};
use rsasl::mechanisms::login::LOGIN;
use rsasl::mechanisms::oauthbearer::OAUTHBEARER;
use rsasl::mechanisms::plain::PLAIN;
use rsasl::mechanisms::scram::{SCRAM_SHA1, SCRAM_SHA1_PLUS, SCRAM_SHA256, SCRAM_SHA256_PLUS};
use rsasl::mechanisms::xoauth2::XOAUTH2;
use rsasl::prelude::{Mechname, Registry, SASLClient, SASLConfig, Session, SessionError};
#[cfg(feature = "gssapi")]
use rsasl::property::Hostname;
use rsasl::property::{
    AuthId, AuthzId, ChannelBindings, OAuthBearerKV, OAuthBearerToken, OverrideCBType, Password,
};

use super::mechanism::Mechanism;
use super::{Credentials, ExchangeFault, OwnedCredentials, SaslService};
use crate::os::secret::Secret;

/// The mechanisms that are used. The library's own list has no bound ones (-PLUS).
static LIBRARY: &[rsasl::prelude::Mechanism] = &[
    EXTERNAL,
    #[cfg(feature = "gssapi")]
    rsasl::mechanisms::gssapi::GSSAPI,
    LOGIN,
    OAUTHBEARER,
    PLAIN,
    SCRAM_SHA1,
    SCRAM_SHA1_PLUS,
    SCRAM_SHA256,
    SCRAM_SHA256_PLUS,
    XOAUTH2,
];

/// Begins the client's side of an exchange.
///
/// # Errors
/// This build does not have the mechanism.
pub(super) fn session(mechanism: Mechanism, answers: Answers) -> Result<Session, ExchangeFault> {
    let name = Mechname::parse(mechanism.name().as_bytes())
        .expect("the names of mechanisms follow the grammar of SASL");
    let config = SASLConfig::builder()
        .with_registry(Registry::with_mechanisms(LIBRARY))
        .with_callback(answers)
        .expect("a configuration with a callback is valid");
    SASLClient::new(config)
        .start_suggested(&[name])
        .map_err(|_| ExchangeFault::Unusable("this build does not have it".to_owned()))
}

/// Translates an error of the library.
pub(super) fn fault(error: SessionError) -> ExchangeFault {
    match error {
        SessionError::MutualAuthenticationFailed => ExchangeFault::Unproven,
        // Its own text, without the library's prefix.
        SessionError::MechanismError(error) => ExchangeFault::Challenge(error.to_string()),
        error => ExchangeFault::Challenge(error.to_string()),
    }
}

/// The answers to what the library asks during an exchange.
pub(super) struct Answers {
    credentials: OwnedCredentials,
    /// The authorization identity, for the mechanisms that send one: OAUTHBEARER in its header, and
    /// EXTERNAL, which sends nothing else.
    authorization: Option<String>,
    binding: Option<Vec<u8>>,
    /// True if SCRAM says that the client could have bound the login.
    says_that_it_could: bool,
}

impl Answers {
    /// Prepares the answers.
    ///
    /// # Errors
    /// The mechanism takes a token, and the secret is not one.
    pub(super) fn new(
        mechanism: Mechanism,
        credentials: &Credentials<'_>,
        service: SaslService,
    ) -> Result<Self, ExchangeFault> {
        let Credentials {
            user,
            secret,
            binding,
            ..
        } = *credentials;
        if mechanism.takes_token() && !is_token(secret.expose()) {
            let why = "the access token has characters that no token has";
            return Err(ExchangeFault::Unusable(why.to_owned()));
        }
        let mut owned = OwnedCredentials::of(credentials, service);
        if mechanism.is_scram() {
            owned.secret = prepared(secret);
        }
        Ok(Self {
            credentials: owned,
            authorization: match mechanism {
                Mechanism::External => Some(user.to_owned()),
                Mechanism::OAuthBearer => Some(saslname(user)),
                _ => None,
            },
            binding: binding.filter(|_| mechanism.is_bound()).map(<[u8]>::to_vec),
            says_that_it_could: binding.is_some() && !service.may_bind,
        })
    }
}

impl SessionCallback for Answers {
    fn callback(
        &self,
        _: &SessionData,
        _: &Context<'_>,
        request: &mut Request<'_>,
    ) -> Result<(), SessionError> {
        let OwnedCredentials {
            user, secret, host, ..
        } = &self.credentials;
        request
            .satisfy::<AuthId>(user)?
            .satisfy::<Password>(secret.expose())?;
        if let Some(authorization) = &self.authorization {
            request
                .satisfy::<AuthzId>(authorization)?
                .satisfy::<OAuthBearerKV>(&[("host", host)])?;
        }
        #[cfg(feature = "gssapi")]
        request
            .satisfy::<GssService>(self.credentials.service)?
            .satisfy::<Hostname>(host)?
            // TLS protects the session already.
            .satisfy::<GssSecurityLayer>(&SecurityLayer::NO_SECURITY_LAYER)?;
        if let Ok(token) = std::str::from_utf8(secret.expose()) {
            request.satisfy::<OAuthBearerToken>(token)?;
        }
        if let Some(binding) = &self.binding {
            request
                .satisfy::<OverrideCBType>("tls-server-end-point")?
                .satisfy::<ChannelBindings>(binding)?;
        }
        Ok(())
    }

    fn enable_channel_binding(&self) -> bool {
        self.binding.is_some() || self.says_that_it_could
    }
}

/// Returns a password in the form that SCRAM hashes (SASLprep, RFC 4013). A password that has no
/// such form stays as it is: servers do not always check it when they store it either.
fn prepared(secret: &Secret) -> Secret {
    let text = str::from_utf8(secret.expose()).ok();
    let prepared = text.and_then(|text| stringprep::saslprep(text).ok());
    match prepared {
        Some(Cow::Owned(prepared)) => {
            Secret::new(prepared.into_bytes()).unwrap_or_else(|_| secret.clone())
        }
        _ => secret.clone(),
    }
}

/// Returns true if the octets are a token as HTTP headers carry it (RFC 6750 section 2.1).
fn is_token(octets: &[u8]) -> bool {
    let is_octet = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._~+/=".contains(octet);
    octets.iter().all(is_octet)
}

/// Escapes a name for the header of SASL messages (RFC 5801 section 4).
fn saslname(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}
