//! The reasons to doubt our copy of a delivered message, and the signs of a placeholder.

use crate::mail::headers::Header;

/// The reason to doubt our copy of a message. A message with one is never deleted from the server.
/// The numbers are stored.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Suspicion {
    /// There is no reason.
    #[default]
    None = 0,
    /// It came in a session whose replies may have belonged to other commands: it may be another
    /// message, or a part of one.
    OutOfStep = 1,
    /// It may be incomplete: less than half of it came, or the server sent more after its end.
    Incomplete = 2,
    /// It is a placeholder of the server. The server keeps the message itself.
    Placeholder = 3,
    /// It may be incomplete, and two more downloads were no better.
    Unsettled = 4,
    /// It may be incomplete or another message. It is shorter than listed, and at least half of it came; or it is
    /// much longer than listed.
    Short = 5,
    /// It may be incomplete, and a second download was no better. A third one decides.
    Recurring = 6,
}

impl Suspicion {
    /// All reasons.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::OutOfStep,
        Self::Incomplete,
        Self::Placeholder,
        Self::Unsettled,
        Self::Short,
        Self::Recurring,
    ];

    /// Returns true if a later session fetches the message once more, to compare it.
    pub fn asks_for_comparison(self) -> bool {
        self == Self::OutOfStep || self.is_incomplete()
    }

    /// Returns true if our copy may be a part of the message.
    pub fn is_incomplete(self) -> bool {
        matches!(self, Self::Incomplete | Self::Short | Self::Recurring)
    }

    /// Returns the suspicion after a comparison that had a fault, too. Two accidents in a row can meet one
    /// message, but a server that answers so each time must not break sessions for ever.
    pub fn after_another_fault(self) -> Self {
        match self {
            Self::Incomplete | Self::Short => Self::Recurring,
            Self::Recurring => Self::Unsettled,
            Self::None | Self::OutOfStep => Self::Incomplete,
            other => other,
        }
    }

    /// Returns why the message stays on the server, for the user.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::OutOfStep => Some("may be another message"),
            Self::Incomplete | Self::Recurring => Some("may be incomplete"),
            Self::Placeholder => Some(
                "is a placeholder for a message that the server could not send; it stays there",
            ),
            Self::Unsettled => {
                Some("may be incomplete, also after a third download; it stays on the server")
            }
            Self::Short => Some("does not have the size that the server lists"),
        }
    }

    /// Returns the suspicion that a message deserves by its header alone.
    ///
    /// Exchange sends a message of its own instead of one that it cannot convert, and keeps that one.
    /// Subject: `Retrieval using the IMAP4 protocol failed for the following message: 752`, or POP3;
    /// From: `Microsoft Exchange Server`, some versions with a year. The subject alone is enough. In
    /// another language it names the protocol, too, so there the sender decides.
    pub fn of_header(header: &Header) -> Self {
        let subject = header.subject.as_octets().trim_ascii_start();
        let names_protocol = |subject: &[u8]| {
            [&b"POP3"[..], b"IMAP4"]
                .iter()
                .any(|protocol| memchr::memmem::find(subject, protocol).is_some())
        };
        let is_english = subject
            .strip_prefix(b"Retrieval using the ")
            .is_some_and(|rest| {
                let said = b" protocol failed for the following message";
                memchr::memmem::find(rest, said).is_some_and(|at| at <= "IMAP4rev1".len())
            });
        let sender = header.from.as_octets().trim_ascii_start();
        let sender = sender.strip_prefix(b"\"").unwrap_or(sender);
        let is_of_exchange = sender.starts_with(b"Microsoft Exchange Server");
        if is_english || is_of_exchange && names_protocol(subject) {
            Self::Placeholder
        } else {
            Self::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::headers::HeaderReader;

    fn of(header: &str) -> Suspicion {
        let mut reader = HeaderReader::default();
        reader.push(header.as_bytes());
        Suspicion::of_header(&reader.finish())
    }

    #[test]
    fn two_more_faults_settle_that_a_message_stays() {
        for first in [Suspicion::Incomplete, Suspicion::Short] {
            let second = first.after_another_fault();
            assert!(second.asks_for_comparison());
            assert_eq!(second.after_another_fault(), Suspicion::Unsettled);
        }
        // That was the first sign of a part.
        let first = Suspicion::OutOfStep.after_another_fault();
        assert_eq!(first, Suspicion::Incomplete);
    }

    #[test]
    fn a_placeholder_is_known_by_its_subject_or_its_sender() {
        for header in [
            "Subject: Retrieval using the POP3 protocol failed for the following message: 12\n\n",
            "Subject: Retrieval using the IMAP4 protocol failed for the following message:\n 752\n\n",
            "From: \"Microsoft Exchange Server 2010\"\nSubject: Nachricht 7 (POP3)\n\n",
            "From: Microsoft Exchange Server\nSubject: IMAP4: 3\n\n",
        ] {
            assert_eq!(of(header), Suspicion::Placeholder, "{header}");
        }
        for header in [
            "",
            "Subject: Re: Retrieval using the POP3 protocol failed for the following message: 1\n\n",
            "Subject: Retrieval using the car failed for the following message\n\n",
            "From: Microsoft Exchange Server\nSubject: Your mailbox is full\n\n",
            "From: Ann <ann@example.org>\nSubject: POP3\n\n",
        ] {
            assert_eq!(of(header), Suspicion::None, "{header}");
        }
    }
}
