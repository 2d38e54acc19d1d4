//! `metrics-file`: the state of all accounts as OpenMetrics text, written after each run.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process;

use super::Context;
use crate::exit::{Exit, Failure};
use crate::os::replace_file::{Secrecy, replace};
use crate::report::{Event, metrics};
use crate::seen::{self, StateFolder};

/// The file, and what is needed to write it.
pub(super) struct MetricsFile<'a> {
    pub(super) path: PathBuf,
    pub(super) folder: &'a StateFolder,
    pub(super) context: &'a Context<'a>,
}

impl MetricsFile<'_> {
    /// Writes the file. A failure is only a warning: the mail is fetched in any case.
    pub(super) fn write(&self) {
        if let Err(failure) = self.try_write() {
            let reporter = self.context.reporter("");
            reporter.report(Event::Warning(&failure));
        }
    }

    fn try_write(&self) -> Result<(), Failure> {
        let statuses = seen::account_statuses(self.folder)?;
        let mut accounts: Vec<_> = self.context.with_configured_names(|names| {
            let is_configured = |name: &str| names.contains(name);
            let known = statuses.iter().map(|(name, status)| (&**name, status));
            known.filter(|(name, _)| is_configured(name)).collect()
        })?;
        accounts.sort_unstable_by_key(|(name, _)| *name);
        let text = metrics::metrics(&accounts);
        let next = next_to(&self.path);
        replace(&self.path, &next, text.as_bytes(), Secrecy::Public).map_err(|error| {
            let path = self.path.display();
            Failure::new(
                format!("cannot write the metrics-file {path}: {error}"),
                Exit::LocalIo,
            )
        })
    }
}

/// Returns a free name in the same folder. The node exporter of Prometheus reads only names that end with
/// `.prom`.
fn next_to(path: &Path) -> PathBuf {
    let mut next = OsString::from(path);
    next.push(format!(".{}.new", process::id()));
    next.into()
}
