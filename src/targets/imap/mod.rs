//! Delivery into a folder of an IMAP server (RFC 3501). The server is told nothing about us but the
//! message, and can be asked after a crash which messages it has: none is stored twice.

use std::io::Seek;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::delivery::{Recall, Sighting, Spool, Target, read_header};
use crate::digest::Digest;
use crate::imap::{Fate, ImapSession, InternalDate, MailboxName, MessageUid, OutgoingMessage};
use crate::mail::custody::{Delivered, NotDelivered, Outcome, Staged, TargetPlace};
use crate::mail::handover::{Claims, Location};
use crate::mail::wire_form::MessageMeasure;
use crate::moment::Moment;
use crate::net::Stream;
use crate::os::sys::{File, Instant};
use crate::text::ServerText;

mod dialer;
mod error;
mod options;
mod search;

pub(crate) use dialer::ImapDialer;
pub(crate) use error::Error;
pub(crate) use options::INBOX;
pub(crate) use options::ImapOptions;

pub(crate) use crate::imap::MailboxStatus;

/// The time after a signal during which messages may still be handed over.
const START_TIMEOUT: Duration = Duration::from_secs(1);
/// A connection that was not used for this long is closed: servers close idle ones after some minutes.
const IDLE_TIME: Duration = Duration::from_secs(30);
/// The time for which a server may go on storing a message after its connection was lost. It is longer than
/// Dovecot waits for a lock (2 to 3 minutes) and Linux repeats what the other end has not confirmed.
const SETTLING: Duration = Duration::from_secs(5 * 60);
/// The most messages between two records.
const GROUP: usize = 64;
/// The most octets that are sent before the answers are awaited. With MULTIAPPEND a refusal of one message
/// means that all are sent again.
const FLIGHT_OCTETS: u64 = 16 * 1024 * 1024;

/// A folder of an IMAP server that takes messages from a spool.
pub(crate) struct Imap<'a> {
    spool: Arc<Spool>,
    place: TargetPlace,
    dialer: ImapDialer<'a>,
    open: Mutex<Connected>,
}

/// The connection to the server.
enum Connected {
    /// There is none.
    No,
    /// Messages can be stored.
    Yes(Box<OpenFolder>),
    /// There can be none in this run: the server refuses us, and would count another try.
    Refused(NotDelivered),
}

/// A session in which messages can be stored.
struct OpenFolder {
    session: ImapSession<Stream>,
    mailbox: MailboxName,
    /// The location of the next message at the earliest.
    next: MessageUid,
    /// The most octets that a message may have.
    limit: Option<u64>,
    since: Instant,
}

impl<'a> Imap<'a> {
    /// The server is called when there is a message for it.
    pub(crate) fn new(dialer: ImapDialer<'a>, spool: Arc<Spool>) -> Self {
        Self {
            place: spool.place_of(dialer.options.to_string()),
            spool,
            dialer,
            open: Mutex::new(Connected::No),
        }
    }

    /// Takes the session of the last messages if it is still of use, or a new one.
    fn take_folder(&self) -> Result<Box<OpenFolder>, NotDelivered> {
        match std::mem::replace(&mut *self.connected(), Connected::No) {
            Connected::Refused(refusal) => {
                *self.connected() = Connected::Refused(refusal.clone());
                return Err(refusal);
            }
            Connected::Yes(folder) => {
                // Whatever has arrived was not asked for: mostly the server has closed the connection.
                if folder.since.elapsed() < IDLE_TIME && folder.session.stream().is_quiet() {
                    return Ok(folder);
                }
                folder.session.logout();
            }
            Connected::No => {}
        }
        let opened = self.open_folder();
        opened.map(Box::new).map_err(|error| {
            let refusal = error.not_delivered();
            if !refusal.exit.is_transient() {
                *self.connected() = Connected::Refused(refusal.clone());
            }
            refusal
        })
    }

    fn open_folder(&self) -> Result<OpenFolder, Error> {
        let options = self.dialer.options;
        let mut session = self.dialer.open(&|_| {})?;
        let (mailbox, status) = locate(options, &mut session)?;
        Ok(OpenFolder {
            next: MessageUid {
                uid_validity: status.uid_validity.unwrap_or_default(),
                uid: status.uid_next.unwrap_or(1),
            },
            limit: status
                .append_limit
                .or(session.capabilities().append_limit()),
            session,
            mailbox,
            since: Instant::now(),
        })
    }

    /// Keeps a session for the next messages.
    fn put_back(&self, mut folder: Box<OpenFolder>) {
        if folder.session.is_usable() {
            folder.since = Instant::now();
            *self.connected() = Connected::Yes(folder);
        }
    }

