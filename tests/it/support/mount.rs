//! Mounts: a small tmpfs, which can be filled up, and other file systems. Only root can mount one.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tools;

/// A mounted tmpfs. It is unmounted when dropped, which must happen before its sandbox is dropped.
pub(crate) struct Tmpfs {
    folder: PathBuf,
}

impl Tmpfs {
    /// Mounts a tmpfs over the existing `folder`. Returns `None` if the system does not allow it
    /// (most containers do not), after [`tools::skip`].
    ///
    /// # Panics
    ///
    /// If the test does not run as root.
    #[track_caller]
    pub(crate) fn mount(folder: &Path, options: &str) -> Option<Self> {
        tools::require_root();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", options, "tmpfs"]);
        let output = command.arg(folder).output();
        if !output.is_ok_and(|output| output.status.success()) {
            tools::skip("a tmpfs, which cannot be mounted here");
            return None;
        }
        Some(Self {
            folder: folder.to_owned(),
        })
    }

    /// Changes its options, for example its size.
    pub(crate) fn remount(&self, options: &str) {
        let mut command = Command::new("mount");
        command.arg("-o").arg(format!("remount,{options}"));
        let status = command.arg(&self.folder).status();
        assert!(status.is_ok_and(|status| status.success()), "{options}");
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let status = Command::new("umount").arg(&self.folder).status();
        if !status.is_ok_and(|status| status.success()) {
            tools::report(format_args!("cannot unmount {}", self.folder.display()));
        }
    }
}

/// Any other mount. It is unmounted when dropped, which must happen before its sandbox is dropped.
pub(crate) struct Mount {
    folder: PathBuf,
}

impl Mount {
    /// Calls mount(8) with these arguments for the existing `folder`. Returns `None` if the system does
    /// not allow it, after [`tools::skip`].
    ///
    /// # Panics
    ///
    /// If the test does not run as root.
    #[track_caller]
    pub(crate) fn at(folder: &Path, arguments: &[&OsStr]) -> Option<Self> {
        tools::require_root();
        let output = Command::new("mount").args(arguments).arg(folder).output();
        if !output.is_ok_and(|output| output.status.success()) {
            tools::skip(format_args!("a mount with {arguments:?}, which fails here"));
            return None;
        }
        Some(Self {
            folder: folder.to_owned(),
        })
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let status = Command::new("umount").arg(&self.folder).status();
        if !status.is_ok_and(|status| status.success()) {
            tools::report(format_args!("cannot unmount {}", self.folder.display()));
        }
    }
}
