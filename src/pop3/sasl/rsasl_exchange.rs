//! The library's mechanisms, and what it is told when it asks: the door to rsasl.
//! Does not know what has been said.

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

use super::{Credentials, ExchangeFault, OwnedCredentials};
use crate::os::secret::Secret;
use crate::pop3::mechanism::Mechanism;

/// What the library is asked for. Its own list has nothing that is bound to the connection; where
/// that is offered, the library prefers it to the bare form, which would take it for its own offer.
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
/// It was built without the mechanism.
pub(super) fn session(mechanism: Mechanism, answers: Answers) -> Result<Session, ExchangeFault> {
    let name = Mechname::parse(mechanism.name().as_bytes()).expect("it is a mechanism's name");
    let config = SASLConfig::builder()
        .with_registry(Registry::with_mechanisms(LIBRARY))
        .with_callback(answers)
        .expect("it has a callback");
    SASLClient::new(config)
        .start_suggested(&[name])
        .map_err(|_| ExchangeFault::Unusable("this build does not have it".to_owned()))
}

/// What the library's error is to us.
pub(super) fn fault(error: SessionError) -> ExchangeFault {
    match error {
        SessionError::MutualAuthenticationFailed => ExchangeFault::Unproven,
        // Without saying that it is one of the mechanism.
        SessionError::MechanismError(error) => ExchangeFault::Challenge(error.to_string()),
        error => ExchangeFault::Challenge(error.to_string()),
    }
}

/// What the library is told when it asks.
pub(super) struct Answers {
    account: OwnedCredentials,
    /// Whose mail it is, where that is not who logs in: in OAUTHBEARER's header, and all that
    /// EXTERNAL says.
    authorization: Option<String>,
    binding: Option<Vec<u8>>,
    says_what_it_could: bool,
}

impl Answers {
    /// # Errors
    /// What cannot be a token is to be one.
    pub(super) fn new(
        mechanism: Mechanism,
        credentials: &Credentials<'_>,
        may_bind: bool,
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
        let mut account = OwnedCredentials::of(credentials);
        if mechanism.is_scram() {
            account.secret = prepared(secret);
        }
        Ok(Self {
            account,
            authorization: match mechanism {
                Mechanism::External => Some(user.to_owned()),
                Mechanism::OAuthBearer => Some(saslname(user)),
                _ => None,
            },
            binding: binding.filter(|_| mechanism.is_bound()).map(<[u8]>::to_vec),
            says_what_it_could: binding.is_some() && !may_bind,
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
        let OwnedCredentials { user, secret, host } = &self.account;
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
            .satisfy::<GssService>("pop")?
            .satisfy::<Hostname>(host)?
            // TLS is what protects the session.
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
        self.binding.is_some() || self.says_what_it_could
    }
}

/// A password as SCRAM hashes it (RFC 4013); one that is no such text stays as it is, since servers
/// that store it do not always look either.
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

/// Whether octets are a token as headers carry it (RFC 6750 section 2.1).
fn is_token(octets: &[u8]) -> bool {
    let is_octet = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._~+/=".contains(octet);
    octets.iter().all(is_octet)
}

/// A name as SASL's headers have it (RFC 5801 section 4).
fn saslname(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}
