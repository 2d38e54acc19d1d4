//! The sum of the sizes of all messages in a maildrop (STAT, RFC 1939 section 5).

/// The number of messages and the sum of their sizes, as STAT reports them. They are no more than a
/// sign that something has changed: some servers count other octets than in the scan listing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum MaildropTotal {
    /// The server was not asked.
    #[default]
    NotAsked,
    /// The server refused, or its answer is invalid.
    Unknown,
    /// The server's answer.
    Known {
        /// The number of messages.
        messages: u64,
        /// The sum of their sizes in octets.
        octets: u64,
    },
}