    fn connected(&self) -> MutexGuard<'_, Connected> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message on its way to the server.
struct Outgoing {
    staged: Staged,
    measure: MessageMeasure,
    arrival: Option<InternalDate>,
    file: File,
}

/// A message that was looked at before it is sent.
enum Prepared {
    /// It can be sent.
    Ready(Outgoing),
    /// It is not sent.
    Settled(Outcome),
}

impl Imap<'_> {
    /// Reads what the server is told before a message.
    fn prepare(&self, staged: Staged, limit: Option<u64>) -> Prepared {
        match self.spool.read(&staged) {
            Ok(Some(mut file)) => match self.measured(&mut file, limit) {
                Ok((measure, arrival)) => Prepared::Ready(Outgoing {
                    staged,
                    measure,
                    arrival,
                    file,
                }),
                Err(error) => Prepared::Settled(staged.kept(error.not_delivered())),
            },
            Ok(None) => Prepared::Settled(staged.lost()),
            Err(error) => Prepared::Settled(staged.kept(error.not_delivered())),
        }
    }

    /// Measures a message, and finds out when it arrived.
    fn measured(
        &self,
        file: &mut File,
        limit: Option<u64>,
    ) -> Result<(MessageMeasure, Option<InternalDate>), Error> {
        let arrival = read_header(file)?.finish_arrival(Moment::now());
        let arrival = arrival.and_then(|Moment(seconds)| InternalDate::new(seconds, 0));
        let measure = MessageMeasure::of(file)?;
        file.rewind()?;
        match limit.filter(|limit| measure.octets > *limit) {
            None => Ok((measure, arrival)),
            Some(limit) => Err(Error::TooLarge {
                target: self.dialer.options.to_string(),
                octets: measure.octets,
                limit,
            }),
        }
    }

    /// Stores messages in one flight.
    fn store(&self, folder: &mut OpenFolder, messages: Vec<Outgoing>) -> Vec<Outcome> {
        let options = self.dialer.options;
        let (mut staged, mut sent) = (Vec::new(), Vec::new());
        for Outgoing {
            staged: message,
            measure,
            arrival,
            file,
        } in messages
        {
            staged.push(message);
            sent.push(OutgoingMessage {
                measure,
                internal_date: arrival,
                message: file,
            });
        }
        let flight = folder.session.append_all(&folder.mailbox, sent);
        let error = flight.error.map(|source| Error::session(options, source));
        let mut alone = Vec::new();
        let mut outcomes = Vec::with_capacity(staged.len());
        for (staged, fate) in staged.into_iter().zip(flight.fates) {
            match fate {
                Fate::Stored(appended) => {
                    if let Some(uid) = appended.uid {
                        folder.note(uid);
                    }
                    let location = appended.uid.map(location);
                    let said = match location {
                        Some(_) => ServerText::default(),
                        None => ServerText::new(appended.answer.to_string().as_bytes()),
                    };
                    let delivered = Delivered::new(staged, said).at(location);
                    outcomes.push(Outcome::Delivered(delivered));
                }
                Fate::Refused(answer) => {
                    let error = Error::refused(options, answer);
                    outcomes.push(staged.kept(error.not_delivered()));
                }
                Fate::InDoubt => {
                    let why = error.as_ref().map_or_else(
                        || format!("{options}: no answer to the message"),
                        ToString::to_string,
                    );
                    let hint = error.as_ref().and_then(Error::hint);
                    outcomes.push(staged.kept_in_doubt(why, hint));
                }
                Fate::NotStored => alone.push(staged),
            }
        }
        let Some(error) = error.filter(|_| !alone.is_empty()) else {
            return outcomes;
        };
        // The server refused all for one that it does not name.
        let is_one_refused = folder.session.is_usable() && alone.len() > 1;
        for staged in alone {
            if !is_one_refused || !folder.session.is_usable() {
                outcomes.push(staged.kept(error.not_delivered()));
                continue;
            }
            match self.prepare(staged, folder.limit) {
                Prepared::Ready(message) => outcomes.extend(self.store(folder, vec![message])),
                Prepared::Settled(outcome) => outcomes.push(outcome),
            }
        }
        outcomes
    }
}

impl OpenFolder {
    /// Finds out where the next message will be. A server without UIDPLUS has not told where it has stored the
    /// last ones, so they would be taken for messages that are sought after a crash.
    fn follow(&mut self) -> Result<(), crate::imap::Error> {
        if self.session.capabilities().uid_plus() {
            return Ok(());
        }
        let status = self.session.status(&self.mailbox)?;
        self.next = MessageUid {
            uid_validity: status.uid_validity.unwrap_or_default(),
            uid: status.uid_next.unwrap_or(1),
        };
        Ok(())
    }

    /// Notes where a message was stored: the next one comes behind it.
    fn note(&mut self, stored: MessageUid) {
        let is_later = stored.uid_validity != self.next.uid_validity || stored.uid >= self.next.uid;
        if is_later {
            self.next = MessageUid {
                uid: stored.uid.saturating_add(1),
                ..stored
            };
        }
    }
}

