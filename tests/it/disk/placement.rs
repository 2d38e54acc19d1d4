//! File systems that lack a way to put a file in its place. The real ones are mounted where this machine
//! can mount them, and the others are imitated: strace makes the calls fail that they refuse.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::support::mail::{TestMessage, ordinary};
use crate::support::model_server::ModelServer;
use crate::support::mount::{Mount, Tmpfs};
use crate::support::outcome::RunOutcome;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::tools;

struct PlacementSetup {
    messages: Vec<TestMessage>,
    sandbox: Sandbox,
    server: ModelServer,
}

impl PlacementSetup {
    fn new() -> Self {
        let messages = ordinary(1, 4);
        let server = ModelServer::start(messages.clone());
        let sandbox = Sandbox::with_work(server.address(), "keep = false");
        Self {
            messages,
            sandbox,
            server,
        }
    }

    /// Runs while every one of these system calls fails: `renameat2=EINVAL`.
    fn fetch_without(&self, faults: &[&str]) -> RunOutcome {
        let mut command = self.sandbox.command("strace");
        command.args(["-f", "-qq", "-e", "signal=none", "-o"]);
        command.arg(self.sandbox.path("strace"));
        let faults: Vec<_> = faults
            .iter()
            .filter_map(|fault| fault.split_once('='))
            .collect();
        let calls: Vec<_> = faults.iter().map(|(call, _)| *call).collect();
        command.args(["-e", &format!("trace={}", calls.join(","))]);
        for (call, error) in faults {
            command.args(["-e", &format!("inject={call}:error={error}")]);
        }
        command.arg(self.sandbox.program()).arg("fetch");
        Program::new(command).run()
    }

    /// Claims that every message was delivered once and fetched once.
    #[track_caller]
    fn is_done(&self) {
        self.sandbox.work().holds(&self.messages);
        let log = self.server.log();
        assert_eq!((self.server.count(), log.count("RETR")), (0, 4));
        for folder in ["tmp", "new", "cur"] {
            let path = self.sandbox.work().path().join(folder);
            let hidden = fs::read_dir(path).expect("the Maildir exists");
            let mut hidden = hidden.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            assert!(!hidden.any(|name| name.starts_with('.')), "{folder}");
        }
    }

    /// Claims that nothing was downloaded, because tmp/ and new/ are on different file systems.
    #[track_caller]
    fn is_refused(&self, outcome: &RunOutcome) {
        outcome
            .fails_with(73)
            .complains_in_lines(1)
            .stderr_has("are not on the same file system")
            .stderr_has("mount point");
        let log = self.server.log();
        assert_eq!((self.server.count(), log.count("RETR")), (4, 0));
    }
}

#[test]
fn a_file_system_without_an_exclusive_rename_is_usable() {
    if tools::find("strace").is_none() {
        return;
    }
    // NFS, vboxsf, Android's storage, and a kernel without the call.
    for error in ["EINVAL", "EPERM", "ENOSYS", "EOPNOTSUPP"] {
        let rename = format!("renameat2={error}");
        let setup = PlacementSetup::new();
        setup.fetch_without(&[&rename]).succeeds().is_silent();
        setup.is_done();

        for error in ["EPERM", "EOPNOTSUPP", "ENOSYS", "EMLINK"] {
            let link = format!("linkat={error}");
            let setup = PlacementSetup::new();
            let outcome = setup.fetch_without(&[&rename, &link]);
            outcome.succeeds().is_silent();
            setup.is_done();
        }
    }
}

#[test]
fn a_file_system_without_links_is_usable() {
    if tools::find("strace").is_none() {
        return;
    }
    for error in ["EPERM", "EOPNOTSUPP", "ENOSYS", "EMLINK"] {
        let setup = PlacementSetup::new();
        let outcome = setup.fetch_without(&[&format!("linkat={error}")]);
        outcome.succeeds().is_silent();
        setup.is_done();
    }
}

#[test]
fn tmp_on_another_device_is_found_out_before_a_download() {
    if tools::find("strace").is_none() {
        return;
    }
    for faults in [
        &["renameat2=EXDEV"][..],
        &["renameat2=EINVAL", "linkat=EXDEV", "renameat=EXDEV"],
    ] {
        let setup = PlacementSetup::new();
        let outcome = setup.fetch_without(faults);
        setup.is_refused(&outcome);
    }
}

