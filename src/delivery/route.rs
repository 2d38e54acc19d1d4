//! The way of an account's messages: where they arrive, and the targets that take them from there.

use std::sync::Arc;

use super::{Arrivals, Maildir, Spool, Target};

/// The way of an account's messages.
#[derive(Clone)]
pub(crate) struct DeliveryRoute<'a> {
    /// The place where they arrive.
    pub arrivals: &'a dyn Arrivals,
    /// The targets. Each usual one takes every message for which no rule has chosen others.
    pub targets: Vec<RouteTarget<'a>>,
}

/// A target on the way of an account's messages.
#[derive(Clone)]
pub(crate) struct RouteTarget<'a> {
    /// The target.
    pub target: &'a dyn Target,
    /// The names by which rules choose it.
    pub names: &'a [String],
    /// True if it takes messages for which no rule has chosen others.
    pub is_usual: bool,
}

/// The way of an account's messages, opened for a run.
pub(crate) struct OpenRoute<'a> {
    arrivals: Arc<dyn Arrivals>,
    targets: Vec<OpenTarget<'a>>,
}

/// A target that was opened for a run.
pub(crate) struct OpenTarget<'a> {
    /// The target.
    pub target: Arc<dyn Target + 'a>,
    /// The names by which rules choose it.
    pub names: &'a [String],
    /// True if it takes messages for which no rule has chosen others.
    pub is_usual: bool,
}

impl DeliveryRoute<'_> {
    /// Returns the names by which the database knows the targets. A Maildir in which messages arrive has none.
    pub(crate) fn names(&self) -> Vec<&str> {
        let names = self.targets.iter();
        names
            .filter_map(|one| one.target.place().program.as_deref())
            .collect()
    }

    /// Returns true if the session does not wait until all is delivered: each target has a thread.
    pub(crate) fn has_threads(&self) -> bool {
        self.targets.len() > 1 || self.targets.iter().any(|one| one.target.is_far())
    }
}

impl<'a> OpenRoute<'a> {
    /// Returns the way into a Maildir: messages arrive where they stay.
    pub(crate) fn into_maildir(maildir: Maildir) -> Self {
        let maildir = Arc::new(maildir);
        Self {
            arrivals: maildir.clone(),
            targets: vec![OpenTarget {
                target: maildir,
                names: &[],
                is_usual: true,
            }],
        }
    }

    /// Returns the way through a spool. The usual targets come first.
    pub(crate) fn through(spool: Arc<Spool>, targets: Vec<OpenTarget<'a>>) -> Self {
        Self {
            arrivals: spool,
            targets,
        }
    }

    /// Returns the way.
    pub(crate) fn route(&self) -> DeliveryRoute<'_> {
        let targets = self.targets.iter().map(|open| RouteTarget {
            target: &*open.target,
            names: open.names,
            is_usual: open.is_usual,
        });
        DeliveryRoute {
            arrivals: &*self.arrivals,
            targets: targets.collect(),
        }
    }
}
