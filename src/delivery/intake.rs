//! The folder in which messages arrive and become durable: a Maildir's tmp/, or the spool of an
//! MDA.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Error;
use super::file_mode::FileMode;
use super::folder::Folder;
use super::leftovers::{self, Leftovers, UNKNOWN};
use super::unique_name::UniqueNames;
use crate::mail::custody::{Durable, Receipt, StoredMessage};
use crate::mail::fields::Fields;
use crate::mail::headers::HeaderReader;
use crate::mail::maildrop::{Message, UniqueId};
use crate::mail::mark::FileMarks;
use crate::mail::reader::MessageReader;
use crate::mail::same::Fingerprint;
use crate::mail::suspicion::Suspicion;
use crate::moment::Moment;
use crate::os::sys::{self, File, Instant, Mode, OFlags};

/// Up to this number, files are flushed one by one. That costs no more than a syncfs, which also
/// waits for the octets of other programs.
const FEW_FILES: usize = 4;
/// The octets of a message that are copied at a time.
const COPIED_PIECE: usize = 64 * 1024;
/// The octets of a header that are read at a time.
const HEADER_PIECE: usize = 16 * 1024;
/// The end of the name of a copy that is not whole yet.
const PART: &str = ".part";
/// A syncfs that takes longer is busy with the octets of other programs: from then on files are
/// flushed one by one.
const SLOW_SYNCFS: Duration = Duration::from_secs(2);

/// The folder in which messages arrive.
#[derive(Debug)]
pub(crate) struct Intake {
    folder: Arc<Folder>,
    names: UniqueNames,
    file_mode: FileMode,
    /// True if a syncfs here is fast and reports failed writes.
    trusts_syncfs: AtomicBool,
}

impl Intake {
    /// Creates an intake that receives messages in an open folder. The names of their files get the
    /// account's marks.
    pub(super) fn new(folder: Folder, marks: &FileMarks) -> Self {
        let trusts_syncfs = AtomicBool::new(sys::syncfs_reports_errors(folder.handle()));
        Self {
            folder: Arc::new(folder),
            names: UniqueNames::new(marks),
            file_mode: FileMode::default(),
            trusts_syncfs,
        }
    }

    /// Sets the permissions of the files.
    pub(super) fn with_file_mode(self, file_mode: FileMode) -> Self {
        Self { file_mode, ..self }
    }

    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Requires that the disk has room for `octets`, as far as its file system says.
    ///
    /// # Errors
    /// There is less room.
    pub(crate) fn require_room(&self, octets: u64) -> Result<(), Error> {
        let Ok(disk) = sys::fstatvfs(self.folder.handle()) else {
            return Ok(());
        };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        // Some file systems do not know their size and report 0 blocks.
        if disk.f_blocks == 0 || free >= octets {
            return Ok(());
        }
        let path = self.folder.path().to_owned();
        Err(Error::NoRoom { path, octets, free })
    }

    /// Creates the file of a message that is about to arrive (custody step 1).
    ///
    /// # Errors
    /// The file cannot be created.
    pub(crate) fn accept(&self, message: &Message) -> Result<Incoming, Error> {
        self.begin(&message.identity.unique_id)
    }

    /// Creates the file of a message.
    fn begin(&self, unique_id: &UniqueId) -> Result<Incoming, Error> {
        let name = self.names.next(unique_id);
        let file = self.create(&name)?;
        let unfinished = UnfinishedFile {
            folder: Arc::clone(&self.folder),
            name,
        };
        Ok(Incoming {
            file,
            unfinished,
            reader: MessageReader::default(),
        })
    }

    /// Copies a message of which another folder has the file. Under its name it is whole, also after a kill or a
    /// power cut.
    ///
    /// # Errors
    /// The message cannot be read, or its copy not be written.
    pub(super) fn copy(&self, name: &str, message: &mut File) -> Result<(), Error> {
        let part = format!("{name}{PART}");
        // A killed run has left it.
        self.folder.remove(part.as_ref())?;
        let mut file = self.create(&part)?;
        let written = io::copy(message, &mut file);
        written.map_err(|source| Error::Local {
            doing: "write",
            path: self.folder.path_of(&part),
            source,
        })?;
        let failed = |doing, errno| Error::local(doing, &self.folder.path_of(&part), errno);
        sys::fsync(&file).map_err(|errno| failed("flush", errno))?;
        let folder = self.folder.handle();
        sys::renameat(folder, &*part, folder, name).map_err(|errno| failed("rename", errno))
    }