#[test]
fn a_run_without_new_mail_tries_no_rename() {
    if tools::find("strace").is_none() {
        return;
    }
    let setup = PlacementSetup::new();
    setup.sandbox.fetch().succeeds();
    setup
        .fetch_without(&["renameat2=EXDEV"])
        .succeeds()
        .is_silent();
}

#[test]
fn a_maildir_behind_a_symbolic_link_is_usable() {
    let setup = PlacementSetup::new();
    let elsewhere = setup.sandbox.home().join("elsewhere");
    fs::create_dir(&elsewhere).expect("the sandbox is writable");
    symlink(&elsewhere, setup.sandbox.work().path()).expect("the sandbox is writable");

    setup.sandbox.fetch().succeeds().is_silent();

    setup.is_done();
    assert_eq!(
        fs::read_dir(elsewhere.join("new"))
            .expect("it is there")
            .count(),
        4
    );
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn tmp_on_a_disk_of_its_own_is_refused() {
    let setup = PlacementSetup::new();
    let maildir = setup.sandbox.work();
    maildir.make();
    let Some(_disk) = Tmpfs::mount(&maildir.path().join("tmp"), "mode=0700,size=4m") else {
        return;
    };
    setup.is_refused(&setup.sandbox.fetch());
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn tmp_that_is_a_bind_mount_is_refused() {
    let setup = PlacementSetup::new();
    let maildir = setup.sandbox.work();
    maildir.make();
    let other = setup.sandbox.home().join("other");
    fs::create_dir(&other).expect("the sandbox is writable");
    let tmp = maildir.path().join("tmp");
    let bind = ["--bind".as_ref(), other.as_os_str()];
    let Some(_mount) = Mount::at("a bind mount", &tmp, &bind) else {
        return;
    };
    setup.is_refused(&setup.sandbox.fetch());
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_maildir_on_overlayfs_is_usable() {
    let setup = PlacementSetup::new();
    let disk = setup.sandbox.home().join("disk");
    fs::create_dir(&disk).expect("the sandbox is writable");
    let Some(_disk) = Tmpfs::mount(&disk, "mode=0700,size=4m") else {
        return;
    };
    let [lower, upper, work] = ["lower", "upper", "work"].map(|name| disk.join(name));
    for folder in [&lower, &upper, &work] {
        fs::create_dir(folder).expect("the disk is writable");
    }
    // The folders of the Maildir are in the lower layer.
    for folder in ["tmp", "new", "cur"] {
        fs::create_dir(lower.join(folder)).expect("the disk is writable");
    }
    let maildir = setup.sandbox.work().path().to_owned();
    fs::create_dir(&maildir).expect("the sandbox is writable");
    let layers = format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.display(),
        upper.display(),
        work.display()
    );
    let overlay = ["-t", "overlay", "overlay", "-o", &layers].map(AsRef::as_ref);
    let Some(_mount) = Mount::at("an overlayfs", &maildir, &overlay) else {
        return;
    };

    setup.sandbox.fetch().succeeds().is_silent();

    setup.is_done();
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_maildir_on_fat_is_usable() {
    let Some(format) = tools::find("mkfs.vfat") else {
        return;
    };
    let setup = PlacementSetup::new();
    let maildir = setup.sandbox.work().path().to_owned();
    fs::create_dir(&maildir).expect("the sandbox is writable");
    let image = setup.sandbox.path("image");
    make_image(&image, &format);
    let fat = [
        "-o".as_ref(),
        "loop,uid=0,umask=077".as_ref(),
        image.as_os_str(),
    ];
    let Some(_mount) = Mount::at("a FAT disk", &maildir, &fat) else {
        return;
    };

    setup.sandbox.fetch().succeeds().is_silent();

    setup.is_done();
}

fn make_image(image: &Path, format: &Path) {
    let file = fs::File::create(image).expect("the sandbox is writable");
    file.set_len(16 << 20).expect("the sandbox is writable");
    let made = Command::new(format).arg(image).output();
    assert!(made.is_ok_and(|made| made.status.success()));
}
