//! The Maildir on the simulated disk, as other programs see it.

use std::time::Duration;

use super::faults::FAULTY_RUNS;
use super::locks::lock;
use super::message::MailboxMessage;
use super::promises::SharedWatch;
use crate::os::sys::simulated::disk::{Disk, Inode, ROOT};
use crate::os::sys::simulated::generator::Chance;
use crate::os::sys::simulated::machine::Neighbour;

/// The spool, which the machine has from the beginning.
pub(super) const SPOOL: &str = "/Spool";

/// The other programs that work on the Maildir.
pub(super) struct Others {
    /// A mail reader that moves messages to cur/.
    pub(super) moving: Option<Chance>,
    /// A mail reader that removes messages.
    pub(super) removing: Option<Chance>,
    /// A program that removes all messages from tmp/. It is at work in the runs with faults.
    pub(super) emptying: Option<Chance>,
}

impl Others {
    /// Puts them to work between any two steps of the program.
    pub(super) fn work(mut self, watch: SharedWatch) -> Neighbour {
        Box::new(move |disk| {
            let moving = self.moving.as_mut();
            let moved = moving.and_then(|chance| move_one(disk, chance));
            let removing = self.removing.as_mut();
            let removed = removing.and_then(|chance| remove_one(disk, chance, &watch));
            let emptying = self.emptying.as_mut();
            let emptying = emptying.filter(|_| lock(&watch).run < FAULTY_RUNS);
            let emptied = emptying.and_then(|chance| empty_tmp(disk, chance));
            let done: Vec<_> = [moved, removed, emptied].into_iter().flatten().collect();
            (!done.is_empty()).then(|| done.join(", "))
        })
    }
}

fn move_one(disk: &mut Disk, chance: &mut Chance) -> Option<String> {
    if !chance.percent(5) {
        return None;
    }
    for [new, cur] in maildirs(disk) {
        let names = disk.names(new).ok()?;
        let Some(name) = names.into_iter().find(|name| !name.starts_with(b".")) else {
            continue;
        };
        let read = [&*name, b":2,S"].concat();
        disk.rename((new, &name), (cur, &read)).ok()?;
        chance.count();
        let name = String::from_utf8_lossy(&name);
        return Some(format!("the mail reader moves {name} to cur/"));
    }
    None
}

fn remove_one(disk: &mut Disk, chance: &mut Chance, watch: &SharedWatch) -> Option<String> {
    if !chance.percent(1) {
        return None;
    }
    let files = mail_files(disk);
    let count = files.len() as u64;
    let (folder, name) = (count > 0).then(|| &files[chance.below(count) as usize])?;
    let octets = disk.octets(disk.find(*folder, name).ok()?).ok()?;
    let id = MailboxMessage::id_of(octets)?;
    let is_whole = MailboxMessage::new(id).is(octets);
    disk.unlink(*folder, name).ok()?;
    chance.count();
    // After the removal of a part of a message, the whole message may still come.
    if is_whole {
        lock(watch).note_removal(id, name);
    }
    let part = if is_whole { "" } else { "a part of " };
    let name = String::from_utf8_lossy(name);
    Some(format!(
        "the mail reader removes {name}, {part}message {id}"
    ))
}

/// Removes what `rm tmp/*` removes: names that begin with a dot stay.
fn empty_tmp(disk: &mut Disk, chance: &mut Chance) -> Option<String> {
    if !chance.percent(1) {
        return None;
    }
    let mut removed = 0;
    for tmp in folders_named(disk, b"tmp") {
        let mut names = disk.names(tmp).ok()?;
        names.retain(|name| !name.starts_with(b"."));
        for name in names {
            disk.unlink(tmp, &name).ok()?;
            removed += 1;
        }
    }
    (removed > 0).then(|| {
        chance.count();
        format!("another program removes {removed} files from tmp/")
    })
}

/// Returns the folders with this name in all Maildirs.
fn folders_named(disk: &Disk, name: &[u8]) -> Vec<Inode> {
    let maildirs = disk.names(ROOT).unwrap_or_default().into_iter();
    let folder = |maildir: Vec<u8>| disk.find(disk.find(ROOT, &maildir).ok()?, name).ok();
    maildirs.filter_map(folder).collect()
}

/// Returns new/ and cur/ of each Maildir, as far as they exist.
fn maildirs(disk: &Disk) -> Vec<[Inode; 2]> {
    let names = disk.names(ROOT).unwrap_or_default().into_iter();
    let maildir = |name: Vec<u8>| disk.find(ROOT, &name).ok();
    let folders = |maildir| {
        let folder = |name: &[u8]| disk.find(maildir, name).ok();
        Some([folder(b"new")?, folder(b"cur")?])
    };
    names.filter_map(maildir).filter_map(folders).collect()
}

/// Returns new/ and cur/ of all Maildirs.
pub(super) fn mail_folders(disk: &Disk) -> Vec<Inode> {
    maildirs(disk).into_iter().flatten().collect()
}

/// Returns the messages in new/ and cur/.
pub(super) fn mail_files(disk: &Disk) -> Vec<(Inode, Vec<u8>)> {
    let files = |folder| {
        let names = disk.names(folder).unwrap_or_default();
        names.into_iter().map(move |name| (folder, name))
    };
    let all = mail_folders(disk).into_iter().flat_map(files);
    all.filter(|(_, name)| !name.starts_with(b".")).collect()
}

/// Returns the time in the name of a message's file: that of its download.
pub(super) fn downloaded(name: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(name).ok()?;
    let (seconds, _) = text.split_once('.')?;
    seconds.parse().map(Duration::from_secs).ok()
}

/// Returns the numbers of the messages in new/ and cur/.
pub(super) fn delivered_ids(disk: &Disk) -> Vec<usize> {
    let files = mail_files(disk).into_iter();
    let octets =
        |(folder, name): (Inode, Vec<u8>)| disk.octets(disk.find(folder, &name).ok()?).ok();
    files
        .filter_map(octets)
        .filter_map(MailboxMessage::id_of)
        .collect()
}
