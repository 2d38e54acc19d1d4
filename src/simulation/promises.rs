//! The promises: what must be true at each deletion, after each run, and in the end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::exceptions::{self, Permits};
use super::faults::Faults;
use super::lock;
use super::maildir::{mail_files, mail_folders};
use super::message::MailboxMessage;
use super::server::ServerMailbox;
use crate::mail::policy::Keep;
use crate::os::sys::simulated::disk::Disk;
use crate::os::sys::simulated::machine::Machine;

/// The first promise that was broken, as noticed at a step.
pub(super) type Broken = Arc<Mutex<Option<String>>>;

/// Returns the check of each deletion: the message must be safe at that very moment.
pub(super) fn deletion_check(
    machine: &Arc<Machine>,
    broken: &Broken,
    keep: Keep,
) -> Box<dyn FnMut(&MailboxMessage) + Send> {
    let (machine, broken) = (Arc::downgrade(machine), Arc::clone(broken));
    Box::new(move |message| {
        let Some(machine) = machine.upgrade() else {
            return;
        };
        let state = machine.state();
        let is_safe = mail_folders(&state.disk).into_iter().any(|folder| {
            let mut files = state.disk.durable_files(folder);
            files.any(|octets| message.is(octets))
        });
        let what = match (is_safe, keep) {
            (_, Keep::Always) => "was deleted although keep = true",
            (false, _) => "was deleted before a power cut could not harm it",
            (true, _) => return,
        };
        lock(&broken).get_or_insert(format!("message {} {what}", message.id));
    })
}

/// Checks that each file in new/ and cur/ is a whole message, or what the server sent of it, and
/// that none is there twice.
pub(super) fn check_files(
    disk: &Disk,
    sent: &[MailboxMessage],
    cut_copies: &[(usize, String)],
    faults: &Faults,
) -> Result<(), String> {
    let may_repeat = exceptions::permit(Permits::Repeats, |fault| faults.have(fault));
    for (id, count) in delivered(disk, sent, cut_copies)? {
        if count > 1 && !may_repeat {
            return Err(format!("message {id} was delivered {count} times"));
        }
    }
    Ok(())
}

/// Checks that nothing is lost, and that nothing is stuck.
pub(super) fn check_end(
    disk: &Disk,
    sent: &[MailboxMessage],
    mailbox: &ServerMailbox,
    keep: Keep,
    faults: &Faults,
) -> Result<(), String> {
    let delivered = delivered(disk, sent, &mailbox.cut_copies)?;
    let missing = sent.iter().find(|sent| !delivered.contains_key(&sent.id));
    if let Some(missing) = missing {
        return Err(format!("message {} was never delivered", missing.id));
    }
    let may_stay = exceptions::permit(Permits::Stays, |fault| faults.have(fault));
    match (keep, &*mailbox.messages) {
        (Keep::Never, [first, ..]) if !may_stay => {
            Err(format!("message {} is left on the server", first.id))
        }
        (Keep::Always, left) if left.len() < sent.len() => Err("a message was deleted".into()),
        _ => Ok(()),
    }
}

/// Counts the files of each whole message. A part that the server sent as a message may be there,
/// too.
fn delivered(
    disk: &Disk,
    sent: &[MailboxMessage],
    cut_copies: &[(usize, String)],
) -> Result<BTreeMap<usize, usize>, String> {
    let mut counts = BTreeMap::new();
    let mut cut_copies: Vec<_> = cut_copies.iter().collect();
    for (folder, name) in mail_files(disk) {
        let file = disk.find(folder, &name);
        let octets = file.and_then(|file| disk.octets(file));
        let octets = octets.unwrap_or_default();
        if let Some(message) = sent.iter().find(|sent| sent.is(octets)) {
            *counts.entry(message.id).or_default() += 1;
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
    Ok(counts)
}
