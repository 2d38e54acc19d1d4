//! Messages are found again: their UIDs, sizes and octets (RFC 3501 section 6.3.2, 6.4.8). Nothing
//! changes by that: the mailbox is read-only, and no message becomes read.

use std::io::{self, Read, Write};

use super::code::ImapCode;
use super::decoder::{Decoded, MalformedResponse};
use super::error::{AnswerTo, Error};
use super::mailbox_name::MailboxName;
use super::response::{BodyData, Condition, ImapResponse};
use super::session::ImapSession;
use crate::limits;
use crate::pace::Paced;

/// The most octets of a header that are kept.
const HEADER_OCTETS: usize = 256 * 1024;

/// A mailbox that is open for reading.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ExaminedMailbox {
    /// The number of messages.
    pub messages: u32,
    /// UIDs mean the same as long as this number does not change.
    pub uid_validity: Option<u32>,
    /// The UID of the next message is at least this.
    pub uid_next: Option<u32>,
    /// True if UIDs are lost when the mailbox is closed (UIDNOTSTICKY).
    pub has_passing_uids: bool,
}

/// A message in a mailbox.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct StoredSize {
    /// Its UID.
    pub uid: u32,
    /// Its size in octets.
    pub octets: u64,
}

impl<S: Read + Write + Paced> ImapSession<S> {
    /// Opens a mailbox for reading.
    ///
    /// # Errors
    /// There is no such mailbox, or the session fails.
    pub fn examine(&mut self, mailbox: &MailboxName) -> Result<ExaminedMailbox, Error> {
        let mut examined = ExaminedMailbox::default();
        let command = format!("EXAMINE {mailbox}");
        self.carry_out(AnswerTo::Examine, &command, |response| match response {
            ImapResponse::Exists(messages) => examined.messages = messages,
            ImapResponse::Untagged(status) => match status.code {
                Some(ImapCode::UidValidity(number)) => examined.uid_validity = Some(number),
                Some(ImapCode::UidNext(number)) => examined.uid_next = Some(number),
                Some(ImapCode::UidNotSticky) => examined.has_passing_uids = true,
                _ => {}
            },
            _ => {}
        })?;
        Ok(examined)
    }

    /// Lists the messages of the open mailbox from a UID on, in the order of their UIDs. The first
    /// UID of a mailbox is at least 1.
    ///
    /// # Errors
    /// The server refuses, or the session fails.
    pub fn sizes_from(&mut self, first: u32) -> Result<Vec<StoredSize>, Error> {
        let mut sizes = Vec::new();
        let first = first.max(1);
        let command = format!("UID FETCH {first}:* (UID RFC822.SIZE)");
        self.carry_out(AnswerTo::Fetch, &command, |response| {
            if let ImapResponse::Fetch(data) = response
                && let (Some(uid), Some(octets)) = (data.uid, data.size)
                // Beyond the end, `*` is the last message, and the range has two ends.
                && uid >= first
            {
                sizes.push(StoredSize { uid, octets });
            }
        })?;
        sizes.sort_unstable();
        sizes.dedup_by_key(|message| message.uid);
        Ok(sizes)
    }

    /// Fetches the header of a message in the open mailbox, with CRLF as line end. Only the
    /// beginning of a very long one is kept. Returns `None` if there is no such message.
    ///
    /// # Errors
    /// The server refuses, or the session fails.
    pub fn fetch_header(&mut self, uid: u32) -> Result<Option<Vec<u8>>, Error> {
        let mut header = Vec::new();
        let fetched = self.fetch(uid, "HEADER", &mut |octets: &[u8]| {
            let room = HEADER_OCTETS - header.len();
            header.extend_from_slice(&octets[..octets.len().min(room)]);
            Ok(())
        })?;
        Ok(fetched.map(|_| header))
    }

    /// Fetches a message in the open mailbox, with CRLF as line end, and writes it to `out`.
    /// Returns its length, or `None` if there is no such message.
    ///
    /// # Errors
    /// The server refuses, `out` fails, or the session fails.
    pub fn fetch_body(&mut self, uid: u32, out: &mut impl Write) -> Result<Option<u64>, Error> {
        self.fetch(uid, "", &mut |octets| out.write_all(octets))
    }

    /// Closes the open mailbox. Nothing is deleted by that.
    ///
    /// # Errors
    /// The server refuses, or the session fails.
    pub fn unselect(&mut self) -> Result<(), Error> {
        // CLOSE deletes nothing in a mailbox that was opened for reading (RFC 3501 section 6.4.2).
        let command = match self.capabilities.unselect() {
            true => "UNSELECT",
            false => "CLOSE",
        };
        self.carry_out(AnswerTo::Unselect, command, drop).map(drop)
    }

    /// Fetches a part of a message; `each` takes its octets in pieces.
    fn fetch(
        &mut self,
        uid: u32,
        part: &str,
        each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<Option<u64>, Error> {
        let to = AnswerTo::Fetch;
        let tag = self.begin(&format!("UID FETCH {uid} (UID BODY.PEEK[{part}])"));
        self.send(to)?;
        let mut fetched = None;
        // The literal in the response that is being read.
        let mut literal = None;
        loop {
            match self.decoded(to)? {
                Decoded::Message(octets) if fetched.is_some() || literal.is_some() => {
                    return Err(self.malformed(to, MalformedResponse::UnaskedLiteral(octets)));
                }
                Decoded::Message(octets) if octets > limits::MESSAGE_OCTETS => {
                    return Err(self.malformed(to, MalformedResponse::TooLong));
                }
                Decoded::Message(octets) => {
                    let read = self.wire.message(to, octets, each);
                    read.inspect_err(|_| self.is_usable = false)?;
                    literal = Some(octets);
                }
                Decoded::Response(ImapResponse::Fetch(data)) => {
                    let is_other = data.uid != Some(uid) || fetched.is_some();
                    match (data.body, literal.take()) {
                        // Another client has changed a flag of a message.
                        (None, None) => {}
                        (Some(_), _) if is_other => return Err(self.out_of_step(to)),
                        (Some(BodyData::Streamed(_)), Some(octets)) => fetched = Some(octets),
                        (Some(BodyData::Short(octets)), None) => {
                            let kept = each(&octets).map_err(Error::Output);
                            kept.inspect_err(|_| self.is_usable = false)?;
                            fetched = Some(octets.len() as u64);
                        }
                        // The literal is something else.
                        _ => return Err(self.out_of_step(to)),
                    }
                }
                Decoded::Response(ImapResponse::Tagged(ended, answer)) if ended == tag => {
                    return match answer.condition {
                        Condition::Ok => Ok(fetched),
                        _ => Err(Error::Refused { to, answer }),
                    };
                }
                Decoded::Response(ImapResponse::Tagged(..) | ImapResponse::Continue(_)) => {
                    return Err(self.out_of_step(to));
                }
                Decoded::Response(_) => {}
            }
        }
    }
}
