//! The keyring of the user's desktop: the Secret Service of D-Bus, on macOS the keychain.
//! Does not know what is kept there.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::exit::Exit;
use crate::os::secret::{Secret, Unusable};
use crate::os::signals::{Interrupt, WaitError};
use crate::os::thread::Task;

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
    /// There is no keyring, it stays locked, or a signal arrived.
    pub(crate) fn find(&self, interrupt: &Interrupt) -> Result<Option<Secret>, Error> {
        let item = self.owned();
        let found = wait_for(interrupt, move || system::find(&item))?;
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
        interrupt: &Interrupt,
    ) -> Result<(), Error> {
        let (item, label, secret) = (self.owned(), label.to_owned(), secret.clone());
        wait_for(interrupt, move || system::store(&item, &label, &secret))
    }

    fn owned(&self) -> Attributes {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.attributes.iter().map(owned).collect()
    }
}

type Attributes = HashMap<String, String>;

/// Asks the keyring on a thread of its own: its libraries wait for the user to unlock it, without a
/// deadline.
fn wait_for<T: Send + 'static>(
    interrupt: &Interrupt,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let task = Task::start(interrupt, work).map_err(|error| Error::Failed(error.to_string()))?;
    match task.wait(Instant::now() + KEYRING_TIMEOUT, Duration::ZERO) {
        Ok(answer) => answer,
        Err(WaitError::Interrupted) => Err(Error::Interrupted),
        Err(WaitError::TimedOut) => Err(Error::Silent(KEYRING_TIMEOUT.as_secs())),
    }
}

/// The time that the user has to unlock it.
const KEYRING_TIMEOUT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(not(feature = "keyring"))]
    fn a_build_without_the_feature_says_so() {
        let item = Item::new([("service", "pop3"), ("user", "me"), ("host", "h")]);
        let interrupt = Interrupt::never().expect("a pair of sockets");
        let error = item.find(&interrupt).expect_err("the feature is off");
        assert_eq!(error, Error::Absent);
        assert_eq!(error.exit(), Exit::Configuration);
    }

    #[test]
    fn a_signal_ends_the_wait_for_the_keyring() {
        let interrupt = Interrupt::never().expect("a pair of sockets");
        interrupt.raise();
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let waited = wait_for(&interrupt, move || {
            // It lasts until the sender is dropped.
            let _ = held.recv();
            Ok(())
        });
        assert_eq!(waited, Err(Error::Interrupted));
        drop(hold);
    }
}
