//! The providers of sign-ins: their addresses, and what mailpull asks them for.

use super::url::Url;

/// A provider.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Provider {
    /// The address that grants tokens.
    pub token_url: Url,
    /// The address at which the user signs in with a browser.
    pub auth_url: Option<Url>,
    /// The address that grants codes for another device.
    pub device_url: Option<Url>,
    /// The access that the token must give.
    pub scope: String,
    /// The parameters for the browser that are not in the RFCs.
    pub(super) extras: Vec<(&'static str, &'static str)>,
    /// The name of this machine in the address to which the browser is sent back.
    pub(super) loopback: &'static str,
}

impl Provider {
    /// Returns the addresses of Google. Its grant for other devices is for televisions and gives no
    /// access to mail, so it is not used.
    ///
    /// Sources: Google's pages "OAuth 2.0 for Mobile & Desktop Apps" and "OAuth 2.0 Scopes".
    pub fn google() -> Self {
        Self {
            token_url: known("https://oauth2.googleapis.com/token"),
            auth_url: Some(known("https://accounts.google.com/o/oauth2/v2/auth")),
            device_url: None,
            scope: "https://mail.google.com/".to_owned(),
            // Without these Google grants a refresh token only at the first sign-in.
            extras: vec![("access_type", "offline"), ("prompt", "consent")],
            loopback: "127.0.0.1",
        }
    }

    /// Returns the addresses of Microsoft, for accounts of companies and schools and outlook.com.
    ///
    /// Source: Microsoft's page "Authenticate an IMAP, POP or SMTP connection using OAuth".
    pub fn microsoft() -> Self {
        let at = |what: &str| {
            known(&format!(
                "https://login.microsoftonline.com/common/oauth2/v2.0/{what}"
            ))
        };
        Self {
            token_url: at("token"),
            auth_url: Some(at("authorize")),
            device_url: Some(at("devicecode")),
            scope: "https://outlook.office.com/POP.AccessAsUser.All offline_access".to_owned(),
            // A user with several accounts must not be signed in with the wrong one.
            extras: vec![("prompt", "select_account")],
            // Microsoft allows any port only with this name, and ours differs at each sign-in.
            loopback: "localhost",
        }
    }

    /// Returns another provider, of which only the address for tokens is known.
    pub fn other(token_url: Url, scope: String) -> Self {
        Self {
            token_url,
            auth_url: None,
            device_url: None,
            scope,
            // OpenID Connect demands it if a refresh token is wanted (Core 1.0 section 11).
            extras: vec![("prompt", "consent")],
            loopback: "127.0.0.1",
        }
    }
}

fn known(text: &str) -> Url {
    text.parse().expect("the addresses in this file are valid")
}
