//! The brake on logins that the server refuses again and again.

use std::cell::Cell;
use std::time::Duration;

use crate::exit::{Exit, Failure};
use crate::mail::clock::Clock;
use crate::mail::refusals::Refusals;
use crate::os::random::random;
use crate::seen::{self, Ledger};

/// Holds logins of an account back after refused ones, and counts further refusals.
pub(super) struct Brake {
    refusals: Cell<Option<Refusals>>,
    clock: Clock,
    is_released: bool,
    has_changed: Cell<bool>,
}

impl Brake {
    /// Reads what earlier runs left. A released brake holds nothing back: the user has named the account.
    pub(super) fn of(ledger: &Ledger, is_released: bool) -> Result<Self, seen::Error> {
        Ok(Self {
            refusals: Cell::new(ledger.refused_logins().last()?),
            clock: *ledger.clock(),
            is_released,
            has_changed: Cell::new(false),
        })
    }

    /// Makes a login, unless logins with this secret rest.
    ///
    /// # Errors
    /// Logins rest, which was reported before, or this one failed.
    pub(super) fn log_in<T>(
        &self,
        secret: &[u8],
        login: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let refusals = self.refusals.get();
        let rest = refusals.and_then(|refusals| refusals.rest_left(secret, &self.clock));
        if let Some(left) = rest.filter(|_| !self.is_released) {
            return Err(resting(left));
        }
        match login() {
            Ok(session) => {
                if self.refusals.take().is_some() {
                    self.has_changed.set(true);
                }
                Ok(session)
            }
            Err(failure) if failure.exit == Exit::LoginRefused => {
                let refusals = Refusals::one_more(refusals, secret, self.clock.now(), random());
                self.refusals.set(Some(refusals));
                self.has_changed.set(true);
                Err(with_rest(failure, &refusals))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Records what has changed.
    pub(super) fn record(&self, ledger: &Ledger) -> Result<(), seen::Error> {
        if !self.has_changed.get() {
            return Ok(());
        }
        ledger.refused_logins().record(self.refusals.get().as_ref())
    }
}

/// The failure of a run that makes no login.
fn resting(left: Duration) -> Failure {
    let what = format!(
        "the server has refused this password several times, so it gets no login for another {} min",
        left.as_secs().div_ceil(60)
    );
    Failure {
        was_reported: true,
        ..Failure::new(what, Exit::LoginRefused)
            .with_hint("To try it now, name the account: mailpull fetch NAME")
    }
}

/// Says that logins rest from now on.
fn with_rest(failure: Failure, refusals: &Refusals) -> Failure {
    let Some(rest) = refusals.rest() else {
        return failure;
    };
    let hours = rest.as_secs() / 3600;
    let plural = if hours == 1 { "" } else { "s" };
    let what = format!(
        "{}; after {} refusals no login is tried for {hours} hour{plural}, unless the password changes \
         or the account is named",
        failure.what, refusals.count
    );
    Failure { what, ..failure }
}
