//! Tells a service manager such as systemd the state of the program (sd_notify(3)). Without one nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// Says that the start is complete.
pub(crate) fn tell_ready() {
    tell(&[NotifyState::Ready]);
}

/// Says that the configuration is being read again. [`tell_ready`] ends that.
pub(crate) fn tell_reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// Says that the program is about to end.
pub(crate) fn tell_stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Says what is going on, in one line, and that the program is alive.
pub(crate) fn tell_status(status: &str) {
    tell(&[NotifyState::Status(status), NotifyState::Watchdog]);
}

/// Returns the time within which the service manager wants to hear that the program is alive.
pub(crate) fn watchdog_time() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

fn tell(states: &[NotifyState<'_>]) {
    // A service manager that does not listen is no reason to fetch no mail.
    let _ = sd_notify::notify(states);
}
