//! Signing in on another device, on which the user types a code (RFC 8628).

use std::time::{Duration, Instant};

use super::answer::{self, Device};
use super::client::Client;
use super::error::Error;
use super::tokens::Tokens;
use crate::exit::Exit;

impl Client<'_> {
    /// Asks for a code that the user can type on another device.
    ///
    /// # Errors
    /// The provider has no known address for such codes, or refuses.
    pub(crate) fn begin_device(&self) -> Result<Device, Error> {
        let url = self.provider.device_url.as_ref();
        let url = url.ok_or(Error::Unavailable {
            what: "a sign-in on another device",
            key: "oauth2-device-url",
        })?;
        let answer = self.ask(url, &[("scope", &self.provider.scope)])?;
        answer::device(&answer, url)
    }

    /// Waits until the user has typed the code and agreed.
    ///
    /// # Errors
    /// The user refused, or did not type the code in time; a signal arrived.
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
                    interval += SLOW_DOWN;
                }
                Err(Error::Refused { refusal, .. }) if refusal.code == "expired_token" => {
                    return Err(Error::Expired);
                }
                // RFC 8628 section 3.5: after a failed connection the provider must be asked less
                // often.
                Err(error) if error.exit() == Exit::Temporary => {
                    interval = (interval * 2).min(LONGEST_INTERVAL);
                }
                ended => return ended,
            }
        }
        Err(Error::Expired)
    }
}

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The time that `slow_down` adds to the interval (RFC 8628 section 3.5).
const SLOW_DOWN: Duration = Duration::from_secs(5);

/// The longest interval after failed connections.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);
