//! The way of an account's messages: where they arrive, and the target that takes them from there.

use std::sync::Arc;

use super::{Arrivals, Maildir, Spool, Target};

/// The way of an account's messages.
#[derive(Clone, Copy)]
pub(crate) struct DeliveryRoute<'a> {
    /// The place where they arrive.
    pub arrivals: &'a dyn Arrivals,
    /// The target that takes them.
    pub target: &'a dyn Target,
}

/// The way of an account's messages, opened for a run.
pub(crate) struct OpenRoute<'a> {
    arrivals: Arc<dyn Arrivals>,
    target: Arc<dyn Target + 'a>,
}

impl<'a> OpenRoute<'a> {
    /// Returns the way into a Maildir: messages arrive where they stay.
    pub(crate) fn into_maildir(maildir: Maildir) -> Self {
        let maildir = Arc::new(maildir);
        Self {
            arrivals: maildir.clone(),
            target: maildir,
        }
    }

    /// Returns the way through a spool.
    pub(crate) fn through(spool: Arc<Spool>, target: impl Target + 'a) -> Self {
        Self {
            arrivals: spool,
            target: Arc::new(target),
        }
    }

    /// Returns the way.
    pub(crate) fn route(&self) -> DeliveryRoute<'_> {
        DeliveryRoute {
            arrivals: &*self.arrivals,
            target: &*self.target,
        }
    }
}
