use std::fs;
use std::path::PathBuf;

use super::{LIST_A_AND_B, QUIT, RETR_A_AND_B, TestAccount};
use crate::delivery::unique_name::ParsedName;
use crate::delivery::{Arrivals, Intake, Maildir, Target};
use crate::exit::{Exit, Failure};
use crate::mail::custody::{NotDelivered, Outcome, Staged, TargetPlace};
use crate::mail::policy::Keep;
use crate::os::boot::boot_id;
use crate::pop3::tests::script::ScriptedServer;

/// A Maildir that refuses all messages in custody step 4.
struct RefusingMaildir {
    maildir: Maildir,
    is_transient: bool,
    group_size: usize,
}

impl Arrivals for RefusingMaildir {
    fn intake(&self) -> &Intake {
        self.maildir.intake()
    }

    fn place(&self) -> &TargetPlace {
        Arrivals::place(&self.maildir)
    }

    fn forget_delivered(&self, _file_names: &[String]) {}
}

impl Target for RefusingMaildir {
    fn place(&self) -> &TargetPlace {
        Target::place(&self.maildir)
    }

    fn deliver(&self, staged: Vec<Staged>) -> Vec<Outcome> {
        staged
            .iter()
            .map(|staged| {
                staged.kept(NotDelivered {
                    why: "refused".to_owned(),
                    kind: "refused".to_owned(),
                    hint: None,
                    exit: match self.is_transient {
                        true => Exit::Temporary,
                        false => Exit::LocalIo,
                    },
                })
            })
            .collect()
    }

    fn group_size(&self) -> usize {
        self.group_size
    }

    fn accepts_more(&self) -> bool {
        true
    }
}

/// A session in which both messages are fetched. It ends without QUIT, after which some servers delete what was
/// retrieved: the messages wait in tmp/, where other programs may remove them.
fn fetch_without_quit() -> String {
    [LIST_A_AND_B, RETR_A_AND_B, "C: NOOP\nS: +OK"].concat()
}

/// An account with two messages that were fetched, but refused by its target.
fn refused(is_transient: bool) -> TestAccount {
    let mut account = TestAccount::new(Keep::Never);
    let target = RefusingMaildir {
        maildir: account.maildir(),
        is_transient,
        group_size: 100,
    };
    account.poll_into(&target, &[&fetch_without_quit()]);
    account
}

#[test]
fn refused_messages_stay_staged_and_are_not_deleted() {
    for (is_transient, exit) in [(true, Exit::Temporary), (false, Exit::LocalIo)] {
        let mut account = TestAccount::new(Keep::Never);
        let target = RefusingMaildir {
            maildir: account.maildir(),
            is_transient,
            group_size: 100,
        };
        let ended = account.poll_into(&target, &[&fetch_without_quit()]);
        assert_eq!(ended.exit(), exit);
        assert_eq!(account.known(), ["a Staged", "b Staged"]);
        assert_eq!(ended.summary.failed, 2);
    }
}

#[test]
fn three_temporary_refusals_in_a_row_end_the_session_without_quit() {
    let mut account = TestAccount::new(Keep::Never);
    let target = RefusingMaildir {
        maildir: account.maildir(),
        is_transient: true,
        group_size: 1,
    };
    let script = "C: UIDL
        C: LIST
        S: +OK
        S: 1 a
        S: 2 b
        S: 3 c
        S: .
        S: +OK
        S: 1 3
        S: 2 3
        S: 3 3
        S: .
        C: RETR 1
        C: RETR 2
        C: RETR 3
        S: +OK
        S: a
        S: .
        S: +OK
        S: b
        S: .
        S: +OK
        S: c
        S: .";
    let ended = account.poll_into(&target, &[script]);
    assert_eq!(ended.exit(), Exit::Temporary);
    assert_eq!(account.known(), ["a Staged", "b Staged", "c Staged"]);
    assert!(account.last_run().was_cut_off);
}

#[test]
fn staged_messages_are_delivered_before_a_connection_is_made() {
    let mut account = refused(true);
    let ended = account.poll_without_a_server();
    assert_eq!(ended.exit(), Exit::Temporary);
    assert_eq!(account.delivered(), ["a\n", "b\n"]);
    assert_eq!(account.known(), ["a Delivered", "b Delivered"]);
}

#[test]
fn recovered_messages_are_deleted_without_being_fetched_again() {
    let mut account = refused(true);
    let delete = "C: DELE 1\nC: DELE 2\nS: +OK\nS: +OK\n";
    let top = "C: TOP 1 0\nC: TOP 2 0\nS: +OK\nS: a\nS: .\nS: +OK\nS: b\nS: .\n";
    let ended = account.poll(&[&[LIST_A_AND_B, top, delete, QUIT].concat()]);
    assert_eq!(ended.exit(), Exit::Done);
    assert_eq!(account.known(), ["a Gone", "b Gone"]);
}

#[test]
fn a_missing_new_folder_ends_the_session_before_a_download() {
    let mut account = TestAccount::new(Keep::Never);
    let target = account.maildir();
    let new = account.folder.path().join("Maildir/new");
    fs::remove_dir(&new).expect("new/ is empty");
    let ended = account.poll_into(&target, &[LIST_A_AND_B]);
    assert_ne!(ended.exit(), Exit::Done);
    assert!(!account.known().contains(&"a Delivered".to_owned()));
}

