//! The keyring of the user's desktop: the Secret Service of D-Bus, on macOS the keychain.
//! Does not know what is kept there.

use std::collections::HashMap;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::exit::Exit;
use crate::os::secret::{Secret, Unusable};

#[cfg(not(feature = "keyring"))]
mod absent;
#[cfg(all(feature = "keyring", target_os = "macos"))]
mod keychain;
#[cfg(all(feature = "keyring", not(target_os = "macos")))]
mod secret_service;

#[cfg(not(feature = "keyring"))]
use absent as system;
#[cfg(all(feature = "keyring", target_os = "macos"))]
use keychain as system;
#[cfg(all(feature = "keyring", not(target_os = "macos")))]
use secret_service as system;

/// A secret in the keyring, by what tells it from others: the first of these says what service it
/// is for, the second which user's it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'a> {
    attributes: [(&'a str, &'a str); 3],
}

/// Why the keyring gives or takes nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// This program cannot speak to one.
    #[error("this mailpull was built without the feature keyring")]
    Absent,
    /// The keyring said no.
    #[error("the keyring cannot be used: {0}")]
    Failed(String),
    /// A signal asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// It is locked, and nobody unlocked it.
    #[error("the keyring is locked, and was not unlocked")]
    Locked,
    /// Nobody answers.
    #[error("the keyring does not answer within {0} s; is it waiting to be unlocked?")]
    Silent(u64),
    /// There is none.
    #[error("no keyring is running in this session ({0})")]
    Unreachable(String),
    /// What is in it is no secret.
    #[error("what the keyring holds {0}")]
    Unusable(#[from] Unusable),
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        None
    }

    /// The status that it leads to. A keyring opens when its user logs in: there may be one later.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Absent | Self::Unusable(_) => Exit::Configuration,
            Self::Interrupted => Exit::Signal(2),
            Self::Failed(_) | Self::Locked | Self::Silent(_) | Self::Unreachable(_) => {
                Exit::Temporary
            }
        }
    }
}

impl<'a> Item<'a> {
    /// Names an item by three attributes and their values.
    pub(crate) fn new(attributes: [(&'a str, &'a str); 3]) -> Self {
        Self { attributes }
    }

    /// Finds the secret. A locked keyring asks its user.
    ///
    /// # Errors
    /// There is no keyring, it stays locked, `interrupted` turned true.
    pub(crate) fn find(&self, interrupted: &dyn Fn() -> bool) -> Result<Option<Secret>, Error> {
        let item = self.owned();
        let found = apart(interrupted, move || system::find(&item))?;
        Ok(found.map(Secret::new).transpose()?)
    }

    /// Keeps a secret, in the place of the one that is there. `label` is what its user sees.
    ///
    /// # Errors
    /// As those of [`Item::find`].
    pub(crate) fn store(
        &self,
        label: &str,
        secret: &Secret,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<(), Error> {
        let (item, label, secret) = (self.owned(), label.to_owned(), secret.clone());
        apart(interrupted, move || system::store(&item, &label, &secret))
    }

    fn owned(&self) -> Attributes {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.attributes.iter().map(owned).collect()
    }
}

type Attributes = HashMap<String, String>;

/// Does what cannot be interrupted on a thread of its own, which is left behind when it takes too
/// long.
fn apart<T: Send + 'static>(
    interrupted: &dyn Fn() -> bool,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (sender, answer) = mpsc::channel();
    // Nobody may be listening any more.
    thread::spawn(move || drop(sender.send(work())));
    let deadline = Instant::now() + KEYRING_TIMEOUT;
    loop {
        match answer.recv_timeout(PULSE) {
            Ok(done) => return done,
            Err(RecvTimeoutError::Disconnected) => return Err(Error::Failed("it broke".into())),
            Err(RecvTimeoutError::Timeout) if interrupted() => return Err(Error::Interrupted),
            Err(RecvTimeoutError::Timeout) if Instant::now() >= deadline => {
                return Err(Error::Silent(KEYRING_TIMEOUT.as_secs()));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// How long its user may take to unlock it.
const KEYRING_TIMEOUT: Duration = Duration::from_secs(60);

const PULSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(not(feature = "keyring"))]
    fn without_the_feature_it_is_said_that_there_is_none() {
        let item = Item::new([("service", "pop3"), ("user", "me"), ("host", "h")]);
        let error = item.find(&|| false).expect_err("there is none");
        assert_eq!(error, Error::Absent);
        assert_eq!(error.exit(), Exit::Configuration);
    }

    #[test]
    fn what_takes_too_long_is_left_by_a_signal() {
        let (hold, held) = mpsc::channel::<()>();
        let left = apart(&|| true, move || {
            // It lasts until nobody holds it.
            let _ = held.recv();
            Ok(())
        });
        assert_eq!(left, Err(Error::Interrupted));
        drop(hold);
    }
}