    /// Creates a file.
    fn create(&self, name: &str) -> Result<File, Error> {
        // EXCL: another program may have put a file or a link there under this name.
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = sys::openat(self.folder.handle(), name, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| Error::local("create", &self.folder.path_of(name), errno))?;
        if !self.file_mode.is_private() {
            // The umask would take away what the group is to have.
            let changed = sys::fchmod(&file, self.file_mode.of_file());
            changed.map_err(|errno| Error::local("change", &self.folder.path_of(name), errno))?;
        }
        Ok(file)
    }

    /// Makes complete messages survive a power cut, their octets and their names (custody step 2).
    /// This takes one syncfs where that is known to report errors, else one fsync per file.
    ///
    /// # Errors
    /// The batch is not stored, and its files are removed. After a failed fsync, ext4, XFS and
    /// Btrfs mark the pages as clean: a second flush would report success without having written
    /// anything.
    pub(crate) fn flush(&self, receipts: Vec<Receipt>) -> Result<Vec<Durable>, Error> {
        if let Err(error) = self.flush_files(&receipts) {
            for receipt in receipts {
                // The failed flush is the error to report. The next run removes a file that stays.
                let _ = self.discard(receipt);
            }
            return Err(error);
        }
        Ok(receipts.into_iter().map(Durable::new).collect())
    }

    fn flush_files(&self, receipts: &[Receipt]) -> Result<(), Error> {
        if receipts.len() > FEW_FILES && self.trusts_syncfs.load(Ordering::Relaxed) {
            let begun = Instant::now();
            sys::syncfs(self.folder.handle())
                .map_err(|errno| Error::local("flush", self.folder.path(), errno))?;
            if begun.elapsed() > SLOW_SYNCFS {
                self.trusts_syncfs.store(false, Ordering::Relaxed);
            }
            return Ok(());
        }
        for receipt in receipts {
            sys::fsync(receipt.file()).map_err(|errno| {
                let path = self.folder.path_of(&receipt.stored().file_name);
                Error::local("flush", &path, errno)
            })?;
        }
        // The fsync of a file does not promise that its name is on the disk.
        self.folder.flush()
    }

