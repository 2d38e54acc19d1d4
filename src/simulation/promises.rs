//! The promises: what must be true at each deletion, after each run, and in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::exceptions::{self, Permits};
use super::faults::{Fault, Faults};
use super::locks::lock;
use super::maildir::{SPOOL, downloaded, mail_files, mail_folders};
use super::message::MailboxMessage;
use super::server::ServerMailbox;
use crate::mail::policy::Keep;
use crate::os::sys::simulated::disk::{Disk, ROOT};
use crate::os::sys::simulated::machine::Machine;

/// The notes between the checks.
#[derive(Debug)]
pub(super) struct Watch {
    /// The first promise that was broken, as noticed at a step.
    broken: Option<String>,
    /// The `keep` of this run.
    pub(super) keep: Keep,
    /// The messages that a mail reader has removed.
    removed: BTreeMap<usize, Removal>,
    /// The names of files that were staged when the power failed, and are staged still. Nothing
    /// proves their deliveries any more if a mail reader removes them now.
    unproven: BTreeSet<Vec<u8>>,
    /// The time since which each message counts as delivered.
    delivered: BTreeMap<usize, Duration>,
    ages: Ages,
    /// The messages that the user wanted to be deleted.
    pub(super) ordered: BTreeSet<usize>,
    /// The messages that a program has taken.
    pub(super) taken: Vec<Vec<u8>>,
    /// The number of repetitions of which the log has told, and those of them that it has forgotten: what the
    /// server has not listed for 90 days.
    told: usize,
    forgotten: usize,
    /// The unique-ids of messages that stay on the server for good, as the user was told.
    pub(super) staying: BTreeSet<Vec<u8>>,
    /// True once no faults happen any more.
    pub(super) is_quiet: bool,
    /// The number of this run.
    pub(super) run: u64,
    /// The time of this run.
    pub(super) now: Duration,
}

/// The removal of a message by a mail reader.
#[derive(Debug)]
struct Removal {
    /// The name of its file, without flags.
    file: Vec<u8>,
    /// True if the message may be delivered again.
    may_return: bool,
}

/// The time from which the age of a message counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ages {
    /// Nobody can tell: the clock was set.
    Unknown,
    /// The download. A database that does not know a message finds that time in the name of its
    /// file. If the first run was killed, the message may have been put in its place days later.
    FromDownload,
    /// The delivery.
    FromDelivery,
}

/// The notes of the server, the mail reader and the checks.
pub(super) type SharedWatch = Arc<Mutex<Watch>>;

impl Watch {
    pub(super) fn new(keep: Keep, ages: Ages) -> SharedWatch {
        Arc::new(Mutex::new(Self {
            broken: None,
            keep,
            removed: BTreeMap::new(),
            delivered: BTreeMap::new(),
            ages,
            unproven: BTreeSet::new(),
            told: 0,
            forgotten: 0,
            staying: BTreeSet::new(),
            ordered: BTreeSet::new(),
            taken: Vec::new(),
            is_quiet: false,
            run: 0,
            now: Duration::ZERO,
        }))
    }

    /// Notes that a promise is broken.
    pub(super) fn break_promise(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }

    /// Returns the promise that was broken, if any.
    pub(super) fn broken(&mut self) -> Result<(), String> {
        self.broken.take().map_or(Ok(()), Err)
    }

    /// Takes note of a whole message in a file of this name.
    fn note_delivery(&mut self, id: usize, name: &[u8]) {
        let since = match self.ages {
            Ages::FromDownload => downloaded(name).unwrap_or(self.now),
            Ages::Unknown | Ages::FromDelivery => self.now,
        };
        self.delivered.entry(id).or_insert(since);
    }

    /// Takes note of the removal of a whole message by a mail reader. It may have come in this run.
    pub(super) fn note_removal(&mut self, id: usize, name: &[u8]) {
        self.note_delivery(id, name);
        let file = without_flags(name).to_vec();
        let before = self.removed.get(&id);
        let may_return = before.is_some_and(|before| before.may_return);
        let may_return = may_return || self.unproven.contains(&file);
        self.removed.insert(id, Removal { file, may_return });
    }

    /// Takes note of a power cut. Files with the names `staged` were put in their place without a
    /// record, or were on their way: the list of such files is not valid any more. The messages
    /// `present` are in the Maildir, perhaps because the cut has undone their removal.
    pub(super) fn note_power_cut(&mut self, staged: BTreeSet<Vec<u8>>, present: &[usize]) {
        for (id, removal) in &mut self.removed {
            removal.may_return |= staged.contains(&removal.file) || present.contains(id);
        }
        self.unproven.extend(staged);
    }

    /// Takes note of what is staged after a run.
    pub(super) fn note_staged(&mut self, staged: &BTreeSet<Vec<u8>>) {
        self.unproven.retain(|name| staged.contains(name));
    }

