//! What providers answer (RFC 6749 section 5, RFC 8628 section 3): tokens, codes, refusals.
//! Pure; sends nothing.

use std::fmt;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::error::Error;
use super::http::HttpResponse;
use super::tokens::Tokens;
use super::url::Url;
use crate::exit::Exit;
use crate::moment::Moment;
use crate::os::secret::{Secret, Unusable};
use crate::text::ServerText;

/// Why a provider said no.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ProviderRefusal {
    /// The word of the RFCs for it: `invalid_grant`.
    pub(super) code: String,
    /// What it says about it.
    description: ServerText,
}

impl ProviderRefusal {
    pub(super) fn exit(&self) -> Exit {
        match self.code.as_str() {
            "server_error" | "temporarily_unavailable" => Exit::Temporary,
            "invalid_client"
            | "invalid_request"
            | "invalid_scope"
            | "unauthorized_client"
            | "unsupported_grant_type" => Exit::Configuration,
            _ => Exit::LoginRefused,
        }
    }

    /// What the user can do about it.
    pub(super) fn hint(&self) -> Option<String> {
        let is_configuration = self.exit() == Exit::Configuration;
        is_configuration.then(|| "Check the keys of the account that begin with oauth2-".to_owned())
    }

    /// Takes what a provider said: in its answer, or by the browser.
    pub(super) fn new(code: &str, description: &str) -> Self {
        Self {
            code: code.to_owned(),
            description: description.into(),
        }
    }
}

impl fmt::Display for ProviderRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", ServerText::from(&*self.code))?;
        if !self.description.is_empty() {
            write!(f, " ({})", self.description)?;
        }
        Ok(())
    }
}

/// What the user is to do elsewhere, and what we wait with (RFC 8628 section 3.2).
pub(crate) struct Device {
    pub(super) code: Secret,
    /// What the user types there.
    pub user_code: ServerText,
    /// Where.
    pub address: ServerText,
    /// The same with the code in it, for those who need not type.
    pub complete_address: Option<ServerText>,
    pub(super) expires: u64,
    pub(super) interval: u64,
}

/// Takes the tokens out of an answer.
///
/// # Errors
/// A refusal, or an answer that is none.
pub(super) fn tokens(answer: &HttpResponse, url: &Url, now: Moment) -> Result<Tokens, Error> {
    let granted: TokenResponse = read(answer, url)?;
    let secret = |text: &str| {
        Secret::new(text.as_bytes().to_vec())
            .map_err(|problem: Unusable| incomprehensible(url, format!("a token {problem}")))
    };
    Ok(Tokens {
        access: secret(&granted.access_token)?,
        expires: granted
            .expires_in
            .and_then(Seconds::number)
            .map(|seconds| Moment(now.0.saturating_add_unsigned(seconds))),
        refresh: granted
            .refresh_token
            .as_deref()
            .map(|text| secret(text))
            .transpose()?,
        notified: None,
    })
}

/// Takes a code for the user out of an answer.
///
/// # Errors
/// A refusal, or an answer that is none.
pub(super) fn device(answer: &HttpResponse, url: &Url) -> Result<Device, Error> {
    let offer: DeviceResponse = read(answer, url)?;
    let number = |seconds: Option<Seconds>, default| {
        seconds
            .and_then(Seconds::number)
            .unwrap_or(default)
            .min(LONGEST)
    };
    Ok(Device {
        code: Secret::new(offer.device_code.as_bytes().to_vec())
            .map_err(|problem| incomprehensible(url, format!("the code {problem}")))?,
        user_code: offer.user_code.as_str().into(),
        address: offer.verification_uri.as_str().into(),
        complete_address: offer.verification_uri_complete.as_deref().map(Into::into),
        expires: number(Some(offer.expires_in), LONGEST),
        interval: number(offer.interval, INTERVAL).max(1),
    })
}

fn read<'a, T: Deserialize<'a>>(answer: &'a HttpResponse, url: &Url) -> Result<T, Error> {
    let (host, status) = (url.endpoint.to_string(), answer.status);
    // Some providers refuse with status 200.
    if status < 500
        && let Ok(refused) = serde_json::from_slice::<Refused>(&answer.body)
    {
        let description = refused.error_description.unwrap_or_default();
        let refusal = ProviderRefusal::new(&refused.error, &description);
        return Err(Error::Refused { host, refusal });
    }
    if status != 200 {
        return Err(Error::Status { host, status });
    }
    // What is wrong with it may be in a token, and is not shown.
    serde_json::from_slice(&answer.body)
        .map_err(|_| incomprehensible(url, "it is not what the standard says".to_owned()))
}

fn incomprehensible(url: &Url, problem: String) -> Error {
    let host = url.endpoint.to_string();
    Error::Answer { host, problem }
}

#[derive(Deserialize)]
struct Refused {
    error: String,
    error_description: Option<String>,
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: Zeroizing<String>,
    expires_in: Option<Seconds>,
    refresh_token: Option<Zeroizing<String>>,
}

