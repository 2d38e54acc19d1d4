//! A disk of its own, in an image file, whose power can fail. Only root can mount one.
//! Knows nothing of what is written on it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tools;

/// What a disk is formatted with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FileSystem {
    Btrfs,
    Ext4,
    Xfs,
}

impl FileSystem {
    fn formatter(self) -> &'static str {
        match self {
            Self::Btrfs => "mkfs.btrfs",
            Self::Ext4 => "mkfs.ext4",
            Self::Xfs => "mkfs.xfs",
        }
    }

    /// The size in octets, not much more than the least that the formatter takes.
    fn size(self) -> u64 {
        match self {
            Self::Btrfs => 128 << 20,
            Self::Ext4 => 64 << 20,
            Self::Xfs => 320 << 20,
        }
    }

    /// As little as possible is to reach the disk without having been asked to.
    fn options(self) -> &'static str {
        match self {
            Self::Btrfs => "loop,commit=300",
            Self::Ext4 => "loop,commit=600",
            Self::Xfs => "loop",
        }
    }
}

/// A mounted disk. Unmounted when dropped: before the sandbox that it lies in.
pub(crate) struct Disk {
    file_system: FileSystem,
    folder: PathBuf,
    image: PathBuf,
}

impl Disk {
    /// Formats a disk in the file `image`, makes `folder`, and mounts the disk over it. Returns
    /// `None` if the formatter is not installed or the system cannot mount the disk, after
    /// [`tools::skip`].
    ///
    /// # Panics
    ///
    /// If the test does not run as root.
    #[track_caller]
    pub(crate) fn mount(file_system: FileSystem, image: &Path, folder: &Path) -> Option<Self> {
        tools::require_root();
        let format = tools::find(file_system.formatter())?;
        File::create(image)
            .and_then(|file| file.set_len(file_system.size()))
            .and_then(|()| fs::create_dir_all(folder))
            .expect("the sandbox can be written");
        run(Command::new(format).arg("-q").arg(image)).expect("an empty disk can be formatted");
        let disk = Self {
            file_system,
            folder: folder.to_owned(),
            image: image.to_owned(),
        };
        match disk.attach() {
            Ok(()) => Some(disk),
            Err(why) => {
                // There is nothing to unmount.
                std::mem::forget(disk);
                tools::skip(format_args!(
                    "a {file_system:?} disk, which cannot be mounted here: {why}"
                ));
                None
            }
        }
    }

    /// Brings all that was written until now to the disk.
    pub(crate) fn sync(&self) {
        let folder = File::open(&self.folder).expect("it is mounted");
        rustix::fs::syncfs(folder).expect("the disk is sound");
    }

    /// Takes down what is on the disk at this instant: the octets of the image, and nothing of what
    /// the system still has in memory for it.
    pub(crate) fn copy(&self) -> PathBuf {
        let copy = self.image.with_extension("copy");
        let mut command = Command::new("cp");
        command.args(["--sparse=always", "--reflink=never"]);
        run(command.arg(&self.image).arg(&copy)).expect("the sandbox can be written");
        copy
    }

    /// Puts a copy in the place of the disk, as if the power had come back.
    pub(crate) fn replace(&mut self, copy: PathBuf) {
        self.detach().expect("nobody uses the disk");
        self.image = copy;
        self.attach()
            .expect("what survives a power cut can be mounted");
    }

    fn attach(&self) -> Result<(), String> {
        let mut command = Command::new("mount");
        command.arg("-o").arg(self.file_system.options());
        run(command.arg(&self.image).arg(&self.folder))
    }

    fn detach(&self) -> Result<(), String> {
        run(Command::new("umount").arg(&self.folder))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Err(why) = self.detach() {
            tools::report(format_args!("cannot unmount a disk: {why}"));
        }
    }
}

/// Runs a program; the error is what it complained.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::sandbox::Sandbox;

    #[test]
    #[ignore = "needs root: tests/run runs it"]
    fn a_power_cut_keeps_only_synced_files() {
        for file_system in [FileSystem::Ext4, FileSystem::Xfs, FileSystem::Btrfs] {
            let sandbox = Sandbox::new();
            let folder = sandbox.path("disk");
            let disk = Disk::mount(file_system, &sandbox.path("image"), &folder);
            let Some(mut disk) = disk else {
                continue;
            };
            fs::write(folder.join("flushed"), "octets").expect("there is room");
            disk.sync();
            fs::write(folder.join("written"), "octets").expect("there is room");

            let copy = disk.copy();
            disk.replace(copy);

            let flushed = fs::read(folder.join("flushed")).expect("it is on the disk");
            assert_eq!(flushed, b"octets");
            assert!(!folder.join("written").exists(), "{file_system:?}");
        }
    }
}
