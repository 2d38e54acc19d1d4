//! The state of an account as its last runs left it.

use crate::mail::clock::ClockRecord;
use crate::moment::Moment;

/// The state of an account after its last run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct AccountStatus {
    /// The time of the last run's end, and its exit status.
    pub last_run: Option<(Moment, u8)>,
    /// The end of the last run that succeeded.
    pub last_success: Option<Moment>,
    /// The time and the text of the last error.
    pub problem: Option<(Moment, String)>,
    /// The number of runs in a row that failed.
    pub failures: u64,
    /// The server profile: the capabilities that sessions have seen.
    pub server_profile: Option<String>,
    /// The time of the last login.
    pub logged_in: Option<Moment>,
    /// The clock, as the last run found it.
    pub clock: ClockRecord,
    /// The number of messages in the spool, or staged in the Maildir.
    pub staged: u64,
    /// The number of messages that are set aside.
    pub set_aside: u64,
    /// The number of messages that the last good run left on the server.
    pub on_server: Option<u64>,
    /// The sums of all runs.
    pub totals: Totals,
}

/// The sums of all runs of an account.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Totals {
    /// The runs.
    pub runs: u64,
    /// The runs that failed.
    pub failed_runs: u64,
    /// The messages delivered.
    pub delivered: u64,
    /// Their octets.
    pub octets: u64,
    /// The messages deleted from the server.
    pub deleted: u64,
}
