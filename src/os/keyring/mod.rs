//! The keyring of the user's desktop: the Secret Service of D-Bus, on macOS the keychain.

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

/// A secret in the keyring, named by three attributes: the first is its service, the second its
/// user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'a> {
    attributes: [(&'a str, &'a str); 3],
}

/// The reason why the keyring cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// This program was built without it.
    #[error("this mailpull was built without the feature keyring")]
    Absent,
    /// The keyring refused the request.
    #[error("the keyring cannot be used: {0}")]
    Failed(String),
    /// A signal ended the wait.
    #[error("interrupted")]
    Interrupted,
    /// It is locked, and the user did not unlock it.
    #[error("the keyring is locked, and was not unlocked")]
    Locked,
    /// It did not answer in time, in seconds.
    #[error("the keyring did not answer within {0} s")]
    Silent(u64),
    /// No keyring is running.
    #[error("no keyring is running in this session ({0})")]
    Unreachable(String),
    /// Its secret cannot be a password.
    #[error("the secret in the keyring {0}")]
    Unusable(#[from] Unusable),
}

impl Error {
    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Absent => "Build it with --features keyring, or use password-command",
            Self::Locked => "Unlock it, and run mailpull again",
            Self::Silent(_) => "Look for a window that asks you to unlock it",
            Self::Unreachable(_) => "Log in to the desktop, or use password-command without one",
            Self::Failed(_) | Self::Interrupted | Self::Unusable(_) => return None,
        };
        Some(hint.to_owned())
    }

    /// Returns the exit status that it leads to. Most are temporary: the keyring is unlocked when
    /// its user logs in.
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
    /// Names a secret by three attributes and their values.
    pub(crate) fn new(attributes: [(&'a str, &'a str); 3]) -> Self {
        Self { attributes }
    }

    /// Finds the secret. A locked keyring asks the user to unlock it.
    ///
    /// # Errors
    /// There is no keyring, it stays locked, or a signal arrived.
    pub(crate) fn find(&self, interrupt: &Interrupt) -> Result<Option<Secret>, Error> {
        let item = self.owned();
        let found = wait_for(interrupt, move || system::find(&item))?;
        Ok(found.map(Secret::new).transpose()?)
    }

    /// Stores a secret, and replaces the one that is there. `label` is its name for the user.
    ///
    /// # Errors
    /// As for [`Item::find`].
    pub(crate) fn store(
        &self,
        label: &str,
        secret: &Secret,
        interrupt: &Interrupt,
    ) -> Result<(), Error> {
        let (item, label, secret) = (self.owned(), label.to_owned(), secret.clone());
        wait_for(interrupt, move || system::store(&item, &label, &secret))
    }

    /// Removes the secret. Returns false if there was none.
    ///
    /// # Errors
    /// As for [`Item::find`].
    pub(crate) fn remove(&self, interrupt: &Interrupt) -> Result<bool, Error> {
        let item = self.owned();
        wait_for(interrupt, move || system::remove(&item))
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
