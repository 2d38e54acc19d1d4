//! mailpull: a POP3 mail fetcher that never loses a message and never delivers it twice.

pub mod cli;
pub mod commands;
pub mod config;
pub mod custody;
pub mod delivery;
pub mod dial;
pub mod digest;
pub mod engine;
pub mod exit;
pub mod headers;
pub mod interrupt;
pub mod known;
pub mod maildrop;
pub mod moment;
pub mod net;
pub mod plan;
pub mod pop3;
pub mod receive;
pub mod rematch;
pub mod report;
pub mod secret;
pub mod seen;
pub mod settle;
pub mod survey;
pub mod text;