/// Asks for the state of the folder. Changes nothing. Returns `None` if there is no such folder and the options
/// let it be created.
///
/// # Errors
/// There is no such folder, or the session fails.
pub(crate) fn look_at_folder(
    options: &ImapOptions,
    session: &mut ImapSession<Stream>,
) -> Result<Option<MailboxStatus>, Error> {
    let mailbox = mailbox(options, session)?;
    let status = session.status(&mailbox);
    match status.map_err(|source| Error::session(options, source)) {
        Err(Error::Folder { .. }) if options.creates_folder => Ok(None),
        status => status.map(Some),
    }
}

/// Finds the folder, and creates it if the options say so.
fn locate(
    options: &ImapOptions,
    session: &mut ImapSession<Stream>,
) -> Result<(MailboxName, MailboxStatus), Error> {
    let failed = |source| Error::session(options, source);
    let mailbox = mailbox(options, session)?;
    let status = match session.status(&mailbox).map_err(failed) {
        Err(Error::Folder { .. }) if options.creates_folder => {
            session.create(&mailbox).map_err(failed)?;
            session.subscribe(&mailbox).map_err(failed)?;
            session.status(&mailbox).map_err(failed)
        }
        found => found,
    }?;
    Ok((mailbox, status))
}

/// Returns the folder's name as the server spells it.
fn mailbox(options: &ImapOptions, session: &mut ImapSession<Stream>) -> Result<MailboxName, Error> {
    if options.is_inbox() {
        return Ok(MailboxName::inbox());
    }
    let delimiter = session.delimiter();
    let delimiter = delimiter.map_err(|source| Error::session(options, source))?;
    MailboxName::new(&options.folder, delimiter)
        .ok_or_else(|| Error::FolderName(options.to_string()))
}

/// Returns the text for a location. Locations sort as the server stores messages.
fn location(place: MessageUid) -> Location {
    Location(format!("{:010}/{:010}", place.uid_validity, place.uid))
}

/// Reads the text of a location.
fn place(location: &Location) -> Option<MessageUid> {
    let (uid_validity, uid) = location.0.split_once('/')?;
    Some(MessageUid {
        uid_validity: uid_validity.parse().ok()?,
        uid: uid.parse().ok()?,
    })
}

impl Target for Imap<'_> {
    fn place(&self) -> &TargetPlace {
        &self.place
    }

    fn configuration(&self) -> Digest {
        Digest::of(format!("{:?}", self.dialer.options).as_bytes())
    }

    fn deliver(&self, staged: Vec<Staged>) -> Vec<Outcome> {
        self.spool.remove_forgotten();
        let mut folder = match self.take_folder() {
            Ok(folder) => folder,
            Err(refusal) => {
                let kept = staged.iter().map(|staged| staged.kept(refusal.clone()));
                return kept.collect();
            }
        };
        let mut outcomes = Vec::with_capacity(staged.len());
        let (mut flight, mut octets) = (Vec::new(), 0);
        for staged in staged {
            match self.prepare(staged, folder.limit) {
                Prepared::Settled(outcome) => outcomes.push(outcome),
                Prepared::Ready(message) => {
                    octets += message.measure.octets;
                    if octets > FLIGHT_OCTETS && !flight.is_empty() {
                        let flight = std::mem::take(&mut flight);
                        outcomes.extend(self.store(&mut folder, flight));
                        octets = message.measure.octets;
                    }
                    flight.push(message);
                }
            }
        }
        if !flight.is_empty() {
            outcomes.extend(self.store(&mut folder, flight));
        }
        self.put_back(folder);
        outcomes
    }

    fn recall(&self) -> Option<&dyn Recall> {
        Some(self)
    }

    fn is_far(&self) -> bool {
        true
    }

    fn group_size(&self) -> usize {
        GROUP
    }

    fn accepts_more(&self) -> bool {
        !self.dialer.interrupt.is_over(START_TIMEOUT)
    }
}

impl Recall for Imap<'_> {
    fn earliest(&self) -> Result<Location, NotDelivered> {
        let mut folder = self.take_folder()?;
        let followed = folder.follow();
        let earliest = location(folder.next);
        self.put_back(folder);
        followed
            .map(|()| earliest)
            .map_err(|source| Error::session(self.dialer.options, source).not_delivered())
    }

    fn settling_time(&self) -> Duration {
        SETTLING
    }

    fn find(&self, sought: &[Staged], claims: &Claims) -> Result<Vec<Sighting>, NotDelivered> {
        let mut folder = self.take_folder()?;
        let found = search::find(
            &mut folder.session,
            &folder.mailbox,
            &self.spool,
            sought,
            claims,
        );
        self.put_back(folder);
        found.map_err(|error| match error {
            search::Failed::Session(source) => {
                Error::session(self.dialer.options, source).not_delivered()
            }
            search::Failed::Spool(error) => error.not_delivered(),
        })
    }
}

impl Drop for Imap<'_> {
    fn drop(&mut self) {
        let connected = std::mem::replace(&mut *self.connected(), Connected::No);
        if let Connected::Yes(folder) = connected {
            folder.session.logout();
        }
    }
}
