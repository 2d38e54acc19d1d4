//! What is believed of a server at most, and how long it may take, in one place. Whatever exceeds it
//! ends the session.
//! Numbers only.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The longest status line, in octets (RFC 2449 section 4 says 512; real servers send more).
pub const STATUS_LINE: usize = 64 * 1024;

/// The longest command line that we send, in octets (RFC 2449 section 4).
pub const COMMAND_LINE: usize = 255;

/// How often SCRAM may have a password hashed. Fewer rounds than RFC 7677 demands make it easy to
/// guess for whoever pretends to be the server; more keep the processor busy for the server's fun.
pub const SCRAM_ROUNDS: RangeInclusive<u64> = 4096..=1_000_000;

/// How long what a server announced is relied on: it may have learned something since.
pub const SERVER_PROFILE_AGE: Duration = Duration::from_secs(24 * 3600);

/// The longest pause between two logins that a server may ask for.
pub const LOGIN_DELAY: Duration = Duration::from_secs(24 * 3600);

/// The most lines of capabilities.
pub const CAPABILITY_LINES: usize = 1_000;

/// The most octets of capabilities.
pub const CAPABILITY_OCTETS: usize = 256 * 1024;

/// The most lines of a listing.
pub const LISTING_LINES: usize = 1_000_000;

/// The most octets of a listing.
pub const LISTING_OCTETS: usize = 128 << 20;

/// The longest unique-id in octets. RFC 1939 says 70; real servers send more.
pub const UNIQUE_ID: usize = 1024;

/// The most messages under one unique-id. Some servers make unique-ids of contents, so that
/// identical messages share theirs.
pub const UNIQUE_ID_COPIES: u32 = 10_000;

/// The greatest message-number.
pub const MESSAGE_NUMBER: u32 = i32::MAX as u32;

/// The greatest size of a message that is believed, in octets, so that the sizes of a whole
/// listing can be added up.
pub const CLAIMED_SIZE: u64 = 1 << 40;

/// The most sessions of one run with a server that shows its mail in parts.
pub const SESSIONS: usize = 100;

/// The longest message that is received, in octets, whatever was claimed: beyond it the server
/// will never stop.
pub const MESSAGE_OCTETS: u64 = 4 << 30;

/// So many times the time-out of one address, all addresses of a name may take together to
/// connect: one that has a hundred must not keep a run for an hour.
pub const CONNECT_TIMEOUTS: u32 = 3;

/// The fewest octets a second at which an answer that has begun may go on. A satellite telephone
/// has eight times as many, GPRS a hundred times.
pub const LOW_SPEED: u64 = 32;

/// How long waits have to come to before their speed is judged: a line may stall for a while.
pub const SPEED_WINDOW: Duration = Duration::from_secs(5 * 60);

/// What one silence counts at most in it. A longer one is the affair of the time-out.
pub const COUNTED_SILENCE: Duration = Duration::from_secs(60);

/// How long the waits of a session may be together before no more messages are asked for: what was
/// asked for still comes, and deletions are committed.
pub const REQUEST_TIME: Duration = Duration::from_secs(6 * 3600);

/// How long they may be at all. A message of 50 MB comes through GPRS in that time.
pub const SESSION_TIME: Duration = Duration::from_secs(24 * 3600);
