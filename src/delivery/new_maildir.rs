//! Opens the folder of a Maildir, creates what is missing, and checks that no other user has a say in it.

use std::io;
use std::path::Path;

use super::{Error, FileMode};
use crate::os::sys::{self, File, WorldCalls};
use crate::os::walk::{self, PathRule, WalkError, WalkedFolder};

/// The folders of a Maildir.
const FOLDERS: [&str; 3] = ["tmp", "new", "cur"];

/// Opens the folder of a Maildir that has to exist.
///
/// The owner of a symbolic link on the way can turn it elsewhere, so that files are created there in our
/// name (CVE-2004-0880). The owner of a Maildir could not read our files in it.
pub(super) fn open(path: &Path) -> Result<WalkedFolder<WorldCalls>, Error> {
    let folder = walk::open_folder(path, PathRule::Links);
    let folder = folder.map_err(|error| Error::walk("open", error))?;
    folder.require_target(path, &folder.facts)?;
    Ok(folder)
}

/// Opens the folder of a Maildir to which messages were delivered before. If its disk is not mounted, there
/// is an empty folder, or no folder at all.
pub(super) fn open_present(path: &Path) -> Result<WalkedFolder<WorldCalls>, Error> {
    let gone = || Error::Gone(path.to_owned());
    let folder = match walk::open_folder(path, PathRule::Links) {
        Err(error) if error.is_not_found() => return Err(gone()),
        folder => folder.map_err(|error| not_created(path, error))?,
    };
    folder.require_target(path, &folder.facts)?;
    match is_begun(&folder, path)? {
        true => Ok(folder),
        false => Err(gone()),
    }
}

/// Opens the folder of a Maildir whose parent exists, and creates it (0700) if it is missing.
pub(super) fn open_or_create(
    path: &Path,
    file_mode: FileMode,
) -> Result<WalkedFolder<WorldCalls>, Error> {
    let made = walk::make_folder(path, PathRule::Links);
    let (folder, is_new) = made.map_err(|error| not_created(path, error))?;
    if is_new {
        share(&folder, ".", path, file_mode)?;
    }
    folder.require_target(path, &folder.facts)?;
    // A user who names the wrong folder does not want a Maildir among the other files there. A
    // Maildir that a kill left incomplete is completed, and so is one that another run, for another
    // account, is creating at this moment.
    if !is_new && !is_begun(&folder, path)? && has_other_files(&folder, path)? {
        return Err(Error::NotMaildir(path.to_owned()));
    }
    Ok(folder)
}

/// Creates the folders of a Maildir that are missing.
pub(super) fn complete(
    folder: &WalkedFolder<WorldCalls>,
    path: &Path,
    file_mode: FileMode,
) -> Result<(), Error> {
    for name in FOLDERS {
        let made = folder.make(name).map_err(|errno| Error::Create {
            path: path.join(name),
            source: errno.into(),
        })?;
        if made {
            share(folder, name, &path.join(name), file_mode)?;
        }
    }
    Ok(())
}

/// Gives a new folder the permissions that follow from those of the files.
fn share(
    folder: &WalkedFolder<WorldCalls>,
    name: &str,
    path: &Path,
    file_mode: FileMode,
) -> Result<(), Error> {
    if file_mode.is_private() {
        return Ok(());
    }
    let changed = folder.set_mode(name, file_mode.of_folder());
    changed.map_err(|errno| Error::Create {
        path: path.to_owned(),
        source: errno.into(),
    })
}

