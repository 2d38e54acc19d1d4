//! The way to a server, told step by step to whoever looks on.
//! Does not know who that is.

use std::fmt;
use std::time::Duration;

use super::Endpoint;

/// What happened on the way to a server.
#[derive(Clone, Copy)]
pub enum ConnectStep<'a> {
    /// An address answered: the server's, or that of the proxy.
    Answered {
        /// The address.
        address: &'a dyn fmt::Display,
        /// How long it took to.
        took: Duration,
    },
    /// The proxy passed us on.
    Passed(&'a Endpoint),
    /// A program is the way.
    Started(&'a str),
    /// An address did not answer.
    Unreachable {
        /// The address.
        address: &'a dyn fmt::Display,
        /// What happened instead.
        why: &'a str,
    },
}
