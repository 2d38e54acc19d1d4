//! What is believed of a server at most, in one place. Whatever exceeds it ends the session.
//! Numbers only.

/// The longest status line, in octets (RFC 2449 section 4 says 512; real servers send more).
pub const STATUS_LINE: usize = 64 * 1024;

/// The longest command line that we send, in octets (RFC 2449 section 4).
pub const COMMAND_LINE: usize = 255;

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
pub const REPETITIONS: u32 = 10_000;

/// The greatest message-number.
pub const MESSAGE_NUMBER: u32 = i32::MAX as u32;

/// The greatest size of a message that is believed, in octets, so that the sizes of a whole
/// listing can be added up.
pub const CLAIMED_SIZE: u64 = 1 << 40;

/// The most sessions of one run with a server that shows its mail in parts.
pub const SESSIONS: usize = 100;

/// The longest message that is received, in octets, whatever was claimed: beyond it the server
/// will never stop.
pub const MESSAGE: u64 = 4 << 30;
