//! The rules between the keys of OAuth 2.0.

use std::path::Path;

use crate::config::error::Error;
use crate::config::origin::Origin;
use crate::config::password::Source;
use crate::config::paths;
use crate::config::settings::{Settings, Slot, value_or_default};
use crate::config::values::choices::Preset;
use crate::oauth2::{Backend, Provider, Url};

/// The sign-in of an account.
#[derive(Clone, Debug)]
pub struct SignInOptions {
    /// The provider that issues tokens.
    pub provider: Provider,
    /// The id of the client.
    pub client_id: String,
    /// The source of the client's secret, if it has one.
    pub client_secret: Option<Source>,
    /// The place where tokens are kept.
    pub backend: Backend,
}

/// Checks the keys of a sign-in. Returns `None` if the account has a password, or a command that
/// prints its token.
///
/// # Errors
/// A key is missing or a path is invalid.
pub(super) fn options(
    settings: &Settings,
    origin: &Origin,
    home: Option<&Path>,
) -> Result<Option<SignInOptions>, Error> {
    // `[defaults]` may have the keys of a provider for all accounts. An account with a password of
    // its own does not sign in.
    let signs_in = match &settings.password {
        Some(at) => at.key == CLIENT_ID,
        None => settings.oauth2.is_some() || settings.oauth2_token_url.is_some(),
    };
    if !signs_in || !value_or_default(&settings.auth).needs_secret() {
        return Ok(None);
    }
    let client_id = settings.oauth2_client_id.as_ref();
    let client_id = client_id.ok_or_else(|| Error::Incomplete {
        at: origin.clone(),
        what: "\"oauth2-client-id\"",
        hint: "Add the client id that the provider gave you",
    })?;
    let secret = settings.oauth2_client_secret.as_ref();
    let secret = secret.map(|at| paths::source(at, home)).transpose()?;
    let provider = provider(settings, origin)?;
    if provider.auth_url.is_none() && provider.device_url.is_none() {
        return Err(Error::Incomplete {
            at: origin.clone(),
            what: "way to sign in",
            hint: "Add \"oauth2-device-url\" or \"oauth2-auth-url\"",
        });
    }
    Ok(Some(SignInOptions {
        provider,
        client_id: client_id.value.clone(),
        client_secret: secret,
        backend: value_or_default(&settings.oauth2_store),
    }))
}

/// Returns true if the account logs in with a token instead of a password.
pub(super) fn has_token(settings: &Settings) -> bool {
    let is_one = |key| [CLIENT_ID, TOKEN_COMMAND].contains(&key);
    settings.password.as_ref().is_some_and(|at| is_one(at.key))
}

fn provider(settings: &Settings, origin: &Origin) -> Result<Provider, Error> {
    let value = |slot: &Slot<Url>| slot.as_ref().map(|at| at.value.clone());
    let scope = settings.oauth2_scope.as_ref().map(|at| at.value.clone());
    let mut provider = match settings.oauth2.as_ref().map(|at| at.value) {
        Some(Preset::Google) => Provider::google(),
        Some(Preset::Microsoft) => Provider::microsoft(),
        None => {
            let missing = |what, hint| Error::Incomplete {
                at: origin.clone(),
                what,
                hint,
            };
            let token_url = value(&settings.oauth2_token_url).ok_or_else(|| {
                missing(
                    "provider",
                    "Add oauth2 = \"google\" or \"microsoft\", or \"oauth2-token-url\"",
                )
            })?;
            let scope = scope.clone().ok_or_else(|| {
                missing(
                    "\"oauth2-scope\"",
                    "Add the provider's name for the right to read mail by POP3",
                )
            })?;
            Provider::other(token_url, scope)
        }
    };
    // Keys that are written override a preset, such as for another tenant of Microsoft.
    if let Some(url) = value(&settings.oauth2_token_url) {
        provider.token_url = url;
    }
    provider.auth_url = value(&settings.oauth2_auth_url).or(provider.auth_url);
    provider.device_url = value(&settings.oauth2_device_url).or(provider.device_url);
    provider.scope = scope.unwrap_or(provider.scope);
    Ok(provider)
}

/// The key that makes an account sign in.
const CLIENT_ID: &str = "oauth2-client-id";

/// The key of a command that prints a token.
const TOKEN_COMMAND: &str = "oauth2-token-command";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::Document;
    use crate::config::keys::SectionKind;

    fn settings(keys: &str) -> (Settings, Origin) {
        let text = format!("[accounts.w]\n{keys}");
        let document = Document::parse(text.as_bytes(), "f").expect("the text is TOML");
        let section = document
            .accounts
            .into_iter()
            .next()
            .expect("there is one account");
        let settings = Settings::read(SectionKind::Account, section.entries).expect(keys);
        (settings, section.origin)
    }

    fn sign_in(keys: &str) -> Option<SignInOptions> {
        let (settings, origin) = settings(keys);
        options(&settings, &origin, None).expect(keys)
    }

    #[test]
    fn written_keys_override_those_of_a_preset() {
        let google =
            sign_in("oauth2 = 'google'\noauth2-client-id = 'me'").expect("the account signs in");
        assert_eq!(google.provider, Provider::google());
        assert_eq!(google.client_id, "me");
        assert_eq!(google.backend, Backend::File);
        let tenant = "https://login.microsoftonline.com/ours/oauth2/v2.0/token";
        let ours = sign_in(&format!(
            "oauth2 = 'microsoft'\noauth2-client-id = 'me'\noauth2-token-url = '{tenant}'\n\
             oauth2-store = 'keyring'\noauth2-scope = 'x y'"
        ))
        .expect("the account signs in");
        let mut expected = Provider::microsoft();
        expected.token_url = tenant.parse().expect("the account signs in");
        expected.scope = "x y".to_owned();
        assert_eq!(ours.provider, expected);
        assert_eq!(ours.backend, Backend::Keyring);
    }

    #[test]
    fn an_account_with_a_password_never_signs_in() {
        for keys in [
            "oauth2 = 'google'\npassword-env = 'X'",
            "oauth2 = 'google'\noauth2-token-command = 'x'",
            "password-env = 'X'",
            "",
        ] {
            assert!(sign_in(keys).is_none(), "{keys}");
        }
    }

    #[test]
    fn a_client_id_or_a_token_command_means_a_token() {
        for (keys, has_one) in [
            ("oauth2-client-id = 'me'", true),
            ("oauth2-token-command = 'x'", true),
            ("password-command = 'x'", false),
        ] {
            let (settings, _) = settings(keys);
            assert_eq!(has_token(&settings), has_one, "{keys}");
        }
    }
}
