//! The steps of a connection, for those who watch it.

use std::fmt;
use std::time::Duration;

use super::Endpoint;

/// A step on the way to a server.
#[derive(Clone, Copy)]
pub(crate) enum ConnectStep<'a> {
    /// An address of the server or of the proxy answered.
    Answered {
        /// The address.
        address: &'a dyn fmt::Display,
        /// The time until it answered.
        took: Duration,
    },
    /// The proxy connected to the server.
    Passed(&'a Endpoint),
    /// The program of the tunnel was started.
    Started(&'a str),
    /// An address did not accept the connection.
    Unreachable {
        /// The address.
        address: &'a dyn fmt::Display,
        /// The reason.
        why: &'a str,
    },
}