    /// Opens the file of a message that has arrived.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(super) fn open(&self, receipt: &Receipt) -> Result<File, Error> {
        let name = &*receipt.stored().file_name;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = sys::openat(self.folder.handle(), name, flags, Mode::empty());
        opened.map_err(|errno| Error::local("open", &self.folder.path_of(name), errno))
    }

    /// Puts other octets in the place of a message that has arrived. It is still the same message: it is
    /// compared with other downloads as it was.
    ///
    /// # Errors
    /// The octets cannot be read or stored.
    pub(super) fn rewrite(
        &self,
        receipt: Receipt,
        octets: &mut impl Read,
    ) -> Result<Receipt, Error> {
        let original = receipt.stored();
        let mut incoming = self.begin(&original.identity.unique_id)?;
        let mut piece = vec![0; COPIED_PIECE];
        loop {
            let read = octets.read(&mut piece).map_err(|source| Error::Local {
                doing: "read the output of the filter for",
                path: self.folder.path_of(&original.file_name),
                source,
            })?;
            if read == 0 {
                break;
            }
            incoming.write(&piece[..read])?;
        }
        let read = incoming.reader.finish();
        let stored = StoredMessage {
            file_name: incoming.unfinished.keep(),
            octets: read.octets,
            digest: read.digest,
            fingerprint: Box::new(Fingerprint {
                canonical: Some(*original.content().canonical()),
                ..*original.fingerprint
            }),
            ..original.clone()
        };
        self.discard(receipt)?;
        Ok(Receipt::new(stored, incoming.file))
    }

    /// Reads the header fields with these names, which are in lower case, of a message that has arrived.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read_fields(
        &self,
        receipt: &Receipt,
        names: &[String],
        now: Moment,
    ) -> Result<Fields, Error> {
        let mut file = self.open(receipt)?;
        let mut reader = HeaderReader::for_rules();
        let mut piece = [0; HEADER_PIECE];
        loop {
            let read = file.read(&mut piece).map_err(|source| Error::Local {
                doing: "read",
                path: self.folder.path_of(&receipt.stored().file_name),
                source,
            })?;
            let rest = reader.push(&piece[..read]);
            if read == 0 || !rest.is_empty() {
                return Ok(reader.fields(names, now));
            }
        }
    }

    /// Removes a message that is not needed, for example because it was delivered before.
    ///
    /// # Errors
    /// The file cannot be removed; the next run tries again.
    pub(crate) fn discard(&self, receipt: Receipt) -> Result<(), Error> {
        self.folder
            .remove(OsStr::new(&receipt.into_stored().file_name))
    }

    /// Removes the files of messages that the database did not accept.
    ///
    /// # Errors
    /// A file cannot be removed; the next run tries again.
    pub(crate) fn withdraw(&self, file_names: &[String]) -> Result<(), Error> {
        file_names
            .iter()
            .try_for_each(|name| self.folder.remove(OsStr::new(name)))
    }

    /// Removes the files that killed runs of this database left for this account and that are not
    /// `staged`. The caller must hold the account's lock.
    ///
    /// # Errors
    /// The folder cannot be read, or a file cannot be removed.
    pub(crate) fn sweep(&self, staged: &HashSet<String>) -> Result<(), Error> {
        for name in self.folder.names()? {
            let is_unneeded = match self.names.is_own(&name) {
                true => !leftovers::is_of(staged, &name),
                // The proof of staged messages is needed.
                false => staged.is_empty() && self.names.is_own_file(&name),
            };
            if is_unneeded {
                self.folder.remove(OsStr::from_bytes(&name))?;
            }
        }
        Ok(())
    }

    /// Renames the files of the account that no database knows, so that the user finds them and they
    /// are reported only once. Returns their number.
    ///
    /// # Errors
    /// The folder cannot be read, or a file cannot be renamed.
    pub(crate) fn set_aside(&self, leftovers: &Leftovers) -> Result<usize, Error> {
        let found = leftovers.find(&self.folder)?;
        for name in &found {
            let aside = [name, UNKNOWN].concat();
            let folder = self.folder.handle();
            sys::renameat(folder, &**name, folder, &*aside).map_err(|errno| {
                let path = self.folder.path_of(OsStr::from_bytes(name));
                Error::local("rename", &path, errno)
            })?;
        }
        if !found.is_empty() {
            self.folder.flush()?;
        }
        Ok(found.len())
    }
}

/// A message that is arriving. Dropping it before [`Self::finish`] removes its file.
pub(crate) struct Incoming {
    file: File,
    unfinished: UnfinishedFile,
    reader: MessageReader,
}

impl Incoming {
    /// Appends octets.
    ///
    /// # Errors
    /// They cannot be written: the disk is full or broken.
    pub(crate) fn write(&mut self, octets: &[u8]) -> Result<(), Error> {
        self.file.write_all(octets).map_err(|source| Error::Local {
            doing: "write",
            path: self.unfinished.folder.path_of(&self.unfinished.name),
            source,
        })?;
        self.reader.push(octets);
        Ok(())
    }

    /// Confirms that the message is complete: its terminator has arrived.
    pub(crate) fn finish(self, message: Message) -> Receipt {
        let read = self.reader.finish();
        let stored = StoredMessage {
            identity: message.identity,
            size: message.size,
            file_name: self.unfinished.keep(),
            octets: read.octets,
            digest: read.digest,
            header: read.header,
            fingerprint: Box::new(read.fingerprint),
            suspicion: Suspicion::None,
            chosen: Vec::new(),
        };
        Receipt::new(stored, self.file)
    }
}

/// A file that is removed when this is dropped, unless [`Self::keep`] was called.
struct UnfinishedFile {
    folder: Arc<Folder>,
    name: String,
}

impl UnfinishedFile {
    fn keep(mut self) -> String {
        std::mem::take(&mut self.name)
    }
}

impl Drop for UnfinishedFile {
    fn drop(&mut self) {
        if !self.name.is_empty() {
            // If it cannot be removed now, the next run removes it.
            let _ = self.folder.remove(OsStr::new(&self.name));
        }
    }
}