    /// Returns true if the power has failed while messages were staged that still are.
    pub(super) fn has_unproven(&self) -> bool {
        !self.unproven.is_empty()
    }

    fn judge(
        &self,
        message: &MailboxMessage,
        is_safe: bool,
        now: Duration,
    ) -> Option<&'static str> {
        let age = match self.delivered.get(&message.id) {
            Some(then) => now.saturating_sub(*then),
            None => Duration::ZERO,
        };
        match self.keep {
            _ if self.ordered.contains(&message.id) => None,
            Keep::Always => Some("was deleted although keep = true"),
            Keep::For(least) if self.ages != Ages::Unknown && age < least => {
                Some("was deleted too early")
            }
            _ if is_safe || self.removed.contains_key(&message.id) => None,
            _ => Some("was deleted before a power cut could not harm it"),
        }
    }
}

/// Returns the name of a file without what a mail reader adds.
fn without_flags(name: &[u8]) -> &[u8] {
    name.split(|octet| *octet == b':').next().unwrap_or(name)
}

/// Returns the check of each deletion: the message must be safe at that very moment.
pub(super) fn deletion_check(
    machine: &Arc<Machine>,
    watch: &SharedWatch,
) -> Box<dyn FnMut(&MailboxMessage) + Send> {
    let (machine, watch) = (Arc::downgrade(machine), Arc::clone(watch));
    Box::new(move |message| {
        let Some(machine) = machine.upgrade() else {
            return;
        };
        let state = machine.state();
        let is_safe = mail_folders(&state.disk).into_iter().any(|folder| {
            let mut files = state.disk.durable_files(folder);
            files.any(|octets| message.is(octets))
        });
        let mut watch = lock(&watch);
        let is_taken = watch.taken.iter().any(|octets| message.is(octets));
        let is_safe = is_safe || is_taken;
        if let Some(what) = watch.judge(message, is_safe, state.clock) {
            watch.break_promise(format!("message {} {what}", message.id));
        }
    })
}

/// The things that the checks look at.
pub(super) struct Checks<'a> {
    pub(super) disk: &'a Disk,
    pub(super) sent: &'a [MailboxMessage],
    pub(super) mailbox: &'a ServerMailbox,
    pub(super) faults: &'a Faults,
}

impl Checks<'_> {
    /// Checks that each file in new/ and cur/ is a whole message, or what the server sent of it,
    /// and that none is there twice.
    /// A program may have a message twice, but only so many as the record of deliveries tells: `told`.
    pub(super) fn after_run(&self, watch: &mut Watch, told: usize) -> Result<(), String> {
        let may_repeat = self.permit(Permits::Repeats);
        let delivered = self.delivered(watch)?;
        let has_program = self.faults.have(Fault::MailProgram);
        watch.forgotten += watch.told.saturating_sub(told);
        watch.told = told;
        if has_program && !may_repeat {
            let repeated = delivered.values().filter(|names| names.len() > 1).count();
            if repeated > told + watch.forgotten {
                return Err(format!(
                    "{repeated} messages were given to the program again, and the log tells of {told}"
                ));
            }
        }
        let may_repeat = may_repeat || has_program;
        for (id, names) in delivered {
            for name in &names {
                watch.note_delivery(id, name);
            }
            let count = names.len();
            let removed = watch.removed.get(&id);
            if may_repeat || removed.is_some_and(|removal| removal.may_return) {
                continue;
            }
            if count > 1 {
                return Err(format!("message {id} was delivered {count} times"));
            }
            if removed.is_some() {
                return Err(format!(
                    "message {id} was delivered again after its removal"
                ));
            }
        }
        Ok(())
    }

    /// Checks that nothing is lost, and that nothing is stuck.
    pub(super) fn in_the_end(&self, watch: &Watch, was_deleted: bool) -> Result<(), String> {
        let delivered = self.delivered(watch)?;
        let set_aside = set_aside(self.disk);
        let is_set_aside = |id| set_aside.contains(id);
        let is_there =
            |id| delivered.contains_key(id) || watch.removed.contains_key(id) || is_set_aside(id);
        let messages = &self.mailbox.messages;
        let is_listed = |id| messages.iter().any(|message| message.id == id);
        let is_deleted = |id| watch.ordered.contains(&id) && !is_listed(id);
        let mut missing = self.sent.iter().filter(|sent| !is_there(&sent.id));
        if let Some(missing) = missing.find(|sent| !is_deleted(sent.id)) {
            return Err(format!("message {} was never delivered", missing.id));
        }
        let may_stay = self.permit(Permits::Stays);
        match (watch.keep, &*self.mailbox.messages) {
            (Keep::Never, left) if !may_stay => {
                let stays = |id: &[u8]| watch.staying.contains(id);
                match left.iter().find(|left| !stays(left.unique_id.as_bytes())) {
                    Some(left) => Err(format!("message {} is left on the server", left.id)),
                    None => Ok(()),
                }
            }
            (Keep::Always, left)
                if left.len() + watch.ordered.len() < self.sent.len() && !was_deleted =>
            {
                Err("a message was deleted".into())
            }
            _ => Ok(()),
        }
    }

    fn permit(&self, permits: Permits) -> bool {
        exceptions::permit(permits, |fault| self.faults.have(fault))
    }

    /// Returns the names of the files of each whole message. A part that the server sent as a
    /// message may be there, too.
    fn delivered(&self, watch: &Watch) -> Result<BTreeMap<usize, Vec<Vec<u8>>>, String> {
        let mut names = BTreeMap::<_, Vec<_>>::new();
        let mut cut_copies: Vec<_> = self.mailbox.cut_copies.iter().collect();
        let files = mail_files(self.disk).into_iter().map(|(folder, name)| {
            let file = self.disk.find(folder, &name);
            let octets = file.and_then(|file| self.disk.octets(file));
            (name, octets.unwrap_or_default())
        });
        let taken = watch.taken.iter();
        let taken = taken.map(|octets| (b"a message for the program".to_vec(), &**octets));
        for (name, octets) in files.chain(taken) {
            if let Some(message) = self.sent.iter().find(|sent| sent.is(octets)) {
                names.entry(message.id).or_default().push(name);
                continue;
            }
            // A program may have got the same part twice, and the server may have sent it twice.
            let may_repeat = watch.taken.iter().any(|taken| taken == octets)
                || self.faults.have(Fault::DoubledReplies);
            let is_part = |(_, copy): &(_, String)| copy.as_bytes() == octets;
            if may_repeat && self.mailbox.cut_copies.iter().any(is_part) {
                continue;
            }
            let mut copies = cut_copies.iter();
            let Some(at) = copies.position(|(_, copy)| copy.as_bytes() == octets) else {
                let name = String::from_utf8_lossy(&name);
                return Err(format!(
                    "{name} ({} octets) is no whole message",
                    octets.len()
                ));
            };
            cut_copies.swap_remove(at);
        }
        Ok(names)
    }
}

