//! Small file systems that run out of space or inodes, under the Maildir or the state folder.
//! Only root can mount them.

use std::path::PathBuf;
use std::time::Duration;

use crate::support::mail::{one_line, ordinary};
use crate::support::model_server::ModelServer;
use crate::support::mount::Tmpfs;
use crate::support::sandbox::Sandbox;

/// Mounts a file system that is too small at `folder`, fetches more than fits, enlarges the file
/// system, and claims that the next run fetches the rest.
fn runs_full(folder: &str, small: &str, large: &str, count: usize, extra: &str) {
    let messages = ordinary(1, count);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    let extra = format!("keep = false\n{extra}");
    sandbox.account("work", server.address(), &extra);
    let inbox = sandbox.maildir("work");
    let Some(disk) = Tmpfs::mount(&sandbox.path(folder), &format!("mode=0700,{small}")) else {
        return;
    };
    for run in 0..2 {
        let outcome = sandbox.mailpull(["fetch"]).run();
        outcome.fails_with(75);
        if run == 0 {
            outcome.complains_in_lines(1);
        }
        // Files of a failed delivery must not keep the disk full. The second link of a message that is
        // delivered and cannot be recorded takes no space.
        let is_link = |path: &PathBuf| path.extension().is_some_and(|end| end == "placed");
        assert!(inbox.files("tmp").iter().all(is_link));
    }
    disk.remount(large);
    let rest = sandbox.mailpull(["fetch"]).run().succeeds().stderr_text();
    // A state folder that was full knows of no failure.
    assert!(
        ["", "mailpull: work: works again\n"].contains(&&*rest),
        "{rest}"
    );
    inbox.holds(&messages);
    assert_eq!(server.count(), 0);
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_full_maildir_loses_no_mail() {
    runs_full("home/Mail", "size=300k", "size=64m", 300, "");
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_maildir_without_free_inodes_loses_no_mail() {
    runs_full(
        "home/Mail",
        "size=64m,nr_inodes=40",
        "nr_inodes=4000",
        300,
        "",
    );
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_full_state_folder_loses_no_mail() {
    runs_full("state", "size=300k", "size=64m", 1500, "");
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_message_too_large_for_the_disk_stops_no_other() {
    let mut messages = ordinary(1, 3);
    messages[1].octets = one_line(5_000_000).octets;
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    let folder = sandbox.home().join("Mail");
    let Some(disk) = Tmpfs::mount(&folder, "mode=0700,size=4m") else {
        return;
    };
    let [first, large, last] = messages
        .clone()
        .try_into()
        .expect("there are three messages");

    let outcome = sandbox.fetch();

    outcome
        .fails_with(75)
        .complains_in_lines(1)
        .stderr_has("/work/tmp: 50")
        .stderr_has("there is no room in ")
        .stderr_has("it stays on the server, and the next run tries it again");
    sandbox.work().holds(&[first, last]);
    assert_eq!(server.unique_ids(), [large.unique_id]);
    assert_eq!(server.log().retrieved.len(), 2);
    disk.remount("size=64m");
    sandbox.fetch().succeeds().is_silent();
    sandbox.work().holds(&messages);
    assert_eq!(server.count(), 0);
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_false_size_postpones_its_message_for_five_runs_only() {
    let messages = ordinary(1, 3);
    let server = ModelServer::start(messages.clone());
    let [with_false_size, ..] = &messages[..] else {
        unreachable!("there are three messages")
    };
    let size = "4294967295".into();
    server.change(|behaviour| {
        drop(
            behaviour
                .lies
                .insert(with_false_size.unique_id.clone(), size),
        )
    });
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    let folder = sandbox.home().join("Mail");
    let Some(_disk) = Tmpfs::mount(&folder, "mode=0700,size=4m") else {
        return;
    };
    for _ in 0..5 {
        let outcome = sandbox.fetch();
        outcome.fails_with(75).stderr_has("there is no room in ");
        sandbox.work().holds(&messages[1..]);
    }

    let outcome = sandbox.fetch();
    outcome.succeeds().stderr_has("less than half of ");
    sandbox.work().holds(&messages);

    // It was compared once more.
    sandbox.fetch().succeeds().is_silent();
    sandbox.work().holds(&messages);
    assert_eq!(server.count(), 0);
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_message_too_large_for_the_disk_is_retried_daily() {
    let large = one_line(5_000_000);
    let server = ModelServer::start(vec![large.clone()]);
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    let folder = sandbox.home().join("Mail");
    let Some(disk) = Tmpfs::mount(&folder, "mode=0700,size=4m") else {
        return;
    };
    for _ in 0..6 {
        sandbox.fetch().fails_with(75).complains_in_lines(1);
    }
    assert_eq!(server.log().count("RETR"), 1);
    let others = ordinary(1, 3);
    others.iter().for_each(|other| server.add(other.clone()));

    sandbox.fetch().succeeds().only_works_again();

    sandbox.work().holds(&others);
    assert_eq!(server.unique_ids(), std::slice::from_ref(&large.unique_id));
    disk.remount("size=64m");
    sandbox.let_pass(Duration::from_secs(24 * 3600));
    sandbox.fetch().succeeds().is_silent();
    sandbox.work().holds(&[vec![large], others].concat());
    assert_eq!(server.count(), 0);
}
