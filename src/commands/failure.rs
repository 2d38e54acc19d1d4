//! Makes failures, as the user sees them, of the errors of the layers below.

use crate::exit::Failure;
use crate::{config, delivery, dial, oauth2, poll, seen};

/// Implements `From` for errors that have a hint and an exit status.
macro_rules! failure_from {
    ($($error:ty),+ $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self {
                    what: error.to_string(),
                    hint: error.hint(),
                    exit: error.exit(),
                    was_reported: false,
                }
            }
        }
    )+};
}

failure_from!(
    config::Error,
    config::password::Error,
    delivery::Error,
    dial::Error,
    oauth2::Error,
    poll::survey::Error,
    poll::top::Error,
    seen::Error,
);

impl From<poll::Error> for Failure {
    fn from(error: poll::Error) -> Self {
        Self {
            what: error.to_string(),
            hint: error.hint(),
            exit: error.exit(),
            was_reported: error.was_reported(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_failed_connection_keeps_its_hint_status_and_notice() {
        let cause = Failure {
            was_reported: true,
            ..Failure::new("no", Exit::LoginRefused).with_hint("Sign in again")
        };
        assert_eq!(Failure::from(poll::Error::Connect(cause.clone())), cause);
    }
}
