//! Failures of different messages at one step, with no success between them. Pure.
//!
//! One message that fails is at fault itself. Three different ones that fail alike, while none
//! succeeds, have a common cause: the server, or the target.

use crate::mail::maildrop::{Identity, UniqueId};

/// This many different messages that fail alike, while none succeeds, have a common cause.
pub(crate) const ALIKE: usize = 3;

/// Messages that failed since the last success.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streak {
    failed: Vec<(Identity, String)>,
    alikeness: Alikeness,
}

/// The condition under which failures are alike.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Alikeness {
    /// They have the same reason.
    #[default]
    SameReason,
    /// Any two are: nothing has ever succeeded there.
    Any,
}

impl Streak {
    /// Creates a streak of failures that earlier runs left, each with its reason.
    pub(crate) fn new(failed: Vec<(Identity, String)>, alikeness: Alikeness) -> Self {
        Self { failed, alikeness }
    }

    /// Notes that a message failed. `reason` has no part that differs from message to message.
    pub(crate) fn fail(&mut self, identity: &Identity, reason: &str) {
        // Once there is a common cause, more failures prove nothing more.
        let is_settled = self.has_common_cause(reason);
        match self.failed.iter_mut().find(|(other, _)| other == identity) {
            Some((_, before)) => reason.clone_into(before),
            None if is_settled => {}
            None => self.failed.push((identity.clone(), reason.to_owned())),
        }
    }

    /// Notes that a message succeeded.
    pub(crate) fn succeed(&mut self) {
        self.failed.clear();
        self.alikeness = Alikeness::SameReason;
    }

    /// Returns true if so many messages failed for this reason that it has a common cause.
    pub(crate) fn has_common_cause(&self, reason: &str) -> bool {
        let is_alike =
            |(_, other): &&(Identity, String)| self.alikeness == Alikeness::Any || other == reason;
        self.failed.iter().filter(is_alike).count() >= ALIKE
    }

    /// Returns true if the last failures have a common cause.
    pub(crate) fn is_common(&self) -> bool {
        self.failed
            .iter()
            .any(|(_, reason)| self.has_common_cause(reason))
    }
}

/// Returns a server's refusal of a message without what is particular to this message: its unique-id,
/// quoted text such as a subject, and words with digits or `@` in them, such as numbers, times and
/// addresses.
pub(crate) fn common_part(refusal: &str, unique_id: &UniqueId) -> String {
    let unique_id = unique_id.to_string();
    let is_particular = |word: &str| {
        word.contains(|c: char| c.is_ascii_digit() || c == '@' || c == QUOTED)
            || word.trim_matches(|c: char| !c.is_alphanumeric()) == unique_id
            || unique_id.len() >= LONG && word.contains(&unique_id)
    };
    without_quoted(refusal)
        .split_whitespace()
        .map(|word| match is_particular(word) {
            true => "#".to_owned(),
            false => word.to_lowercase(),
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// A unique-id of this many octets is no part of a usual word.
const LONG: usize = 4;
/// Stands for a quoted text. Texts of servers have no control characters.
const QUOTED: char = '\0';

/// Returns a text with one character for each part between double quotes or angle brackets.
fn without_quoted(text: &str) -> String {
    let mut short = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find(['"', '<']) {
        let end = if rest[begin..].starts_with('"') {
            '"'
        } else {
            '>'
        };
        let Some(length) = rest[begin + 1..].find(end) else {
            break;
        };
        short.push_str(&rest[..begin]);
        short.push(QUOTED);
        rest = &rest[begin + 1 + length + 1..];
    }
    short + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(refusal: &str, unique_id: &str) -> String {
        common_part(refusal, &UniqueId::new(unique_id.as_bytes()).unwrap())
    }

    #[test]
    fn two_refusals_are_alike_but_for_what_names_the_message() {
        for (one, other) in [
            ("message 1 is locked", "message 2 is locked"),
            (
                "quota exceeded for message abcd",
                "quota exceeded for message wxyz",
            ),
            ("cannot open /mail/abcd.msg", "cannot open /mail/wxyz.msg"),
            ("cannot open (abcd)", "cannot open (wxyz)"),
            ("\"Hello\" is too old", "\"News of the week\" is too old"),
            ("<a@example.org> is blocked", "<News list> is blocked"),
            (
                "the sender jan@example.org waits",
                "the sender eva@example.com waits",
            ),
            ("try after 10:30", "try after 11:15"),
        ] {
            assert_eq!(part(one, "abcd"), part(other, "wxyz"), "{one:?}");
        }
    }

    #[test]
    fn two_refusals_in_other_words_are_not_alike() {
        for (one, other) in [
            ("message is locked", "message is damaged"),
            ("a \"first\" mistake", "a \"second\" error"),
            ("an open \" quote", "an open \" end"),
        ] {
            assert_ne!(part(one, "x"), part(other, "x"), "{one:?}");
        }
    }

    #[test]
    fn a_short_unique_id_is_no_part_of_a_word() {
        assert_eq!(part("no such message", "s"), "no such message");
    }
}
