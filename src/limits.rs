//! Hard limits on what a server may send and how long it may take. A server that exceeds one ends its
//! session.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The longest status line, in octets (RFC 2449 section 4 says 512; real servers send more).
pub const STATUS_LINE: usize = 64 * 1024;

/// The longest command line that we send, in octets (RFC 2449 section 4).
pub const COMMAND_LINE: usize = 255;

/// The number of times that a server may have a password hashed (SCRAM). With fewer rounds than RFC
/// 7677 demands, an impostor could guess the password from the reply. More rounds only waste
/// processor time.
pub const SCRAM_ROUNDS: RangeInclusive<u64> = 4096..=1_000_000;

/// The age at which a server's announcements are asked for again: its software may be newer by then.
pub const SERVER_PROFILE_AGE: Duration = Duration::from_secs(24 * 3600);

/// The longest LOGIN-DELAY (RFC 2449, section 6.5) that is respected. One wrong number from a server must
/// not silence an account for longer.
pub const LOGIN_DELAY: Duration = Duration::from_secs(3600);

/// The most lines in a reply to CAPA.
pub const CAPABILITY_LINES: usize = 1_000;

/// The most octets in a reply to CAPA.
pub const CAPABILITY_OCTETS: usize = 256 * 1024;

/// The most lines in a listing.
pub const LISTING_LINES: usize = 1_000_000;

/// The most octets in the answer to UIDL or LIST.
pub const LISTING_OCTETS: usize = 128 << 20;

/// The most octets of memory for all listings of the process together, and for a single one.
pub const LISTING_MEMORY: u64 = 96 << 20;

/// The longest unique-id in octets. RFC 1939 says 70; real servers send more.
pub const UNIQUE_ID: usize = 1024;

/// The most messages under one unique-id. Some servers make unique-ids from the content, so that
/// identical messages share one.
pub const UNIQUE_ID_COPIES: usize = 10_000;

/// The greatest message number.
pub const MESSAGE_NUMBER: u32 = i32::MAX as u32;

/// The greatest size of a message that is believed, in octets. The sizes of the longest listing can
/// still be added up.
pub const CLAIMED_SIZE: u64 = 1 << 40;

/// The most sessions in one run with a server that lists a part of its mail at a time.
pub const SESSIONS: usize = 100;

/// The longest message that is received, in octets. A server that sends more is taken to never stop.
pub const MESSAGE_OCTETS: u64 = 4 << 30;

/// All addresses of a name together may take this many times the timeout of one to connect, so that a
/// name with a hundred addresses does not hold up a run for an hour.
pub const CONNECT_TIMEOUTS: u32 = 3;

/// The longest wait for each further line around a greeting.
pub const BANNER_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest wait for a reply that decides nothing: the one to QUIT if no message was marked as deleted.
pub const UNNEEDED_REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// The lowest speed, in octets a second, at which a reply that has begun may go on. A satellite phone
/// is eight times as fast, GPRS a hundred times.
pub const LOW_SPEED: u64 = 32;

/// The waiting time after which speed is judged: a connection may stall for a while.
pub const SPEED_WINDOW: Duration = Duration::from_secs(5 * 60);

/// The most that a single silence counts in it. Longer ones are a matter of the timeout.
pub const COUNTED_SILENCE: Duration = Duration::from_secs(60);

/// The waiting time of a session after which no more messages are requested. Requested ones still
/// arrive, and deletions are committed.
pub const REQUEST_TIME: Duration = Duration::from_secs(6 * 3600);

/// The longest waiting time of a session. A message of 50 MB passes through GPRS in that time.
pub const SESSION_TIME: Duration = Duration::from_secs(24 * 3600);

/// The time that a session waits, once it has retrieved everything, for a target on another machine: what such a
/// target takes by then can be deleted in the same session.
pub const LINGER: Duration = Duration::from_secs(10);

/// The time that a target on another machine has after the session has ended. What it has not taken by then waits
/// in the spool for the next run.
pub const DELIVER_TIME: Duration = Duration::from_secs(10 * 60);
