//! Unusual file systems and clocks, other programs that clean up tmp/, and too few file descriptors.

use std::fs;

use rustix::process::Signal;

use crate::support::mail::{TestMessage, ordinary};
use crate::support::maildir::MaildirView;
use crate::support::model_server::ModelServer;
use crate::support::outcome::RunOutcome;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::strace::{Injection, Point, Threads, faulty, kill_when_staged};
use crate::support::tools;

/// An account with a few messages, which are deleted from the server after their delivery.
struct OddDiskSetup {
    messages: Vec<TestMessage>,
    sandbox: Sandbox,
    server: ModelServer,
}

impl OddDiskSetup {
    fn new(count: usize) -> Self {
        let messages = ordinary(1, count);
        let server = ModelServer::start(messages.clone());
        let sandbox = Sandbox::with_work(server.address(), "keep = false");
        Self {
            messages,
            sandbox,
            server,
        }
    }

    /// Runs with a fault in the second rename from tmp/ to new/. The first one of a run may be that of a
    /// file without octets, which finds out how files can be renamed.
    fn fault_in_rename(&self, fault: Injection) -> RunOutcome {
        self.fault_in("renameat2", 2, fault)
    }

    fn fault_in(&self, call: &str, nth: usize, fault: Injection) -> RunOutcome {
        let point = Point {
            call: call.to_owned(),
            line: String::new(),
            nth,
            threads: Threads::Any,
        };
        faulty(&self.sandbox, ["fetch"], &point, fault).run()
    }

    /// Prepares a Maildir after a run that was killed when its messages were staged and still in
    /// tmp/.
    fn staged() -> Self {
        let setup = Self::new(2);
        kill_when_staged(&setup.sandbox, &["fetch"], &setup.sandbox.work());
        assert_eq!(setup.sandbox.work().count("tmp"), 2);
        setup
    }

    /// Claims that every message was delivered once and deleted, after this number of retrievals.
    #[track_caller]
    fn is_done(&self, retrieved: usize) {
        self.sandbox.work().holds(&self.messages);
        assert_eq!(self.server.log().retrieved.len(), retrieved);
        assert_eq!(self.server.count(), 0);
    }
}

fn empty_tmp(maildir: &MaildirView) {
    for file in maildir.files("tmp") {
        fs::remove_file(file).expect("the listed file exists");
    }
}

#[test]
fn a_failed_rename_is_retried_by_the_next_run() {
    if tools::find("strace").is_none() {
        return;
    }
    for error in ["EACCES", "EIO", "EXDEV"] {
        let setup = OddDiskSetup::new(3);

        let outcome = setup.fault_in_rename(Injection::Error(error));

        outcome
            .fails_with(74)
            .complains_in_lines(1)
            .stderr_has("cannot rename ");
        assert_eq!(setup.server.count(), 1);
        setup.sandbox.fetch().succeeds().is_silent();
        setup.is_done(3);
    }
}

#[test]
fn a_link_is_used_where_an_exclusive_rename_fails() {
    if tools::find("strace").is_none() {
        return;
    }
    for error in ["EEXIST", "EINVAL", "ENOSYS", "EOPNOTSUPP", "EPERM"] {
        let setup = OddDiskSetup::new(3);

        let outcome = setup.fault_in_rename(Injection::Error(error));

        outcome.succeeds().is_silent();
        setup.is_done(3);
    }
}

#[test]
fn a_message_waits_while_its_file_name_is_taken() {
    if tools::find("strace").is_none() {
        return;
    }
    let setup = OddDiskSetup::staged();
    let maildir = setup.sandbox.work();
    let name = maildir.files("tmp").remove(0);
    let name = name.file_name().expect("a file has a name");
    let taken = maildir.path().join("new").join(name);
    fs::write(&taken, "another file").expect("the Maildir is writable");

    let outcome = setup.sandbox.fetch();

    outcome
        .fails_with(74)
        .complains_in_lines(1)
        .stderr_has("cannot rename ")
        .stderr_has("File exists");
    assert_eq!(fs::read(&taken).expect("the file exists"), b"another file");
    assert_eq!(setup.server.count(), 1);
    fs::remove_file(taken).expect("the file exists");
    setup.sandbox.fetch().succeeds().is_silent();
    setup.is_done(2);
}

#[test]
fn a_message_linked_in_both_tmp_and_new_counts_once() {
    if tools::find("strace").is_none() {
        return;
    }
    let setup = OddDiskSetup::staged();
    let maildir = setup.sandbox.work();
    let file = maildir.files("tmp").remove(0);
    let name = file.file_name().expect("a file has a name");
    fs::hard_link(&file, maildir.path().join("new").join(name)).expect("the Maildir is writable");

    setup.sandbox.fetch().succeeds().is_silent();

    setup.is_done(2);
}

