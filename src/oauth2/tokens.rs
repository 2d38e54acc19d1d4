//! The tokens of one sign-in, and the form in which they are stored.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::moment::Moment;
use crate::os::secret::Secret;

/// The tokens that a provider granted. `Debug` does not show them.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    /// The access token, which is sent to the server instead of a password.
    pub access: Secret,
    /// The end of its validity, if the provider stated one.
    pub expires: Option<Moment>,
    /// The refresh token, for which the provider grants a new access token.
    pub refresh: Option<Secret>,
    /// The time of the last notification that a new sign-in is necessary.
    pub notified: Option<Moment>,
}

impl Tokens {
    /// Returns true if the access token should still be valid.
    pub(crate) fn is_good(&self, now: Moment) -> bool {
        self.expires
            .is_none_or(|expires| now.plus(MARGIN) < expires)
    }

    /// Replaces the tokens after a refresh. Without a new refresh token the old one stays valid
    /// (RFC 6749 section 6).
    pub(super) fn renew(&mut self, granted: Self) {
        self.access = granted.access;
        self.expires = granted.expires;
        self.refresh = granted.refresh.or(self.refresh.take());
    }

    /// Returns the stored form.
    pub(super) fn written(&self) -> Zeroizing<Vec<u8>> {
        let text = |secret: &Secret| {
            let text = String::from_utf8_lossy(secret.expose());
            Zeroizing::new(text.into_owned())
        };
        let kept = StoredTokens {
            access_token: text(&self.access),
            refresh_token: self.refresh.as_ref().map(text),
            expires: self.expires.map(|moment| moment.0),
            notified: self.notified.map(|moment| moment.0),
        };
        // Enough room for everything, escapes included: a vector that grows leaves copies in freed
        // memory.
        let tokens = [Some(&kept.access_token), kept.refresh_token.as_ref()];
        let length: usize = tokens.into_iter().flatten().map(|text| text.len()).sum();
        let mut written = Zeroizing::new(Vec::with_capacity(6 * length + 256));
        serde_json::to_writer(&mut *written, &kept)
            .expect("text and numbers can always be written as JSON");
        written.push(b'\n');
        written
    }

    /// Reads the stored form. Returns `None` if the octets are anything else.
    pub(super) fn read(written: &[u8]) -> Option<Self> {
        let kept: StoredTokens = serde_json::from_slice(written).ok()?;
        let secret = |text: &str| Secret::new(text.as_bytes().to_vec()).ok();
        Some(Self {
            access: secret(&kept.access_token)?,
            expires: kept.expires.map(Moment),
            refresh: match kept.refresh_token {
                Some(text) => Some(secret(&text)?),
                None => None,
            },
            notified: kept.notified.map(Moment),
        })
    }
}

#[derive(Deserialize, Serialize)]
struct StoredTokens {
    access_token: Zeroizing<String>,
    refresh_token: Option<Zeroizing<String>>,
    expires: Option<i64>,
    /// The field was once called `told`, and files have that name.
    #[serde(rename = "told")]
    notified: Option<i64>,
}

/// The time before its end from which a token is no longer used: sending it takes time, and clocks
/// differ.
const MARGIN: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec()).expect("the token has no line break")
    }

    fn tokens(refresh: Option<&str>, expires: Option<i64>) -> Tokens {
        Tokens {
            access: secret("access\"\\"),
            expires: expires.map(Moment),
            refresh: refresh.map(secret),
            notified: None,
        }
    }

    #[test]
    fn stored_tokens_are_read_again() {
        for (refresh, expires) in [(Some("r"), Some(5)), (None, None)] {
            let read = Tokens::read(&tokens(refresh, expires).written())
                .expect("the stored form is valid");
            assert_eq!(read.access.expose(), b"access\"\\");
            assert_eq!(
                read.refresh.as_ref().map(Secret::expose),
                refresh.map(str::as_bytes)
            );
            assert_eq!(read.expires, expires.map(Moment));
        }
        for other in [
            "",
            "{}",
            "hunter2",
            r#"{"access_token":"a\nb"}"#,
            r#"{"access_token":""}"#,
        ] {
            assert!(Tokens::read(other.as_bytes()).is_none(), "{other}");
        }
    }

    #[test]
    fn a_token_is_renewed_before_it_ends() {
        for (expires, is_good) in [
            (None, true),
            (Some(1061), true),
            (Some(1060), false),
            (Some(0), false),
        ] {
            assert_eq!(
                tokens(None, expires).is_good(Moment(1000)),
                is_good,
                "{expires:?}"
            );
        }
    }

    #[test]
    fn a_refresh_token_is_valid_until_another_comes() {
        for (granted, in_force) in [(None, "old"), (Some("new"), "new")] {
            let mut renewed = tokens(Some("old"), None);
            renewed.renew(tokens(granted, Some(9)));
            assert_eq!(
                renewed.refresh.expect("a refresh token is there").expose(),
                in_force.as_bytes()
            );
            assert_eq!(renewed.expires, Some(Moment(9)));
        }
    }

    #[test]
    fn debug_output_shows_no_token() {
        assert!(!format!("{:?}", tokens(Some("refresh"), None)).contains("refresh\""));
        assert!(!format!("{:?}", tokens(None, None)).contains("access\\"));
    }
}
