//! mailpull: a POP3 mail fetcher that never loses a message and never delivers it twice.
//!
//! # The map
//!
//! ```text
//! main ─► cli, commands      parse the command line, run the command, exit
//!           ├─► config       the configuration, and the sources of passwords
//!           ├─► dial         from an address to a logged-in session
//!           ├─► oauth2       tokens, for accounts without a password
//!           ├─► poll         one poll of one mailbox, step by step
//!           ├─► targets      mail servers that take messages from the spool (delivery, net, smtp)
//!           │
//!           │   services, which do not use each other and are combined by a poll:
//!           ├─► pop3         the session: a blocking client on pure codecs
//!           ├─► smtp         LMTP: the same for the server that takes messages
//!           ├─► imap         IMAP: the same for the server that stores messages
//!           ├─► net          addresses, proxies, TLS
//!           ├─► delivery     Maildir, mbox, spool and MDA
//!           ├─► seen         the database: everything that mailpull remembers
//!           └─► report       events: progress bars, lines, JSON
//!                 ├─► sasl   exchanges for a login, in any protocol
//!                 └─► mail   the vocabulary: custody, headers, known messages, listings, policy
//!                       └─► os, digest, exit, hex, limits, moment, pace, text, trace    the leaves
//!                             └─► os::sys    the boundary to the operating system
//! ```
//!
//! Every module uses only modules below it; `tests/it/layers.rs` checks that.
//!
//! # The promises
//!
//! - No message is lost, and none is delivered to a Maildir twice, even if the process is killed or the
//!   power fails at any instant. A message is delivered only after the database knows it, recorded as
//!   delivered only when it is durable in its place, and deleted from the server only when that is
//!   recorded. `docs/architecture.md` has these steps as the custody order.
//! - No message is held in memory as a whole.
//! - No text of a server or a message becomes a path, an option or a command. All of it is escaped
//!   before it is shown.
//! - A password is sent only to a server that has proved its identity, and is never shown.
//!
//! # The sources
//!
//! RFC 1939 (POP3), 2449 (CAPA, response codes, PIPELINING), 2595 (STLS), 3206 (SYS, AUTH codes),
//! 4422 and 5034 (SASL), 4616 (PLAIN), 2195 (CRAM-MD5), 2831 (DIGEST-MD5), 5802 and 7677 (SCRAM), 5929
//! (channel bindings), 7628 (OAUTHBEARER), 6749, 7636, 8252 and 8628 (OAuth 2.0), 8314 (TLS from the
//! first octet), 2384 (POP URLs), 2782 and 6186 (servers by DNS); the Maildir rules of qmail; sysexits(3).

mod calendar;
mod charset;
pub mod cli;
pub mod commands;
pub mod config;
pub mod delivery;
mod dial;
pub mod digest;
pub mod exit;
mod hex;
mod hidden;
pub mod imap;
pub mod import;
pub mod limits;
pub mod mail;
pub mod moment;
pub mod net;
mod oauth2;
pub mod os;
pub mod pace;
pub mod poll;
pub mod pop3;
mod report;
pub mod rules;
mod sasl;
mod seen;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod smtp;
pub mod targets;
mod text;
pub mod trace;
