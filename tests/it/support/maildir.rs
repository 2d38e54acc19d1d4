//! A Maildir as a mail reader sees it and changes it.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::mail::TestMessage;

/// A Maildir. It need not exist yet, and is empty then.
pub(crate) struct MaildirView {
    path: PathBuf,
}

impl MaildirView {
    pub(crate) fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Makes the folder with `tmp`, `new` and `cur`.
    pub(crate) fn make(&self) -> &Self {
        for folder in ["tmp", "new", "cur"] {
            fs::create_dir_all(self.path.join(folder)).expect("a Maildir can be made");
        }
        self
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads every message in `new` and `cur`, sorted by content.
    pub(crate) fn messages(&self) -> Vec<Vec<u8>> {
        let mut messages: Vec<_> = ["new", "cur"]
            .iter()
            .flat_map(|folder| self.files(folder))
            .map(|path| fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
            .collect();
        messages.sort();
        messages
    }

    /// Claims that `new` and `cur` together hold each of these messages once, as it must be stored,
    /// and no other files, and that `tmp` is empty.
    #[track_caller]
    pub(crate) fn holds(&self, messages: &[TestMessage]) -> &Self {
        let mut missing: Vec<_> = messages
            .iter()
            .map(|message| (message.stored(), message))
            .collect();
        let mut superfluous = Vec::new();
        for found in self.messages() {
            match missing.iter().position(|(stored, _)| *stored == found) {
                Some(at) => drop(missing.swap_remove(at)),
                None => superfluous.push(head(&found)),
            }
        }
        let missing: Vec<_> = missing
            .iter()
            .map(|(_, message)| message.unique_id.escape_ascii().to_string())
            .collect();
        assert!(
            missing.is_empty() && superfluous.is_empty(),
            "{} should hold {} messages\nmissing {missing:#?}\nunexpected or duplicated \
             {superfluous:#?}",
            self.path.display(),
            messages.len()
        );
        assert_eq!(self.files("tmp"), Vec::<PathBuf>::new());
        self
    }

    /// Counts the files in `tmp`, `new` or `cur`.
    pub(crate) fn count(&self, folder: &str) -> usize {
        self.files(folder).len()
    }

    /// Lists the files in `tmp`, `new` or `cur`, sorted by name. Mail readers ignore names that begin with
    /// a dot.
    pub(crate) fn files(&self, folder: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path.join(folder)) else {
            return Vec::new();
        };
        let mut files: Vec<_> = entries
            .map(|entry| entry.expect("a folder in the sandbox can be read"))
            .filter(|entry| !entry.file_name().as_bytes().starts_with(b"."))
            .map(|entry| entry.path())
            .collect();
        files.sort();
        files
    }

    /// Lists the hidden files in `new`: messages that a killed run was putting in their place.
    pub(crate) fn hidden(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path.join("new")).expect("the Maildir exists");
        entries
            .map(|entry| entry.expect("a folder in the sandbox can be read"))
            .filter(|entry| entry.file_name().as_bytes().starts_with(b"."))
            .map(|entry| entry.path())
            .collect()
    }

    /// Lists the different permission bits of the files in `new` and `cur`.
    pub(crate) fn modes(&self) -> Vec<u32> {
        let mut modes: Vec<_> = ["new", "cur"]
            .iter()
            .flat_map(|folder| self.files(folder))
            .map(|path| mode(&path))
            .collect();
        modes.sort_unstable();
        modes.dedup();
        modes
    }

    /// Reads the mail as a mail reader does: moves everything from `new` to `cur` and marks it seen.
    pub(crate) fn read_all(&self) {
        for path in self.files("new") {
            let name = path.file_name().expect("a file has a name");
            let mut seen = name.to_owned();
            seen.push(":2,S");
            fs::rename(&path, self.path.join("cur").join(seen)).expect("mail can be read");
        }
    }

    /// Reads the mail and then deletes every `nth` message. Returns the deleted messages.
    pub(crate) fn read_all_and_delete_every(&self, nth: usize) -> Vec<Vec<u8>> {
        self.read_all();
        let doomed = self.files("cur").into_iter().step_by(nth);
        let take = |path| {
            let message = fs::read(&path)?;
            fs::remove_file(&path)?;
            Ok(message)
        };
        let taken: io::Result<_> = doomed.map(take).collect();
        taken.expect("mail can be deleted")
    }
}

fn head(octets: &[u8]) -> String {
    octets[..octets.len().min(200)].escape_ascii().to_string()
}

/// Reads the permission bits of a file or folder.
pub(crate) fn mode(path: &Path) -> u32 {
    let metadata = fs::metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    metadata.permissions().mode() & 0o7777
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::sandbox::Sandbox;

    #[test]
    fn a_maildir_that_does_not_exist_is_empty() {
        let sandbox = Sandbox::new();
        assert_eq!(sandbox.maildir("none").messages(), Vec::<Vec<u8>>::new());
    }

    #[test]
    #[should_panic(
        expected = "missing [\n    \"2\",\n]\nunexpected or duplicated [\n    \"a\\\\n\""
    )]
    fn missing_and_duplicated_messages_are_reported() {
        let sandbox = Sandbox::new();
        let maildir = sandbox.maildir("work");
        sandbox.write(maildir.path().join("new/1"), "a\n");
        sandbox.write(maildir.path().join("cur/2:2,S"), "a\n");
        maildir.holds(&[
            TestMessage::new("1", "a\r\n"),
            TestMessage::new("2", "b\r\n"),
        ]);
    }

    #[test]
    fn read_and_unread_messages_come_sorted() {
        let sandbox = Sandbox::new();
        let maildir = sandbox.maildir("work");
        maildir.make();
        sandbox.write(maildir.path().join("new/1"), "b");
        maildir.read_all();
        sandbox.write(maildir.path().join("new/2"), "a");
        assert_eq!(maildir.messages(), [b"a", b"b"]);
        assert_eq!([maildir.count("new"), maildir.count("cur")], [1, 1]);
        assert_eq!(maildir.modes(), [0o600]);
    }
}
