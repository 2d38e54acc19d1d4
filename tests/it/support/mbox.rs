//! An mbox file (mboxrd), read by the rules and not by our own code.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use memchr::memmem;

use super::DEADLINE;
use super::sandbox::Sandbox;

/// An mbox file.
pub(crate) struct MboxView(PathBuf);

impl MboxView {
    /// Returns that of the account `work`.
    pub(crate) fn of(sandbox: &Sandbox) -> Self {
        Self(sandbox.home().join("mbox"))
    }

    pub(crate) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the octets of the file; none if there is no file.
    pub(crate) fn octets(&self) -> Vec<u8> {
        fs::read(&self.0).unwrap_or_default()
    }

    /// Returns the messages, each as it was before it was quoted.
    pub(crate) fn messages(&self) -> Vec<Vec<u8>> {
        let octets = self.octets();
        let mut messages: Vec<Vec<u8>> = Vec::new();
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            if line.starts_with(b"From ") {
                messages.push(Vec::new());
                continue;
            }
            let quotes = line.iter().take_while(|octet| **octet == b'>').count();
            let is_quoted = quotes > 0 && line[quotes..].starts_with(b"From ");
            let message = messages.last_mut().expect("it begins with From");
            message.extend_from_slice(&line[usize::from(is_quoted)..]);
        }
        for message in &mut messages {
            assert_eq!(message.pop(), Some(b'\n'), "an empty line ends a message");
        }
        messages
    }

    /// Waits until it has this many messages.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) {
        let begun = Instant::now();
        let begins = |octets: &[u8]| memmem::find_iter(octets, b"From MAILER-DAEMON ").count();
        while begins(&self.octets()) < count {
            assert!(begun.elapsed() < DEADLINE, "the messages do not come");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Returns the names of the other files in its folder that begin like its own: the locks.
    pub(crate) fn locks(&self) -> Vec<String> {
        let name = self.0.file_name().expect("it has a name");
        let name = name.to_string_lossy();
        let folder = fs::read_dir(self.0.parent().expect("it is in a folder"));
        let names = folder.expect("the folder is there").map(|entry| {
            let entry = entry.expect("the folder can be read");
            entry.file_name().to_string_lossy().into_owned()
        });
        names
            .filter(|other| {
                other.starts_with(&format!("{name}.")) || other.starts_with(&format!(".{name}."))
            })
            .collect()
    }
}
