//! A disk in an image file, whose power can fail. Only root can mount one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::mount::{run, skip_unmountable};
use super::tools;

/// The longest time for which a disk may be busy.
const BUSY_FOR: Duration = Duration::from_secs(30);

/// The file system of a disk.
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

    /// The size of the image in octets: little more than the minimum of the formatter.
    fn size(self) -> u64 {
        match self {
            Self::Btrfs => 128 << 20,
            Self::Ext4 => 64 << 20,
            Self::Xfs => 320 << 20,
        }
    }

    /// The mount options. They delay writing: as little as possible reaches the disk before the
    /// program flushes it.
    fn options(self) -> &'static str {
        match self {
            Self::Btrfs => "loop,commit=300",
            Self::Ext4 => "loop,commit=600",
            Self::Xfs => "loop",
        }
    }
}

/// A mounted disk. It is unmounted when dropped, which must happen before its sandbox is dropped.
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
    /// If the test does not run as root, or if the mount fails for another reason.
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
                // Dropping it would unmount it, and it is not mounted.
                std::mem::forget(disk);
                skip_unmountable(&format!("a {file_system:?} disk"), &why);
                None
            }
        }
    }

    /// Flushes everything that was written until now.
    pub(crate) fn sync(&self) {
        let folder = File::open(&self.folder).expect("the disk is mounted");
        rustix::fs::syncfs(folder).expect("the disk can be written");
    }

    /// Copies the image as it is at this instant, without the data that the kernel still holds in
    /// memory for it.
    pub(crate) fn copy(&self) -> PathBuf {
        let copy = self.image.with_extension("copy");
        let mut command = Command::new("cp");
        command.args(["--sparse=always", "--reflink=never"]);
        run(command.arg(&self.image).arg(&copy)).expect("the sandbox can be written");
        copy
    }

    /// Replaces the disk with a copy, as if the power had come back.
    pub(crate) fn replace(&mut self, copy: PathBuf) {
        self.detach().expect("no process uses the disk");
        self.image = copy;
        self.attach()
            .expect("a journal or copy-on-write makes a disk mountable after a power cut");
    }

    fn attach(&self) -> Result<(), String> {
        let mut command = Command::new("mount");
        command.arg("-o").arg(self.file_system.options());
        run(command.arg(&self.image).arg(&self.folder))
    }

    /// Unmounts the disk. A child that another test is just starting may have its files open until it runs
    /// its program, so this is tried again for a while.
    fn detach(&self) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            match run(Command::new("umount").arg(&self.folder)) {
                Err(why) if why.contains("busy") && begun.elapsed() < BUSY_FOR => {}
                done => return done,
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Err(why) = self.detach() {
            tools::report(format_args!("cannot unmount a disk: {why}"));
        }
    }
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
            fs::write(folder.join("synced"), "octets").expect("the disk has room");
            disk.sync();
            fs::write(folder.join("written"), "octets").expect("the disk has room");

            let copy = disk.copy();
            disk.replace(copy);

            let synced = fs::read(folder.join("synced")).expect("a synced file survives");
            assert_eq!(synced, b"octets");
            assert!(!folder.join("written").exists(), "{file_system:?}");
        }
    }
}