#[test]
fn a_database_that_fails_ends_the_session_without_quit() {
    let mut account = TestAccount::new(Keep::Never);
    let target = account.maildir();
    let database = account.folder.path().join("state/seen.db");
    let ended = account.poll_with(&target, |_| {
        let connection = rusqlite::Connection::open(&database).expect("the database is there");
        connection
            .execute_batch("DROP TABLE seen")
            .expect("it has the table");
        Ok(crate::pop3::tests::session(true, ""))
    });
    assert!(ended.result.is_err_and(|error| error.is_of_database()));
    assert!(account.delivered().is_empty());
}

#[test]
fn a_maildir_that_takes_nothing_is_at_fault_itself() {
    let mut account = TestAccount::new(Keep::Never);
    let target = RefusingMaildir {
        maildir: account.maildir(),
        is_transient: false,
        group_size: 100,
    };
    let listing = "C: UIDL\nC: LIST\nS: +OK\nS: 1 a\nS: 2 b\nS: 3 c\nS: .\nS: +OK\nS: 1 3\nS: 2 3\n\
                   S: 3 3\nS: .\nC: RETR 1\nC: RETR 2\nC: RETR 3\n";
    let messages = ["a", "b", "c"].map(|text| format!("S: +OK\nS: {text}\nS: .\n"));
    let ended = account.poll_into(&target, &[&[listing, &messages.concat()].concat()]);
    assert_eq!(ended.exit(), Exit::LocalIo);

    for _ in 0..6 {
        let ended = account
            .poll_with::<ScriptedServer>(&target, |_| Err(Failure::new("no", Exit::Temporary)));
        assert_eq!(ended.exit(), Exit::LocalIo);
    }

    let entries = account.ledger.messages().entries().expect("it can be read");
    assert!(
        entries.iter().all(|entry| entry.failures == 0),
        "{entries:?}"
    );
    account.poll_without_a_server();
    assert_eq!(
        account.known(),
        ["a Delivered", "b Delivered", "c Delivered"]
    );
}

/// An account whose messages `a` and `b` are staged for a Maildir that was moved to `Moved`.
struct MovedMaildir {
    account: TestAccount,
    /// The names of the messages' files.
    names: Vec<String>,
}

impl MovedMaildir {
    fn new() -> Self {
        let account = refused(true);
        let staged = account.ledger.custody().staged().expect("it can be read");
        let names = staged.into_iter().map(Staged::into_file_name).collect();
        let moved = Self { account, names };
        fs::rename(moved.path("Maildir"), moved.path("Moved")).expect("the Maildir exists");
        moved
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.account.folder.path().join(relative)
    }

    /// Moves the file of a message within the Maildir, or removes it.
    fn put(&self, nth: usize, to: Option<&str>) {
        let name = &self.names[nth];
        let file = self.path("Moved/tmp").join(name);
        match to {
            Some(to) => fs::rename(file, self.path(&to.replace("NAME", name))),
            None => fs::remove_file(file),
        }
        .expect("the message is in tmp/");
    }

    /// Writes the list that proves that both messages were put in their place.
    fn write_list(&self) {
        let boot = boot_id().expect("the kernel gives one");
        let list = format!("{boot}\n\n{}\n\n{}\n", self.names[0], self.names[1]);
        let parsed = ParsedName::read(self.names[0].as_bytes()).expect("mailpull made the name");
        let mark = parsed.mark.expect("the name has a mark");
        let name = format!(".mailpull-{mark}.placed");
        fs::write(self.path("Moved/tmp").join(name), list).expect("tmp/ is ours");
    }

    /// Runs once with the new Maildir, without a server. Returns the messages that are known then.
    fn recover(&mut self) -> Vec<String> {
        let target = self.account.maildir_at("Moved");
        self.account.recover_into(&target);
        self.account.known()
    }

    fn count(&self, folder: &str) -> usize {
        let files = fs::read_dir(self.path(folder));
        files.expect("the folder can be read").count()
    }
}

#[test]
fn messages_are_found_in_a_moved_maildir() {
    for a in ["new/.NAME", "new/NAME", "cur/NAME:2,S", "cur/.NAME"] {
        let mut moved = MovedMaildir::new();
        moved.put(0, Some(&format!("Moved/{a}")));
        assert_eq!(moved.recover(), ["a Delivered", "b Delivered"], "{a}");
        let files = moved.count("Moved/new") + moved.count("Moved/cur");
        assert_eq!((files, moved.count("Moved/tmp")), (2, 0), "{a}");
        let place = moved.account.ledger.places().find(&moved.path("Moved"));
        assert!(place.expect("it can be read").is_some(), "{a}");
    }
}

#[test]
fn a_message_deleted_from_a_moved_maildir_is_known() {
    for has_new_maildir in [false, true] {
        let mut moved = MovedMaildir::new();
        moved.put(0, None);
        moved.write_list();
        if has_new_maildir {
            // Another program has made it anew.
            moved.account.maildir();
        }
        assert_eq!(moved.recover(), ["a Delivered", "b Delivered"]);
        assert_eq!(moved.count("Moved/new"), 1);
    }
}

#[test]
fn a_copied_list_proves_nothing_while_the_first_maildir_has_the_message() {
    let mut moved = MovedMaildir::new();
    moved.account.maildir();
    moved.put(0, Some("Maildir/tmp/NAME"));
    moved.write_list();
    assert_eq!(moved.recover(), ["a Delivered", "b Delivered"]);
    assert_eq!(moved.account.delivered(), ["a\n"]);
    assert_eq!(moved.count("Moved/new"), 1);
}

#[test]
fn a_message_in_neither_maildir_is_fetched_again() {
    let mut moved = MovedMaildir::new();
    moved.put(0, None);
    assert_eq!(moved.recover(), ["b Delivered"]);
}
