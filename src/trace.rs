//! The trace of a conversation with a server, for `-vv`.

use std::fmt;

/// Is called for each line of the conversation, without its secrets. The lines of a message are not
/// shown.
pub type Trace = Box<dyn FnMut(Direction, &dyn fmt::Display) + Send>;

/// The direction of a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// From mailpull to the server.
    Client,
    /// From the server to mailpull.
    Server,
}
