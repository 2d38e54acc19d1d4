//! Finds messages that earlier runs delivered into a Maildir, by the names of their files, for a
//! database that does not know them. A name is only a reason to look: a file is the message if it
//! has the message's octets, apart from header lines that servers write.

use std::collections::HashMap;
use std::io::{self, Read};

use rustix::io::Errno;

use super::Error;
use super::folder::Folder;
use super::unique_name::{ParsedName, hash, is_name_of, without_flags};
use crate::mail::custody::{Delivered, Found, StoredMessage};
use crate::mail::mark::Mark;
use crate::mail::reader::MessageReader;
use crate::mail::same::{Likeness, MessageContent, compare};
use crate::moment::Moment;
use crate::os::sys::{self, File, Mode, OFlags};

/// The most readings of a folder that changes meanwhile: readdir(3) may miss a file that is being
/// renamed.
const MOST_SCANS: usize = 5;
/// The octets of a file that are read at once.
const CHUNK: usize = 64 * 1024;

/// The messages to look for.
#[derive(Debug)]
pub(crate) struct SoughtMessages {
    /// The hashes of their unique-ids, sorted.
    hashes: Vec<u64>,
    tags: Vec<String>,
    /// The mark of the files that the database knows.
    own: Mark,
}

impl SoughtMessages {
    /// Looks for messages with these unique-ids, of an account whose files have one of these tags. A
    /// file with the account's `own` mark is known to the database, so it is no such message.
    pub(crate) fn new<'a>(
        unique_ids: impl Iterator<Item = &'a [u8]>,
        tags: Vec<String>,
        own: Mark,
    ) -> Self {
        let mut hashes: Vec<_> = unique_ids.map(hash).collect();
        hashes.sort_unstable();
        Self { hashes, tags, own }
    }

    /// Returns true if another database made the file for this account.
    fn is_foreign(&self, name: &ParsedName<'_>) -> bool {
        name.mark != Some(self.own) && self.tags.iter().any(|tag| tag == name.tag)
    }
}

/// The files that may be sought messages.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// By the hashes of their unique-ids.
    files: HashMap<u64, Vec<CandidateFile>>,
    /// The result of the search as a whole.
    earlier: EarlierFiles,
}

/// The result of a search for files that another database made for the account.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum EarlierFiles {
    /// There was no search.
    #[default]
    Unknown,
    /// There is no such file, so nothing can be recognised.
    Absent,
    /// There are some.
    Present,
}

/// A file, and the folder in which it was last seen.
#[derive(Debug)]
struct CandidateFile {
    /// Its name, with the flags of a mail reader.
    name: String,
    /// The position of its folder in `[new, cur]`.
    folder: usize,
    /// Its content, once it was read.
    content: FileContent,
}

/// The content of a candidate. Some servers give one unique-id to many messages, so a file is read once.
#[derive(Debug)]
enum FileContent {
    Unread,
    Read(Box<MessageContent>),
    /// The file is gone, or we may not read it.
    Unreadable,
}

