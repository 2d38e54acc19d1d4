//! A small file system of its own, which can really be full. Only root can mount one.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::tools;

/// A mounted tmpfs. Unmounted when dropped: before the sandbox that it lies in.
pub(crate) struct Tmpfs {
    folder: PathBuf,
}

impl Tmpfs {
    /// Mounts one over `folder`, which exists. Returns `None` if the system does not allow it (as
    /// in most containers), after [`tools::skip`].
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

    /// Changes its options: makes it larger.
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
