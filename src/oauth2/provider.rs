//! The providers of sign-ins: where each is asked, and for what.
//! Asks nobody anything.

use super::url::Url;

/// Where a provider is asked, and for what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Provider {
    /// Where tokens come from.
    pub token_url: Url,
    /// Where the user signs in with a browser.
    pub auth_url: Option<Url>,
    /// Where the sign-in on another device begins.
    pub device_url: Option<Url>,
    /// What the token must open.
    pub scope: String,
    /// What the browser is sent with, beside what the RFCs want.
    pub(super) extras: Vec<(&'static str, &'static str)>,
    /// By which name the provider sends the browser back to this machine.
    pub(super) loopback: &'static str,
}

impl Provider {
    /// Google. Its device grant is for televisions and does not open mail, so there is none.
    ///
    /// Sources: its pages "OAuth 2.0 for Mobile & Desktop Apps" and "OAuth 2.0 Scopes".
    pub fn google() -> Self {
        Self {
            token_url: known("https://oauth2.googleapis.com/token"),
            auth_url: Some(known("https://accounts.google.com/o/oauth2/v2/auth")),
            device_url: None,
            scope: "https://mail.google.com/".to_owned(),
            // Without these there is a refresh token only the first time.
            extras: vec![("access_type", "offline"), ("prompt", "consent")],
            loopback: "127.0.0.1",
        }
    }

    /// Microsoft: accounts of companies and schools, and outlook.com.
    ///
    /// Source: its page "Authenticate an IMAP, POP or SMTP connection using OAuth".
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
            // Whoever has several accounts is not signed in with the wrong one.
            extras: vec![("prompt", "select_account")],
            // It lets the port be any only where the name is this.
            loopback: "localhost",
        }
    }

    /// Any other.
    pub fn other(token_url: Url, scope: String) -> Self {
        Self {
            token_url,
            auth_url: None,
            device_url: None,
            scope,
            // OpenID Connect wants it of those who want a refresh token.
            extras: vec![("prompt", "consent")],
            loopback: "127.0.0.1",
        }
    }
}

fn known(text: &str) -> Url {
    text.parse().expect("it is written here")
}
