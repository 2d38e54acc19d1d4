//! Signing in on another device: here is a code, there it is typed (RFC 8628).
//! Does not know how the user is notified.

use std::time::{Duration, Instant};

use super::answer::{self, Device};
use super::client::Client;
use super::error::Error;
use super::tokens::Tokens;
use crate::exit::Exit;

impl Client<'_> {
    /// Asks for a code that the user can type elsewhere.
    ///
    /// # Errors
    /// The provider has no such codes, or gives none.
    pub(crate) fn begin_device(&self) -> Result<Device, Error> {
        let url = self.provider.device_url.as_ref();
        let url = url.ok_or(Error::Unavailable("a sign-in on another device"))?;
        let answer = self.ask(url, &[("scope", &self.provider.scope)])?;
        answer::device(&answer, url)
    }

    /// Waits until the user has typed the code and agreed.
    ///
    /// # Errors
    /// The user did not agree, or not in time; a signal came.
    pub(crate) fn await_device(&self, device: &Device) -> Result<Tokens, Error> {
        let ends = Instant::now() + Duration::from_secs(device.expires);
        let code = String::from_utf8_lossy(device.code.expose());
        let question = [("grant_type", DEVICE_GRANT), ("device_code", &*code)];
        let mut interval = Duration::from_secs(device.interval);
        while Instant::now() + interval < ends {
            let paused = self.http.interrupt.pause(interval);
            paused.map_err(|_| Error::Interrupted)?;
            match self.exchange(&question) {
                Err(Error::Refused { refusal, .. }) if refusal.code == "authorization_pending" => {}
                Err(Error::Refused { refusal, .. }) if refusal.code == "slow_down" => {
                    interval += SLOWER;
                }
                Err(Error::Refused { refusal, .. }) if refusal.code == "expired_token" => {
                    return Err(Error::Expired);
                }
                // RFC 8628 section 3.5 wants to be asked less often then.
                Err(error) if error.exit() == Exit::Temporary => {
                    interval = (interval * 2).min(LONGEST);
                }
                ended => return ended,
            }
        }
        Err(Error::Expired)
    }
}

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// By how much (RFC 8628 section 3.5).
const SLOWER: Duration = Duration::from_secs(5);

const LONGEST: Duration = Duration::from_secs(60);