#[test]
fn a_vanished_staged_message_is_fetched_again() {
    if tools::find("strace").is_none() {
        return;
    }
    let setup = OddDiskSetup::staged();
    empty_tmp(&setup.sandbox.work());

    setup.sandbox.fetch().succeeds().is_silent();

    setup.is_done(4);
}

#[test]
fn a_message_read_and_deleted_after_a_kill_is_not_repeated() {
    if tools::find("strace").is_none() || tools::find("faketime").is_none() {
        return;
    }
    for later in ["+1m", "+9d", "-1h"] {
        let setup = OddDiskSetup::new(3);
        // All are in new/, the third one is still hidden, and the run is killed.
        let killed = setup.fault_in("renameat2", 6, Injection::Kill);
        killed.is_killed_by(Signal::KILL);
        let deleted = setup.sandbox.work().read_all_and_delete_every(1);
        assert_eq!(deleted.len(), 2);

        let outcome = setup.sandbox.mailpull_at(later, ["fetch"]).run();

        outcome.succeeds().is_silent();
        assert_eq!(setup.server.count(), 0, "{later}");
        assert_eq!(setup.server.log().retrieved.len(), 3, "{later}");
        let maildir = setup.sandbox.work();
        assert_eq!((maildir.count("tmp"), maildir.count("new")), (0, 1));
    }
}

#[test]
fn a_clock_that_repeats_itself_overwrites_no_message() {
    if tools::find("faketime").is_none() {
        return;
    }
    let messages = ordinary(1, 60);
    let server = ModelServer::start(messages[..20].to_vec());
    let sandbox = Sandbox::with_work(server.address(), "");
    let now = "2020-02-20 20:20:20";
    for (n, clock) in [now, now, "2010-01-01 00:00:00"].into_iter().enumerate() {
        sandbox.mailpull_at(clock, ["fetch"]).run().succeeds();
        for message in messages.iter().skip(20 * (n + 1)).take(20) {
            server.add(message.clone());
        }
    }
    assert_eq!(server.log().retrieved.len(), 60);
    sandbox.work().holds(&messages);
}

#[test]
fn a_network_file_system_gets_no_write_ahead_log() {
    if tools::find("strace").is_none() {
        return;
    }
    // ext4, NFS, CIFS, FUSE and 9p: the file system's type as statfs puts it into memory.
    for (file_system, has_log) in [
        ("53ef000000000000", true),
        ("6969000000000000", false),
        ("424d53ff00000000", false),
        ("4655736500000000", false),
        ("9719020100000000", false),
    ] {
        let setup = OddDiskSetup::new(3);
        // The database is created on a local file system, where it has a write-ahead log.
        setup
            .sandbox
            .mailpull(["seen", "list", "work"])
            .run()
            .succeeds();
        let mut command = setup.sandbox.command("strace");
        command.args([
            "-f",
            "-qq",
            "-e",
            "signal=none",
            "-e",
            "trace=statfs,openat,pwrite64",
            "-y",
        ]);
        command.arg("-e");
        command.arg(format!("inject=statfs:poke_exit=@arg2={file_system}"));
        command.arg("-o").arg(setup.sandbox.path("strace"));
        command.arg(setup.sandbox.program()).arg("fetch");

        Program::new(command).run().succeeds().is_silent();

        let log = fs::read_to_string(setup.sandbox.path("strace")).expect("strace wrote its log");
        let writes = |suffix: &str| {
            let file = format!("seen.db{suffix}>");
            log.lines()
                .any(|line| line.contains("pwrite64") && line.contains(&file))
        };
        assert_eq!(
            (writes("-wal"), writes("-journal")),
            (has_log, !has_log),
            "{file_system}"
        );
        setup.is_done(3);
    }
}

#[test]
fn few_file_descriptors_lead_to_smaller_batches() {
    for descriptors in [64, 40] {
        // A batch of the usual size would need three times as many descriptors.
        let setup = OddDiskSetup::new(300);
        let mut command = setup.sandbox.command("sh");
        command.args(["-c", "ulimit -n $0; exec \"$1\" fetch"]);
        command
            .arg(descriptors.to_string())
            .arg(setup.sandbox.program());

        let outcome = Program::new(command).run();

        outcome.succeeds().is_silent();
        setup.is_done(300);
    }
}