fn is_begun(folder: &WalkedFolder<WorldCalls>, path: &Path) -> Result<bool, Error> {
    for name in FOLDERS {
        let found = folder.look(name);
        let found = found.map_err(|errno| Error::local("look for", &path.join(name), errno))?;
        if found.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns true if there is anything but the folders of a Maildir, which another run may just have made.
fn has_other_files(folder: &WalkedFolder<WorldCalls>, path: &Path) -> Result<bool, Error> {
    let names = folder.readable().and_then(|folder| sys::names(&folder));
    let names = names.map_err(|errno| Error::local("read", path, errno))?;
    let is_other = |name: &[u8]| {
        let is_folder = FOLDERS.iter().any(|folder| folder.as_bytes() == name);
        !is_folder && name != b"." && name != b".."
    };
    Ok(names.iter().any(|name| is_other(name)))
}

/// Returns the error for a Maildir that was not reached or created.
fn not_created(path: &Path, error: WalkError) -> Error {
    let source = match error {
        WalkError::System { source, .. } => source,
        WalkError::Unsafe(path) => return path.into(),
    };
    let path = path.to_owned();
    // A parent is never created: its path may be mistyped, or its disk not mounted.
    match path.parent() {
        Some(parent)
            if source.kind() == io::ErrorKind::NotFound && sys::metadata(parent).is_err() =>
        {
            let parent = parent.to_owned();
            Error::NoParent { path, parent }
        }
        _ => Error::Create { path, source },
    }
}

/// Returns the command that makes a new Maildir for its owner only.
pub(super) fn command(path: &Path) -> String {
    let folders = FOLDERS.map(|name| shell_word(&path.join(name)));
    format!("(umask 077; mkdir -p {})", folders.join(" "))
}

/// Returns a path as one word for a shell.
fn shell_word(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@%".contains(c);
    if path.chars().all(is_plain) {
        path
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

/// Makes a new Maildir survive a power cut: a folder does so only once the folder that holds its name is
/// flushed.
pub(super) fn flush_with_parent(folder: &WalkedFolder<WorldCalls>) -> Result<(), Error> {
    flush(&folder.path)?;
    flush(folder.path.parent().unwrap_or(Path::new("/")))
}

fn flush(folder: &Path) -> Result<(), Error> {
    let cannot = |source| Error::Local {
        doing: "flush",
        path: folder.to_owned(),
        source,
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(cannot)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn an_incomplete_maildir_is_completed() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        for begun in [&[][..], &["tmp"], &["tmp", "new"]] {
            let path = folder.path().join(begun.len().to_string());
            for name in begun {
                fs::create_dir_all(path.join(name)).expect("a folder can be made");
            }
            let mode = FileMode::default();
            let created = open_or_create(&path, mode);
            let created = created.and_then(|folder| complete(&folder, &path, mode));
            created.expect("the Maildir can be created");
            assert!(FOLDERS.iter().all(|name| path.join(name).is_dir()));
        }
    }

    #[test]
    fn folders_that_another_run_has_just_made_are_no_other_files() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path();
        let opened = open(path).expect("it can be opened");
        let has_other = || has_other_files(&opened, path).expect("it can be read");
        fs::create_dir(path.join("tmp")).expect("a folder can be made");
        assert!(!has_other());
        fs::write(path.join("letter"), "").expect("a file can be made");
        assert!(has_other());
    }

    #[test]
    fn a_maildir_is_gone_if_none_of_its_folders_is_there() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("disk/my 'Mail'");
        let is_gone = |path: &Path| matches!(open_present(path), Err(Error::Gone(_)));
        assert!(is_gone(&path));
        fs::create_dir_all(&path).expect("a folder can be made");
        assert!(is_gone(&path));
        fs::write(path.join("not mounted"), "").expect("the file can be written");
        assert!(is_gone(&path));
        let mut shell = std::process::Command::new("sh");
        let status = shell.arg("-c").arg(command(&path)).status();
        let status = status.expect("there is a shell");
        assert!(status.success() && !is_gone(&path));
        let mode = path.join("new").metadata().expect("it was made").mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_folder_with_other_files_becomes_no_maildir() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        fs::write(folder.path().join("letter"), "x").expect("the file can be written");
        let error =
            open_or_create(folder.path(), FileMode::default()).expect_err("the folder is in use");
        assert!(matches!(error, Error::NotMaildir(_)), "{error}");
        assert!(!folder.path().join("tmp").exists());
    }

    #[test]
    fn the_parent_of_a_maildir_is_never_created() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let parent = folder.path().join("disk");
        let error = open_or_create(&parent.join("Mail"), FileMode::default())
            .expect_err("the parent is missing");
        let hint = error.hint().expect("the user can create it");
        assert_eq!(
            hint,
            format!("Create it first: mkdir -p {}", parent.display())
        );
        assert!(!parent.exists());
    }
}