/// Returns the numbers of the messages that were set aside in the spool: no database had them, and a warning said
/// that the server may not have them either.
fn set_aside(disk: &Disk) -> BTreeSet<usize> {
    let name = SPOOL.trim_start_matches('/').as_bytes();
    let Ok(spool) = disk.find(ROOT, name) else {
        return BTreeSet::new();
    };
    let names = disk.names(spool).unwrap_or_default().into_iter();
    let octets = |name: Vec<u8>| {
        let octets = disk.octets(disk.find(spool, &name).ok()?).ok()?;
        name.ends_with(b".unknown").then_some(octets)
    };
    names
        .filter_map(octets)
        .filter_map(MailboxMessage::id_of)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    /// Judges the deletion of a message ten days after 1970, with `keep = "2 days"`.
    fn judge(ages: Ages, note: impl FnOnce(&mut Watch)) -> Option<&'static str> {
        let watch = Watch::new(Keep::For(DAY * 2), ages);
        note(&mut lock(&watch));
        lock(&watch).judge(&MailboxMessage::new(1), true, DAY * 10)
    }

    #[test]
    fn a_message_that_was_removed_at_once_has_an_age() {
        let removed_on = |day| {
            judge(Ages::FromDelivery, |watch| {
                watch.now = DAY * day;
                watch.note_removal(1, b"F");
            })
        };
        assert_eq!(removed_on(8), None);
        assert_eq!(removed_on(9), Some("was deleted too early"));
    }

    #[test]
    fn only_what_was_staged_at_a_power_cut_may_return() {
        let watch = Watch::new(Keep::Never, Ages::FromDelivery);
        let mut watch = lock(&watch);
        watch.note_removal(1, b"recorded:2,S");
        watch.note_removal(2, b"staged:2,S");
        watch.note_removal(3, b"present");
        let staged = [&b"staged"[..], b"late", b"later"].map(<[u8]>::to_vec);
        watch.note_power_cut(BTreeSet::from(staged), &[3]);
        watch.note_removal(4, b"late:2,S");
        watch.note_staged(&BTreeSet::new());
        watch.note_removal(5, b"later:2,S");
        let may_return: Vec<_> = watch
            .removed
            .values()
            .map(|removal| removal.may_return)
            .collect();
        assert_eq!(may_return, [false, true, true, true, false]);
    }

    #[test]
    fn an_age_counts_from_the_download_where_only_the_file_tells_it() {
        let delivered = |ages| {
            judge(ages, |watch| {
                watch.now = DAY * 9;
                watch.note_delivery(1, b"691200.M0P1.host");
            })
        };
        assert_eq!(delivered(Ages::FromDownload), None);
        assert_eq!(delivered(Ages::FromDelivery), Some("was deleted too early"));
        assert_eq!(delivered(Ages::Unknown), None);
    }
}
