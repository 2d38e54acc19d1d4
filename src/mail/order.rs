//! The user's order to delete a message from the server, and the decision whether a listed message
//! is still the one that was meant. Pure.

use crate::mail::maildrop::UniqueId;
use crate::mail::same_header::ListedHeader;

/// An order to delete a message, which need not have been fetched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct DeletionOrder {
    /// The message's unique-id. It was listed once.
    pub unique_id: UniqueId,
    /// The message's size in octets, as LIST reported it then.
    pub size: Option<u64>,
    /// The message's header; `None` if the server has not shown it.
    pub header: Option<ListedHeader>,
    /// True if the message may be deleted already: QUIT was not answered after its DELE.
    pub quit_was_unanswered: bool,
}

/// The result of comparing a listed message with an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum OrderVerdict {
    /// The message is the one that was meant.
    SameMessage,
    /// The unique-id belongs to another message now.
    OtherMessage,
    /// It may be either.
    Unproven,
}

/// The facts that decide how much a unique-id and a size prove.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ListingTrust {
    /// True if the server may use the unique-id for another message.
    pub may_reuse_unique_id: bool,
    /// True if the sizes in this listing can tell messages apart.
    pub sizes_tell: bool,
    /// True if the server changes the sizes of its messages.
    pub sizes_change: bool,
    /// True if this may be another mailbox than before.
    pub is_other_mailbox: bool,
}

impl DeletionOrder {
    /// Decides about the message that is listed once under the order's unique-id. Nothing can be
    /// compared but its size and its header, because it is not to be retrieved.
    pub(crate) fn judge(
        &self,
        size: Option<u64>,
        header: Option<&ListedHeader>,
        trust: ListingTrust,
    ) -> OrderVerdict {
        let is_resized = self.size.zip(size).is_some_and(|(then, now)| then != now);
        if is_resized && !trust.sizes_change {
            return OrderVerdict::OtherMessage;
        }
        let may_reuse_unique_id = trust.may_reuse_unique_id || self.quit_was_unanswered;
        let is_proven = match (&self.header, header) {
            (Some(then), Some(now)) if !now.is_same_as(then) => {
                return OrderVerdict::OtherMessage;
            }
            (Some(_), Some(now)) => !(may_reuse_unique_id && now.may_be_of_many()),
            _ => {
                let has_its_size = self.size.is_some() && self.size == size;
                has_its_size && trust.sizes_tell && !may_reuse_unique_id && !trust.is_other_mailbox
            }
        };
        match is_proven {
            true => OrderVerdict::SameMessage,
            false => OrderVerdict::Unproven,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::same_header::tests::listed;

    const LETTER: &str = "Message-ID: <1@example.org>\nDate: Mon, 1 Jun 2026 10:00:00 +0200\n\
                          From: Ann <ann@example.org>\nSubject: lunch\n";
    const OTHER: &str = "Message-ID: <2@example.org>\nDate: Mon, 1 Jun 2026 10:00:00 +0200\n\
                         From: Ann <ann@example.org>\nSubject: lunch\n";
    const ALARM: &str = "From: alarm\nSubject: smoke\n";

    const GOOD: ListingTrust = ListingTrust {
        may_reuse_unique_id: false,
        sizes_tell: true,
        sizes_change: false,
        is_other_mailbox: false,
    };
    const REUSES: ListingTrust = ListingTrust {
        may_reuse_unique_id: true,
        ..GOOD
    };

    fn order(size: Option<u64>, header: Option<&str>) -> DeletionOrder {
        DeletionOrder {
            unique_id: UniqueId::new(b"a").expect("the unique-id is valid"),
            size,
            header: header.map(listed),
            quit_was_unanswered: false,
        }
    }

    #[test]
    fn a_header_decides_about_an_order() {
        use OrderVerdict::{OtherMessage, SameMessage, Unproven};
        let read = format!("Status: RO\n{ALARM}");
        let unread = format!("Status: O\n{ALARM}");
        for (then, now, trust, expected) in [
            (LETTER, LETTER, GOOD, SameMessage),
            (LETTER, LETTER, REUSES, SameMessage),
            (LETTER, OTHER, GOOD, OtherMessage),
            (ALARM, ALARM, GOOD, SameMessage),
            (ALARM, &read, GOOD, SameMessage),
            (&unread, &read, GOOD, SameMessage),
            (&unread, ALARM, GOOD, SameMessage),
            (ALARM, ALARM, REUSES, Unproven),
            (ALARM, &ALARM.replace("smoke", "fire"), GOOD, OtherMessage),
            // From and Subject alone prove nothing.
            (&read, &format!("{read}X-Room: 2\n"), GOOD, OtherMessage),
        ] {
            let order = order(Some(5), Some(then));
            let verdict = order.judge(Some(5), Some(&listed(now)), trust);
            assert_eq!(verdict, expected, "{then} {now} {trust:?}");
        }
    }

    #[test]
    fn another_size_means_another_message() {
        let header = listed(LETTER);
        let order = order(Some(5), Some(LETTER));
        let changing = ListingTrust {
            sizes_change: true,
            ..GOOD
        };
        for (size, trust, expected) in [
            (Some(6), GOOD, OrderVerdict::OtherMessage),
            (Some(6), changing, OrderVerdict::SameMessage),
            (None, GOOD, OrderVerdict::SameMessage),
        ] {
            assert_eq!(order.judge(size, Some(&header), trust), expected);
        }
    }

    #[test]
    fn an_unanswered_quit_puts_a_unique_id_in_doubt() {
        for (then, expected) in [
            (Some(LETTER), OrderVerdict::SameMessage),
            (Some(ALARM), OrderVerdict::Unproven),
            (None, OrderVerdict::Unproven),
        ] {
            let order = DeletionOrder {
                quit_was_unanswered: true,
                ..order(Some(5), then)
            };
            let header = then.map(listed);
            assert_eq!(order.judge(Some(5), header.as_ref(), GOOD), expected);
        }
    }

    #[test]
    fn a_size_alone_proves_little() {
        use OrderVerdict::{OtherMessage, SameMessage, Unproven};
        let doubtful = [
            REUSES,
            ListingTrust {
                sizes_tell: false,
                ..GOOD
            },
            ListingTrust {
                is_other_mailbox: true,
                ..GOOD
            },
        ];
        for (then, now, trust, expected) in [
            (Some(5), Some(5), GOOD, SameMessage),
            (Some(5), Some(6), GOOD, OtherMessage),
            (Some(5), None, GOOD, Unproven),
            (None, Some(5), GOOD, Unproven),
            (None, None, GOOD, Unproven),
            (Some(5), Some(5), doubtful[0], Unproven),
            (Some(5), Some(5), doubtful[1], Unproven),
            (Some(5), Some(5), doubtful[2], Unproven),
        ] {
            assert_eq!(order(then, None).judge(now, None, trust), expected);
            // The server has shown the header before, and does not show it now.
            assert_eq!(order(then, Some(LETTER)).judge(now, None, trust), expected);
        }
    }
}
