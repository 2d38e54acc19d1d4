//! Creates a Maildir that is missing, and checks that no other user has a say in it.

use std::io;
use std::path::Path;

use super::Error;
use crate::os::sys::{self, File};

/// The folders of a Maildir.
const FOLDERS: [&str; 3] = ["tmp", "new", "cur"];

/// Requires that the Maildir, and the symbolic link by which it is reached, belong to us or to
/// root. The owner of a link can turn it elsewhere, so that files are created there in our name
/// (CVE-2004-0880). The owner of a Maildir could not read our files in it.
pub(super) fn require_ours(path: &Path) -> Result<(), Error> {
    const ROOT: u32 = 0;
    let us = rustix::process::geteuid().as_raw();
    // A Maildir that is missing is created, and one that cannot be looked at cannot be opened
    // either.
    let owners = [sys::symlink_metadata(path), sys::metadata(path)];
    let owners = owners.into_iter().flatten().map(|found| sys::owner(&found));
    match owners.into_iter().find(|owner| ![us, ROOT].contains(owner)) {
        None => Ok(()),
        Some(owner) => Err(Error::Foreign {
            path: path.to_owned(),
            owner,
        }),
    }
}

/// Creates what is missing of a Maildir whose parent exists.
pub(super) fn create(path: &Path) -> Result<(), Error> {
    let is_new = create_folder(path)?;
    // A user who names the wrong folder does not want a Maildir among the other files there. A
    // Maildir that a kill left incomplete is completed, and so is one that another run, for another
    // account, is creating at this moment.
    let is_begun = || FOLDERS.iter().any(|name| is_folder(&path.join(name)));
    if !is_new && !is_empty(path)? && !is_begun() {
        return Err(Error::NotMaildir(path.to_owned()));
    }
    FOLDERS
        .iter()
        .try_for_each(|name| create_folder(&path.join(name)).map(drop))
}

/// Requires that some of a Maildir is there: messages were delivered to it before. If its disk is not
/// mounted, there is an empty folder, or no folder at all.
pub(super) fn require_present(path: &Path) -> Result<(), Error> {
    let is_missing = |name: &str| {
        let found = sys::metadata(path.join(name));
        found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    match FOLDERS.iter().all(|name| is_missing(name)) {
        true => Err(Error::Gone(path.to_owned())),
        false => Ok(()),
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
pub(super) fn flush_with_parent(path: &Path) -> Result<(), Error> {
    flush(path)?;
    flush(path.parent().unwrap_or(Path::new("/")))
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

fn is_empty(path: &Path) -> Result<bool, Error> {
    let cannot = |source| Error::Local {
        doing: "read",
        path: path.to_owned(),
        source,
    };
    sys::is_empty(path).map_err(cannot)
}

/// Creates a folder (0700) unless it exists. Returns true if it had to be created.
fn create_folder(path: &Path) -> Result<bool, Error> {
    match sys::create_folder(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_folder(path) => Ok(false),
        // A parent is never created: its path may be mistyped, or its disk not mounted.
        Err(source) => Err(match path.parent() {
            Some(parent)
                if source.kind() == io::ErrorKind::NotFound && sys::metadata(parent).is_err() =>
            {
                Error::NoParent {
                    path: path.to_owned(),
                    parent: parent.to_owned(),
                }
            }
            _ => Error::Create {
                path: path.to_owned(),
                source,
            },
        }),
    }
}

/// Returns true if a path leads to a folder.
fn is_folder(path: &Path) -> bool {
    sys::metadata(path).is_ok_and(|found| found.is_dir())
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
            create(&path).expect("the Maildir can be created");
            assert!(FOLDERS.iter().all(|name| path.join(name).is_dir()));
        }
    }

    #[test]
    fn a_maildir_is_gone_if_none_of_its_folders_is_there() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("disk/my 'Mail'");
        let is_gone = |path: &Path| matches!(require_present(path), Err(Error::Gone(_)));
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
        let error = create(folder.path()).expect_err("the folder is in use");
        assert!(matches!(error, Error::NotMaildir(_)), "{error}");
        assert!(!folder.path().join("tmp").exists());
    }

    #[test]
    fn the_parent_of_a_maildir_is_never_created() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let parent = folder.path().join("disk");
        let error = create(&parent.join("Mail")).expect_err("the parent is missing");
        let hint = error.hint().expect("the user can create it");
        assert_eq!(
            hint,
            format!("Create it first: mkdir -p {}", parent.display())
        );
        assert!(!parent.exists());
    }
}
