//! mailpull: a POP3 mail fetcher that never loses a message and never delivers it twice.
//!
//! # The map
//!
//! `main` parses and ends with a status; [`cli`] is what was typed, [`commands`] one verb a file.
//! [`config`] is what the user configured, [`dial`] gets from an address to a logged-in session, with a
//! token of [`oauth2`] where there is no password.
//! [`engine`] is the story of one poll of one maildrop; its steps are [`survey`] (what is there),
//! [`rematch`] (is it what we know under another name), [`doubt`] (may it be here already),
//! [`receive`] (off the line, into files) and [`settle`] (durable, ours, delivered, recorded).
//!
//! Below it are services that do not know each other: [`pop3`], [`net`], [`delivery`], [`seen`] (the
//! database), [`plan`], [`attendance`] and [`report`]. They share [`custody`] (the proofs of taking charge),
//! [`headers`], [`known`], [`policy`] and [`transfer`], and all use the leaves: [`digest`], [`exit`],
//! [`interrupt`], [`keyring`], [`limits`], [`maildrop`], [`moment`], [`private`], [`providers`], [`secret`], [`shard`]
//! and [`text`]. Every
//! module uses only what is below it; `tests/it/layers.rs` is the law.
//!
//! # The promises
//!
//! A message is deleted from the server only when its delivery is recorded, recorded only when it is
//! in its place for good, and put in its place only when the database knows it; so a kill or a power
//! cut at any instant neither loses a message nor delivers it to a Maildir twice. A message is never
//! held in memory. Nothing that a server or a message says becomes a path, an option or a command,
//! and all of it is shown escaped. A password is sent only to a server that has proved who it is,
//! and never shown.
//!
//! # The sources
//!
//! RFC 1939 (POP3), 2449 (CAPA, response codes, PIPELINING), 2595 (STLS), 3206 (SYS, AUTH codes),
//! 4422 and 5034 (SASL), 4616 (PLAIN), 2195 (CRAM-MD5), 2831 (DIGEST-MD5), 5802 and 7677 (SCRAM), 5929
//! (channel bindings), 7628 (OAUTHBEARER), 6749, 7636, 8252 and 8628 (OAuth 2.0), 8314 (TLS from the first octet), 2384 (POP URLs),
//! 2782 and 6186 (servers by DNS); the Maildir rules of qmail; sysexits(3).

pub mod cli;
pub mod commands;
pub mod config;
pub mod delivery;
pub mod dial;
pub mod digest;
pub mod exit;
pub mod limits;
pub mod mail;
pub mod moment;
pub mod net;
pub mod oauth2;
pub mod os;
pub mod poll;
pub mod pop3;
pub mod report;
pub mod seen;
pub mod text;
