//! The answers of providers (RFC 6749 section 5, RFC 8628 section 3): tokens, codes, refusals.
//! Pure.

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

/// The reason why a provider refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ProviderRefusal {
    /// The error code of the RFCs, such as `invalid_grant`.
    pub(super) code: String,
    /// The provider's explanation.
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

    /// Returns the hint: what the user can do about it.
    pub(super) fn hint(&self) -> Option<String> {
        let is_configuration = self.exit() == Exit::Configuration;
        is_configuration.then(|| "Check the keys of the account that begin with oauth2-".to_owned())
    }

    /// Makes a refusal from a response of the provider, or from a request of the browser.
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

/// A sign-in on another device: what the user does there, and how to wait for it (RFC 8628 section
/// 3.2).
pub(crate) struct Device {
    pub(super) code: Secret,
    /// The code that the user types there.
    pub user_code: ServerText,
    /// The address at which the user types it.
    pub address: ServerText,
    /// The same address with the code in it, if the provider has one.
    pub complete_address: Option<ServerText>,
    pub(super) expires: u64,
    pub(super) interval: u64,
}

/// Reads the tokens in an answer.
///
/// # Errors
/// The provider refuses, or its answer is not valid.
pub(super) fn tokens(answer: &HttpResponse, url: &Url, now: Moment) -> Result<Tokens, Error> {
    let granted: TokenResponse = read(answer, url)?;
    let secret = |text: &str| {
        Secret::new(text.as_bytes().to_vec())
            .map_err(|problem: Unusable| invalid(url, format!("a token {problem}")))
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

/// Reads the code for another device in an answer.
///
/// # Errors
/// The provider refuses, or its answer is not valid.
pub(super) fn device(answer: &HttpResponse, url: &Url) -> Result<Device, Error> {
    let offer: DeviceResponse = read(answer, url)?;
    let number = |seconds: Option<Seconds>, default| {
        seconds
            .and_then(Seconds::number)
            .unwrap_or(default)
            .min(LONGEST_WAIT)
    };
    Ok(Device {
        code: Secret::new(offer.device_code.as_bytes().to_vec())
            .map_err(|problem| invalid(url, format!("the code {problem}")))?,
        user_code: offer.user_code.as_str().into(),
        address: offer.verification_uri.as_str().into(),
        complete_address: offer.verification_uri_complete.as_deref().map(Into::into),
        expires: number(Some(offer.expires_in), LONGEST_WAIT),
        // An interval of 0 would flood the provider with requests.
        interval: number(offer.interval, DEFAULT_INTERVAL).max(1),
    })
}

fn read<'a, T: Deserialize<'a>>(answer: &'a HttpResponse, url: &Url) -> Result<T, Error> {
    let (host, status) = (url.endpoint.to_string(), answer.status);
    // Some providers refuse with status 200, so the body is looked at first. With 5xx the provider
    // has a problem of its own, and a refusal in the body would end the sign-in for good.
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
    // serde's error may quote a token, so it is not shown.
    serde_json::from_slice(&answer.body)
        .map_err(|_| invalid(url, "it is not what RFC 6749 says".to_owned()))
}

fn invalid(url: &Url, problem: String) -> Error {
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
    // Google's name is older than the RFC.
    #[serde(alias = "verification_url")]
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: Seconds,
    interval: Option<Seconds>,
}

/// A number. Some providers write it as text.
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

/// The longest time in seconds that a provider can make mailpull wait.
const LONGEST_WAIT: u64 = 3600;

/// The time in seconds between two questions if the provider does not state one (RFC 8628 section
/// 3.5).
const DEFAULT_INTERVAL: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn url() -> Url {
        "https://login.example.com/token"
            .parse()
            .expect("the address is valid")
    }

    fn answer(status: u16, body: &str) -> HttpResponse {
        let body = Zeroizing::new(body.as_bytes().to_vec());
        HttpResponse { status, body }
    }

    #[test]
    fn optional_parts_of_tokens_may_be_missing() {
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
    fn an_error_in_an_answer_shows_no_token() {
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
    fn a_providers_explanation_is_shown_escaped() {
        let body =
            r#"{"error":"invalid_grant","error_description":"AADSTS70008: \u001b[1mexpired\nnow"}"#;
        let error =
            tokens(&answer(400, body), &url(), Moment(0)).expect_err("the provider refuses");
        assert_eq!(
            error.to_string(),
            "login.example.com:443 refuses the sign-in: invalid_grant \
             (AADSTS70008: \\u{1b}[1mexpired\\u{a}now)"
        );
    }

    #[test]
    fn the_wait_for_another_device_is_bounded() {
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
    fn googles_older_name_of_the_address_is_known() {
        let body = r#"{"device_code":"long","user_code":"A","verification_url":"https://h/d","expires_in":9}"#;
        let device = device(&answer(200, body), &url()).expect("the answer is valid");
        assert_eq!(device.address.to_string(), "https://h/d");
    }
}