impl Candidates {
    /// Searches new/ and cur/ of a Maildir, in the order in which a mail reader moves messages: one
    /// that is moved meanwhile is found in one of them.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub(super) fn search(folders: [&Folder; 2], sought: &SoughtMessages) -> Result<Self, Error> {
        let mut candidates = Self::default();
        if sought.hashes.is_empty() {
            return Ok(candidates);
        }
        candidates.earlier = EarlierFiles::Absent;
        for (at, folder) in folders.into_iter().enumerate() {
            for _ in 0..MOST_SCANS {
                let before = folder.changed()?;
                for name in folder.names()? {
                    candidates.add(name, at, sought);
                }
                if folder.changed()? == before {
                    break;
                }
            }
        }
        Ok(candidates)
    }

    fn add(&mut self, name: Vec<u8>, folder: usize, sought: &SoughtMessages) {
        let Some(hash) = ParsedName::read(&name)
            .filter(|parsed| sought.is_foreign(parsed))
            .map(|parsed| parsed.unique_id)
        else {
            return;
        };
        self.earlier = EarlierFiles::Present;
        if sought.hashes.binary_search(&hash).is_err() {
            return;
        }
        let Ok(name) = String::from_utf8(name) else {
            return;
        };
        let file = CandidateFile {
            name,
            folder,
            content: FileContent::Unread,
        };
        let files = self.files.entry(hash).or_default();
        // A file that was renamed between two readings is seen twice.
        match files
            .iter_mut()
            .find(|other| without_flags(&other.name) == without_flags(&file.name))
        {
            Some(other) => *other = file,
            None => files.push(file),
        }
    }

    /// Returns what the search showed about files that another database made for the account.
    pub(super) fn earlier(&self) -> EarlierFiles {
        self.earlier
    }

    /// Returns true if a message with this unique-id may be among them.
    pub(super) fn may_include(&self, unique_id: &[u8]) -> bool {
        self.files.contains_key(&hash(unique_id))
    }

    /// Finds the file of a message, and removes it from the candidates. A file with the same octets is
    /// preferred to one that differs in header lines that servers write: several messages may have the
    /// same unique-id.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn take(
        &mut self,
        stored: &StoredMessage,
        folders: [&Folder; 2],
    ) -> Result<Option<Found>, Error> {
        let unique_id = stored.identity.unique_id.as_octets();
        let Some(files) = self.files.get_mut(&hash(unique_id)) else {
            return Ok(None);
        };
        let download = stored.content();
        let mut same = None;
        for (at, file) in files.iter_mut().enumerate() {
            let Some(content) = file.read(folders)? else {
                continue;
            };
            if content.digest == download.digest {
                same = Some(at);
                break;
            }
            if same.is_none() && compare(content, &download) == Likeness::Same {
                same = Some(at);
            }
        }
        let Some(same) = same else {
            return Ok(None);
        };
        let file_name = without_flags(&files.swap_remove(same).name).to_owned();
        let when = ParsedName::read(file_name.as_bytes()).map_or(Moment::now(), |name| name.when);
        let stored = StoredMessage {
            file_name,
            ..stored.clone()
        };
        let delivered = Delivered::found(stored);
        Ok(Some(Found { delivered, when }))
    }
}

impl CandidateFile {
    /// Returns the content of the file. Returns `None` if it is gone, or if we may not read it.
    fn read(&mut self, folders: [&Folder; 2]) -> Result<Option<&MessageContent>, Error> {
        if matches!(self.content, FileContent::Unread) {
            self.content = match self.read_moved(folders)? {
                Some(content) => FileContent::Read(Box::new(content)),
                None => FileContent::Unreadable,
            };
        }
        match &self.content {
            FileContent::Read(content) => Ok(Some(content)),
            FileContent::Unread | FileContent::Unreadable => Ok(None),
        }
    }

    /// Reads the file, to whatever name a mail reader has moved it meanwhile.
    fn read_moved(&self, folders: [&Folder; 2]) -> Result<Option<MessageContent>, Error> {
        let folder = folders[self.folder];
        if let Some(opened) = open(folder, &self.name)? {
            return read(opened, folder);
        }
        let [_, cur] = folders;
        let delivered_name = without_flags(&self.name);
        for name in cur.names()? {
            if is_name_of(delivered_name, &name)
                && let Ok(name) = str::from_utf8(&name)
                && let Some(opened) = open(cur, name)?
            {
                return read(opened, cur);
            }
        }
        Ok(None)
    }
}

/// Opens a file that may be gone, or that we may not read.
fn open(folder: &Folder, name: &str) -> Result<Option<File>, Error> {
    // NONBLOCK: anybody who can write to the Maildir may have put a FIFO there, and opening that
    // would wait for its writer.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match sys::openat(folder.handle(), name, flags, Mode::empty()) {
        Ok(file) => Ok(Some(file)),
        Err(Errno::ACCESS | Errno::LOOP | Errno::NOENT) => Ok(None),
        Err(errno) => Err(Error::local("open", &folder.path_of(name), errno)),
    }
}

/// Reads a file. Returns `None` if it is not an ordinary file.
fn read(mut file: File, folder: &Folder) -> Result<Option<MessageContent>, Error> {
    let mut read = || -> io::Result<Option<MessageContent>> {
        if !file.metadata()?.is_file() {
            return Ok(None);
        }
        let mut reader = MessageReader::default();
        let mut chunk = vec![0; CHUNK];
        loop {
            match file.read(&mut chunk)? {
                0 => break,
                count => reader.push(&chunk[..count]),
            }
        }
        let read = reader.finish();
        Ok(Some(MessageContent {
            digest: read.digest,
            from: read.header.from,
            fingerprint: read.fingerprint,
        }))
    };
    read().map_err(|source| Error::Local {
        doing: "read a file in",
        path: folder.path().to_owned(),
        source,
    })
}
