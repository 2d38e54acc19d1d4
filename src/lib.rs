//! mailpull: a POP3 mail fetcher that never loses a message and never delivers it twice.

pub mod cli;
pub mod config;
pub mod delivery;
pub mod dial;
pub mod exit;
pub mod net;
pub mod plan;
pub mod secret;
pub mod text;
