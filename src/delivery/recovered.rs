//! What earlier runs delivered into a Maildir, found by the names of the files: for a database that
//! knows nothing of them.
//! Believes no name: only the very octets are the message.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::Error;
use super::intake::Folder;
use super::maildir::{FLAGS, is_name_of};
use super::unique_name::{ParsedName, hash};
use crate::digest::{Digest, Hasher};
use crate::mail::custody::{Delivered, Found, StoredMessage};
use crate::moment::Moment;

/// How often a folder is read that changes meanwhile: readdir may miss what is being renamed.
const SCANS: usize = 5;
/// How much of a file is read at once.
const CHUNK: usize = 64 * 1024;

/// The messages to look for.
#[derive(Debug)]
pub struct SoughtMessages {
    /// In order.
    hashes: Vec<u64>,
    tags: Vec<String>,
}

impl SoughtMessages {
    /// Messages with these unique-ids, of an account whose files carry one of these tags.
    pub fn new<'a>(unique_ids: impl Iterator<Item = &'a [u8]>, tags: Vec<String>) -> Self {
        let mut hashes: Vec<_> = unique_ids.map(hash).collect();
        hashes.sort_unstable();
        Self { hashes, tags }
    }

    fn has(&self, trace: &ParsedName<'_>) -> bool {
        self.tags.iter().any(|tag| tag == trace.tag)
            && self.hashes.binary_search(&trace.unique_id).is_ok()
    }
}

/// The files that may be the messages that were looked for, by the hashes of their unique-ids.
#[derive(Debug, Default)]
pub(crate) struct Candidates(HashMap<u64, Vec<CandidateFile>>);

/// A file, and where it was last seen.
#[derive(Debug)]
struct CandidateFile {
    /// Its name with the flags of a mail reader.
    name: String,
    folder: usize,
}

impl CandidateFile {
    /// Its name as it was delivered.
    fn own_name(&self) -> &str {
        self.name.split(FLAGS).next().unwrap_or(&self.name)
    }
}

impl Candidates {
    /// Looks through new/ and cur/ of a Maildir, in the order in which a mail reader moves
    /// messages.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub(super) fn search(folders: [&Folder; 2], suspects: &SoughtMessages) -> Result<Self, Error> {
        let mut traces = Self::default();
        if suspects.hashes.is_empty() {
            return Ok(traces);
        }
        for (at, folder) in folders.into_iter().enumerate() {
            for _ in 0..SCANS {
                let before = folder.changed()?;
                for name in folder.names()? {
                    traces.note(name, at, suspects);
                }
                if folder.changed()? == before {
                    break;
                }
            }
        }
        Ok(traces)
    }

    fn note(&mut self, name: Vec<u8>, folder: usize, suspects: &SoughtMessages) {
        let Some(hash) = ParsedName::read(&name)
            .filter(|trace| suspects.has(trace))
            .map(|trace| trace.unique_id)
        else {
            return;
        };
        let Ok(name) = String::from_utf8(name) else {
            return;
        };
        let trail = CandidateFile { name, folder };
        let trails = self.0.entry(hash).or_default();
        match trails
            .iter_mut()
            .find(|other| other.own_name() == trail.own_name())
        {
            Some(other) => *other = trail,
            None => trails.push(trail),
        }
    }

    /// Whether a message with this unique-id may be among them.
    pub(super) fn has(&self, unique_id: &[u8]) -> bool {
        self.0.contains_key(&hash(unique_id))
    }

    /// Takes out the file with the very octets of a message, if there is one.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn take(
        &mut self,
        stored: &StoredMessage,
        folders: [&Folder; 2],
    ) -> Result<Option<Found>, Error> {
        let unique_id = stored.identity.unique_id.as_octets();
        let Some(trails) = self.0.get_mut(&hash(unique_id)) else {
            return Ok(None);
        };
        for at in 0..trails.len() {
            if digest(&trails[at], stored.octets, folders)? != Some(stored.digest) {
                continue;
            }
            let file_name = trails.swap_remove(at).own_name().to_owned();
            let when =
                ParsedName::read(file_name.as_bytes()).map_or(Moment::now(), |trace| trace.when);
            let stored = StoredMessage {
                file_name,
                ..stored.clone()
            };
            let delivered = Delivered::found(stored);
            return Ok(Some(Found { delivered, when }));
        }
        Ok(None)
    }
}

/// The digest of a file of so many octets, wherever a mail reader has moved it meanwhile; `None`:
/// it has another length, or is gone.
fn digest(
    trail: &CandidateFile,
    octets: u64,
    folders: [&Folder; 2],
) -> Result<Option<Digest>, Error> {
    if let Some(file) = open(folders[trail.folder], &trail.name)? {
        return read(file, octets, folders[trail.folder]);
    }
    let [_, cur] = folders;
    let own = trail.own_name();
    for name in cur.names()? {
        if is_name_of(own, &name)
            && let Ok(name) = str::from_utf8(&name)
            && let Some(file) = open(cur, name)?
        {
            return read(file, octets, cur);
        }
    }
    Ok(None)
}

/// Opens a file that may be gone, or not for us to read.
fn open(folder: &Folder, name: &str) -> Result<Option<File>, Error> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::openat(folder.fd(), name, flags, Mode::empty()) {
        Ok(fd) => Ok(Some(File::from(fd))),
        Err(Errno::ACCESS | Errno::LOOP | Errno::NOENT) => Ok(None),
        Err(errno) => Err(Error::cannot("open", &folder.path_of(name), errno)),
    }
}

fn read(mut file: File, octets: u64, folder: &Folder) -> Result<Option<Digest>, Error> {
    let mut read = || -> io::Result<Option<Digest>> {
        let stat = file.metadata()?;
        if !stat.is_file() || stat.len() != octets {
            return Ok(None);
        }
        let mut hasher = Hasher::default();
        let mut chunk = vec![0; CHUNK];
        loop {
            match file.read(&mut chunk)? {
                0 => return Ok(Some(hasher.finish())),
                count => hasher.update(&chunk[..count]),
            }
        }
    };
    read().map_err(|source| Error::Local {
        doing: "read a file in",
        path: folder.path_of(""),
        source,
    })
}
