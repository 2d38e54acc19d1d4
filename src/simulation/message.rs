//! The messages of a history.

/// A message on the server.
#[derive(Clone, Debug)]
pub(super) struct MailboxMessage {
    /// Its number among all messages that ever arrived. No server shows it.
    pub(super) id: usize,
    pub(super) unique_id: String,
    /// The octets, with LF as line end, as they are to be delivered.
    pub(super) octets: String,
}

/// The line that some servers add to the header of a message that was read.
const STATUS_LINE: &str = "Status: RO\n";

impl MailboxMessage {
    /// Writes the message with this number. No two messages have the same size.
    pub(super) fn new(id: usize) -> Self {
        let size = size(id);
        let mut octets = format!(
            "Message-ID: <{id}@example.com>\nFrom: joe@example.com\nDate: Tue, 1 Dec 2026 {:02}:{:02}:00 +0000\n\
             Subject: message {id}\n\n",
            id / 60 % 24,
            id % 60
        );
        let line = format!("line of message {id}\n");
        while octets.len() + line.len() <= size {
            octets += &line;
        }
        if octets.len() < size {
            octets += &"x".repeat(size - octets.len() - 1);
            octets.push('\n');
        }
        Self {
            id,
            unique_id: format!("u{id}"),
            octets,
        }
    }

    /// Returns the number of the message that these octets begin.
    pub(super) fn id_of(octets: &[u8]) -> Option<usize> {
        let text = std::str::from_utf8(octets).ok()?;
        let (_, rest) = text.split_once("Message-ID: <")?;
        rest.split_once('@')?.0.parse().ok()
    }

    /// Returns true if the message was marked as read.
    pub(super) fn has_status_line(&self) -> bool {
        self.octets.starts_with(STATUS_LINE)
    }

    /// Marks the message as read.
    pub(super) fn add_status_line(&mut self) {
        self.octets.insert_str(0, STATUS_LINE);
    }

    /// Returns true if these octets are the message, whether or not it was marked as read.
    pub(super) fn is(&self, octets: &[u8]) -> bool {
        without_status_line(octets) == without_status_line(self.octets.as_bytes())
    }
}

/// Returns a size for each number of a message: it is between 200 octets and 4 kB, and is another
/// one for 64 messages in a row.
fn size(id: usize) -> usize {
    200 + 60 * (id * 37 % 64)
}

fn without_status_line(octets: &[u8]) -> &[u8] {
    let line = STATUS_LINE.as_bytes();
    octets.strip_prefix(line).unwrap_or(octets)
}

/// Returns octets as a server sends them.
pub(super) fn on_the_line(octets: &str) -> String {
    octets.replace('\n', "\r\n")
}
