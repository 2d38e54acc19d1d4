//! Where messages go.
//! Knows nothing of servers or of the database.

use std::path::PathBuf;

pub mod mda;

/// Where an account's messages go.
#[derive(Clone, Debug)]
pub enum Destination {
    /// A Maildir: its absolute path.
    Maildir(PathBuf),
    /// A program that reads one message on its standard input.
    Mda(mda::Options),
}
