//! The way of an account's messages: where they arrive, and the targets that take them from there.

use std::sync::Arc;

use super::{Arrivals, Maildir, Spool, Target};

/// The way of an account's messages.
#[derive(Clone)]
pub(crate) struct DeliveryRoute<'a> {
    /// The place where they arrive.
    pub arrivals: &'a dyn Arrivals,
    /// The targets. Each of them takes every message.
    pub targets: Vec<&'a dyn Target>,
}

/// The way of an account's messages, opened for a run.
pub(crate) struct OpenRoute<'a> {
    arrivals: Arc<dyn Arrivals>,
    targets: Vec<Arc<dyn Target + 'a>>,
}

impl DeliveryRoute<'_> {
    /// Returns the names by which the database knows the targets. A Maildir in which messages arrive has none.
    pub(crate) fn names(&self) -> Vec<&str> {
        let names = self.targets.iter();
        names
            .filter_map(|target| target.place().program.as_deref())
            .collect()
    }

    /// Returns true if the session does not wait until all is delivered: each target has a thread.
    pub(crate) fn has_threads(&self) -> bool {
        self.targets.len() > 1 || self.targets.iter().any(|target| target.is_far())
    }
}

impl<'a> OpenRoute<'a> {
    /// Returns the way into a Maildir: messages arrive where they stay.
    pub(crate) fn into_maildir(maildir: Maildir) -> Self {
        let maildir = Arc::new(maildir);
        Self {
            arrivals: maildir.clone(),
            targets: vec![maildir],
        }
    }

    /// Returns the way through a spool.
    pub(crate) fn through(spool: Arc<Spool>, targets: Vec<Arc<dyn Target + 'a>>) -> Self {
        Self {
            arrivals: spool,
            targets,
        }
    }

    /// Returns the way.
    pub(crate) fn route(&self) -> DeliveryRoute<'_> {
        DeliveryRoute {
            arrivals: &*self.arrivals,
            targets: self.targets.iter().map(|target| &**target as _).collect(),
        }
    }
}
