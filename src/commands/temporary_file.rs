//! A private place for a message on its way through this program.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use crate::exit::{Exit, Failure};
use crate::os::random::random;

/// Makes a private file that is gone when it is closed.
pub(super) fn nameless_file() -> io::Result<File> {
    let unguessable = u128::from_ne_bytes(random());
    let path = std::env::temp_dir().join(format!("mailpull-{unguessable:032x}"));
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

/// Returns the failure to keep the message.
pub(super) fn cannot_keep(error: io::Error) -> Failure {
    let folder = std::env::temp_dir();
    let what = format!("cannot keep the message in {}: {error}", folder.display());
    Failure::new(what, Exit::LocalIo).with_hint("Name another folder in the variable TMPDIR")
}
