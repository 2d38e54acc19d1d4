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
    /// Mounts a tmpfs over the existing `folder`. Returns `None` as [`mount`] does.
    #[track_caller]
    pub(crate) fn mount(folder: &Path, options: &str) -> Option<Self> {
        let arguments = ["-t", "tmpfs", "-o", options, "tmpfs"].map(OsStr::new);
        mount("a tmpfs", folder, &arguments).then(|| Self {
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
        // A child that another test is just starting may have its files open for a moment: then it is gone
        // once that child runs its program.
        let status = Command::new("umount").arg("-l").arg(&self.folder).status();
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
    /// Calls mount(8) with these arguments for the existing `folder`. `what` names the file system.
    /// Returns `None` as [`mount`] does.
    #[track_caller]
    pub(crate) fn at(what: &str, folder: &Path, arguments: &[&OsStr]) -> Option<Self> {
        mount(what, folder, arguments).then(|| Self {
            folder: folder.to_owned(),
        })
    }
}

/// Calls mount(8). Returns false if this system cannot mount such a file system, after [`tools::skip`].
///
/// # Panics
///
/// If the test does not run as root, or if the mount fails for another reason.
#[track_caller]
fn mount(what: &str, folder: &Path, arguments: &[&OsStr]) -> bool {
    tools::require_root();
    let mut command = Command::new("mount");
    match run(command.args(arguments).arg(folder)) {
        Ok(()) => true,
        Err(why) => {
            skip_unmountable(what, &why);
            false
        }
    }
}

/// Runs a program. The error is what it printed on standard error.
pub(super) fn run(command: &mut Command) -> Result<(), String> {
    let output = command.env("LC_ALL", "C").output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

/// Leaves the running test out because of the error of mount(8): this system cannot mount `what`.
///
/// # Panics
///
/// If the error has another reason. Then the test would be left out although the system can mount it.
#[track_caller]
pub(super) fn skip_unmountable(what: &str, error: &str) {
    let reason = unmountable(error);
    let Some(reason) = reason else {
        panic!("cannot mount {what}: {error}");
    };
    tools::skip(format_args!("{what}, which cannot be mounted: {reason}"));
}

/// Returns why a system can never mount something, by the error of mount(8).
fn unmountable(error: &str) -> Option<&'static str> {
    let error = error.to_ascii_lowercase();
    let reasons = [
        ("unknown filesystem type", "the kernel does not know it"),
        ("loop device", "this system has no loop devices"),
        ("permission denied", "this system does not allow it"),
        ("not permitted", "this system does not allow it"),
        ("must be superuser", "this system does not allow it"),
    ];
    reasons
        .iter()
        .find(|(said, _)| error.contains(said))
        .map(|(_, reason)| *reason)
}

impl Drop for Mount {
    fn drop(&mut self) {
        // A child that another test is just starting may have its files open for a moment: then it is gone
        // once that child runs its program.
        let status = Command::new("umount").arg("-l").arg(&self.folder).status();
        if !status.is_ok_and(|status| status.success()) {
            tools::report(format_args!("cannot unmount {}", self.folder.display()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::unmountable;

    #[test]
    fn only_a_system_without_the_file_system_excuses_a_test() {
        for (error, is_excused) in [
            ("mount: /m: unknown filesystem type 'vfat'.", true),
            ("mount: /m: failed to setup loop device for /image.", true),
            ("mount: /m: permission denied.", true),
            ("mount: /m: must be superuser to use mount.", true),
            (
                "mount: /m: wrong fs type, bad option, bad superblock on /dev/loop0.",
                false,
            ),
            ("mount: /m: mount point does not exist.", false),
            ("", false),
        ] {
            assert_eq!(unmountable(error).is_some(), is_excused, "{error}");
        }
    }
}
