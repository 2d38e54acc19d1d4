//! The Maildir on the simulated disk, as other programs see it.

use crate::os::sys::simulated::disk::{Disk, ROOT};
use crate::os::sys::simulated::generator::Chance;
use crate::os::sys::simulated::machine::Neighbour;

/// Returns a mail reader, which moves messages to cur/ at any time.
pub(super) fn reader(mut chance: Chance) -> Neighbour {
    Box::new(move |disk| {
        let [new, cur] = mail_folders(disk)[..] else {
            return None;
        };
        if !chance.percent(5) {
            return None;
        }
        let names = disk.names(new).ok()?;
        let name = names.into_iter().find(|name| !name.starts_with(b"."))?;
        let read = [&*name, b":2,S"].concat();
        disk.rename((new, &name), (cur, &read)).ok()?;
        chance.count();
        Some(format!(
            "the mail reader moves {} to cur/",
            String::from_utf8_lossy(&name)
        ))
    })
}

/// Returns new/ and cur/, as far as they exist.
pub(super) fn mail_folders(disk: &Disk) -> Vec<u64> {
    let maildir = disk.find(ROOT, b"Mail");
    let folder = |name: &[u8]| disk.find(maildir.ok()?, name).ok();
    [folder(b"new"), folder(b"cur")]
        .into_iter()
        .flatten()
        .collect()
}

/// Returns the messages in new/ and cur/.
pub(super) fn mail_files(disk: &Disk) -> Vec<(u64, Vec<u8>)> {
    let files = |folder| {
        let names = disk.names(folder).unwrap_or_default();
        names.into_iter().map(move |name| (folder, name))
    };
    let all = mail_folders(disk).into_iter().flat_map(files);
    all.filter(|(_, name)| !name.starts_with(b".")).collect()
}