#[derive(Deserialize)]
struct DeviceResponse {
    device_code: Zeroizing<String>,
    user_code: String,
    // Google's name for it is older than the RFC.
    #[serde(alias = "verification_url")]
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: Seconds,
    interval: Option<Seconds>,
}

/// A number, which some providers write as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(u64),
    Text(String),
    Other(serde::de::IgnoredAny),
}

impl Seconds {
    fn number(self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Text(text) => text.parse().ok(),
            Self::Other(_) => None,
        }
    }
}

/// The longest that a provider can have us wait.
const LONGEST: u64 = 3600;

/// How often the provider is asked where it does not say (RFC 8628 section 3.5).
const INTERVAL: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn url() -> Url {
        "https://login.example.com/token"
            .parse()
            .expect("it is one")
    }

    fn answer(status: u16, body: &str) -> HttpResponse {
        let body = Zeroizing::new(body.as_bytes().to_vec());
        HttpResponse { status, body }
    }

    #[test]
    fn tokens_are_read_with_what_is_optional_or_not() {
        for (body, refresh, expires) in [
            (r#"{"access_token":"a"}"#, None, None),
            (
                r#"{"access_token":"a","token_type":"Bearer","expires_in":3600,"refresh_token":"r"}"#,
                Some("r"),
                Some(Moment(4600)),
            ),
            (
                r#"{"access_token":"a","expires_in":"3600"}"#,
                None,
                Some(Moment(4600)),
            ),
            (
                r#"{"access_token":"a","expires_in":-1,"refresh_token":null}"#,
                None,
                None,
            ),
            (
                r#"{"access_token":"a","expires_in":18446744073709551615}"#,
                None,
                Some(Moment(i64::MAX)),
            ),
        ] {
            let tokens = tokens(&answer(200, body), &url(), Moment(1000)).expect(body);
            assert_eq!(tokens.access.expose(), b"a");
            assert_eq!(
                tokens.refresh.as_ref().map(Secret::expose),
                refresh.map(str::as_bytes)
            );
            assert_eq!(tokens.expires, expires, "{body}");
        }
    }

    #[test]
    fn what_is_no_token_is_an_error_that_shows_none() {
        for (status, body, exit) in [
            (200, "", Exit::Protocol),
            (200, "<html>hunter2</html>", Exit::Protocol),
            (200, r#"{"token":"hunter2"}"#, Exit::Protocol),
            (200, r#"{"access_token":["hunter2"]}"#, Exit::Protocol),
            (200, r#"{"access_token":"hunter2\r\nQUIT"}"#, Exit::Protocol),
            (200, r#"{"access_token":""}"#, Exit::Protocol),
            (302, "", Exit::Protocol),
            (404, "<html>", Exit::Protocol),
            (429, "", Exit::Temporary),
            (502, "<html>", Exit::Temporary),
            (503, r#"{"error":"invalid_grant"}"#, Exit::Temporary),
            (400, r#"{"error":"invalid_grant"}"#, Exit::LoginRefused),
            (200, r#"{"error":"invalid_grant"}"#, Exit::LoginRefused),
            (401, r#"{"error":"invalid_client"}"#, Exit::Configuration),
            (
                400,
                r#"{"error":"temporarily_unavailable"}"#,
                Exit::Temporary,
            ),
        ] {
            let error = tokens(&answer(status, body), &url(), Moment(0)).expect_err(body);
            assert_eq!(error.exit(), exit, "{status} {body}");
            assert!(!error.to_string().contains("hunter"), "{error}");
        }
    }

    #[test]
    fn a_refusal_is_shown_escaped_with_the_providers_words() {
        let body =
            r#"{"error":"invalid_grant","error_description":"AADSTS70008: \u001b[1mexpired\nnow"}"#;
        let error = tokens(&answer(400, body), &url(), Moment(0)).expect_err("it is one");
        assert_eq!(
            error.to_string(),
            "login.example.com:443 refuses the sign-in: invalid_grant \
             (AADSTS70008: \\u{1b}[1mexpired\\u{a}now)"
        );
    }

    #[test]
    fn the_wait_for_a_device_is_bounded_whatever_the_provider_says() {
        let offer = |more: &str| {
            let body = format!(
                r#"{{"device_code":"d","user_code":"AB-CD","verification_uri":"https://h/d",{more}}}"#
            );
            let device = device(&answer(200, &body), &url()).expect(more);
            (device.expires, device.interval)
        };
        assert_eq!(offer(r#""expires_in":900"#), (900, 5));
        assert_eq!(offer(r#""expires_in":900,"interval":2"#), (900, 2));
        assert_eq!(offer(r#""expires_in":900,"interval":0"#), (900, 1));
        assert_eq!(offer(r#""expires_in":900,"interval":null"#), (900, 5));
        let endless = r#""expires_in":18446744073709551615,"interval":18446744073709551615"#;
        assert_eq!(offer(endless), (3600, 3600));
    }

    #[test]
    fn google_may_call_the_address_by_its_older_name() {
        let body = r#"{"device_code":"d","user_code":"A","verification_url":"https://h/d","expires_in":9}"#;
        let device = device(&answer(200, body), &url()).expect("it is one");
        assert_eq!(device.address.to_string(), "https://h/d");
    }
}
