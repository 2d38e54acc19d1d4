//! A small file system of its own, which can really be full. Only root can mount one.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::tools;

/// A mounted tmpfs. Unmounted when dropped: before the sandbox that it lies in.
pub(crate) struct Tmpfs {
    folder: PathBuf,
}

impl Tmpfs {
    /// Mounts one over `folder`, which exists; `None`, said on standard error, if that is not
    /// allowed here.
    pub(crate) fn mount(folder: &Path, options: &str) -> Option<Self> {
        let mount = || {
            let mut command = Command::new("mount");
            command.args(["-t", "tmpfs", "-o", options, "tmpfs"]);
            command
                .arg(folder)
                .output()
                .is_ok_and(|o| o.status.success())
        };
        if !tools::is_root() || !mount() {
            tools::announce("skipped: no file system can be mounted here");
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
            tools::announce(format_args!("cannot unmount {}", self.folder.display()));
        }
    }
}
