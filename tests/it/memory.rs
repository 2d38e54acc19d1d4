//! The memory that a run needs for large messages, long listings and many accounts.
//! The tests measure the peak of the resident set of the build that is tested.

use std::fs;

use rusqlite::Connection;

use crate::imap::{self, DovecotImap};
use crate::support::listing_server::{self, ListingServer};
use crate::support::lmtp_server::LmtpServer;
use crate::support::mail::{TestMessage, byte_stuffed, one_line};
use crate::support::model_server::ModelServer;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::tools;

/// The kilobytes that messages of any size may need, in addition to the peak of a run without mail.
const MOST_FOR_MESSAGES: usize = 4_000;
/// The kilobytes that a run may need for a listing of [`UNIQUE_IDS`], in addition to the peak of a run without mail. Each
/// build and each release of the system's libraries has another such peak: 20,300 to 23,700 were seen.
const MOST_FOR_LISTING: usize = 28_000;
const UNIQUE_IDS: usize = 100_000;
/// The kilobytes that [`ACCOUNTS`] may need, in addition to the peak of a run with one account. The jobs take half of
/// that, and up to 21,000 were seen on a busy machine. An account takes 4: a key of the configuration costs little where
/// it is not set.
const MOST_FOR_ACCOUNTS: usize = 23_000;
const ACCOUNTS: usize = 2_000;
/// The kilobytes that a run may need, whatever is listed for however many accounts.
const MOST: usize = 192_000;

/// Runs the program, which must succeed, and returns its peak in kB.
#[track_caller]
fn peak(sandbox: &Sandbox, args: &[&str]) -> usize {
    peak_with(sandbox, 1024, args)
}

/// Does the same with a limit on the number of open descriptors.
#[track_caller]
fn peak_with(sandbox: &Sandbox, descriptors: usize, args: &[&str]) -> usize {
    let log = sandbox.path("peak");
    let mut command = sandbox.command("sh");
    command.args(["-c", "ulimit -n $0 && exec \"$@\""]);
    command.arg(descriptors.to_string());
    command.args(["time", "-f", "%M", "-o"]).arg(&log);
    command.arg(sandbox.program()).args(args);
    Program::new(command).run().succeeds();
    let peak = fs::read_to_string(&log).expect("time wrote its log");
    let peak = peak.trim().parse().expect("time printed a number");
    tools::report(format_args!("peak of {args:?}: {peak} kB"));
    peak
}

/// Returns the peak of a run with one account, whose mailbox is empty.
#[track_caller]
fn peak_without_mail() -> usize {
    let server = ModelServer::start(Vec::new());
    let sandbox = Sandbox::with_work(server.address(), "");
    peak(&sandbox, &["fetch"])
}

fn large(unique_id: &str) -> TestMessage {
    let line = [&[b'x'; 76][..], b"\r\n"].concat();
    let lines = line.repeat(50_000_000 / line.len());
    let octets = [b"Subject: large\r\n\r\n", &lines[..]].concat();
    TestMessage::new(unique_id, octets)
}

#[test]
fn large_messages_take_less_than_4_mb_of_memory() {
    if tools::find("time").is_none() {
        return;
    }
    // Many lines, one line, and lines that all begin with a dot, which doubles in transfer.
    let dots = TestMessage::new("dots", ".\r\n".repeat(16_000_000));
    assert!(byte_stuffed(&dots.octets).len() > 60_000_000);
    let messages = [large("lines"), one_line(50_000_000), dots];
    let server = ModelServer::start(messages.to_vec());
    let sandbox = Sandbox::new();
    sandbox.account("work", server.address(), "keep = false");
    let peak = peak(&sandbox, &["fetch"]);
    sandbox.maildir("work").holds(&messages);
    let most = peak_without_mail() + MOST_FOR_MESSAGES;
    assert!(peak < most, "{peak} kB of {most}");
}

#[test]
fn a_message_of_100_mb_to_a_mail_server_takes_less_than_4_mb() {
    if tools::find("time").is_none() {
        return;
    }
    let mut message = large("lines");
    let again = message.octets.clone();
    message.octets.extend(again);
    let pop3 = ModelServer::start(vec![message.clone()]);
    let mx = LmtpServer::start();
    let sandbox = Sandbox::new();
    let keys = format!("lmtp = \"{}\"\nrecipient = 'joe'", mx.address());
    sandbox.account("work", pop3.address(), &keys);
    let peak = peak(&sandbox, &["fetch"]);
    assert!(mx.messages() == [message.stored()]);
    let most = peak_without_mail() + MOST_FOR_MESSAGES;
    assert!(peak < most, "{peak} kB of {most}");
}

#[test]
fn a_message_of_100_mb_to_an_imap_server_takes_less_than_4_mb() {
    if tools::find("time").is_none() {
        return;
    }
    let Some(imap) = DovecotImap::start("") else {
        return;
    };
    let mut message = large("lines");
    let again = message.octets.clone();
    message.octets.extend(again);
    let pop3 = ModelServer::start(vec![message.clone()]);
    let sandbox = Sandbox::new();
    imap::configure(&sandbox, &pop3, imap.port, "", "");
    let peak = peak(&sandbox, &["fetch"]);
    assert!(imap.messages() == [message.stored()]);
    let most = peak_without_mail() + MOST_FOR_MESSAGES;
    assert!(peak < most, "{peak} kB of {most}");
}

#[test]
fn listing_100000_messages_takes_less_than_28_mb() {
    if tools::find("time").is_none() {
        return;
    }
    // 70 octets are the most that RFC 1939 allows.
    let unique_id = |n| format!("{n:070}");
    // With a Message-ID, a header is enough before a deletion.
    let octets = b"Message-ID: <small@example.org>\r\nSubject: small\r\n\r\n";
    let messages = (0..UNIQUE_IDS).map(|n| TestMessage::new(unique_id(n), &octets[..]));
    let server = ModelServer::start(messages.collect());
    let sandbox = Sandbox::new();
    sandbox.account("work", server.address(), "");
    let mut peaks = vec![
        peak(&sandbox, &["check"]),
        peak(&sandbox, &["fetch", "--max-messages", "300"]),
    ];
    assert_eq!(sandbox.maildir("work").count("new"), 300);

    // Record all messages as delivered. This is done by SQL, although the tests otherwise use only
    // the program's interface: to deliver or to import so many takes much longer.
    let database = Connection::open(sandbox.state().join("seen.db"));
    let mut database = database.expect("the database can be opened");
    let transaction = database.transaction().expect("no run holds the database");
    let sql = "INSERT OR IGNORE INTO seen (account, unique_id, copy, state, size, listed, \
               delivered) VALUES (1, ?1, 0, 2, ?2, 0, 0)";
    let mut insert = transaction
        .prepare(sql)
        .expect("there is a table of messages");
    for n in 0..UNIQUE_IDS {
        let size = i64::try_from(octets.len()).expect("a small message has a small size");
        let row = (unique_id(n).into_bytes(), size);
        insert.execute(row).expect("the database can be written");
    }
    drop(insert);
    transaction.commit().expect("the database can be written");
    drop(database);

    peaks.push(peak(&sandbox, &["fetch"]));
    assert_eq!(server.count(), UNIQUE_IDS);
    peaks.push(peak(&sandbox, &["fetch", "--delete"]));
    assert_eq!(server.count(), 0);
    assert_eq!(server.log().retrieved.len(), 300);
    let most = peak_without_mail() + MOST_FOR_LISTING;
    assert!(peaks.iter().all(|&peak| peak < most), "{peaks:?} of {most}");
}

mod slow {
    use super::*;

    /// Without a common budget these listings take 300 MB.
    const LARGE_ACCOUNTS: usize = 32;

    #[test]
    #[ignore = "slow: tests/run --full runs it"]
    fn long_listings_of_many_accounts_take_less_than_192_mb() {
        if tools::find("time").is_none() {
            return;
        }
        let server = ListingServer::start((0..UNIQUE_IDS).map(|n| format!("{n:070}")));
        let sandbox = Sandbox::new();
        sandbox.config("[defaults]\nmax-per-host = 1000\n");
        for number in 0..LARGE_ACCOUNTS {
            sandbox.account(&format!("user{number}"), server.address(), "");
        }
        // While the mailboxes are empty, the accounts get their rows.
        peak(&sandbox, &["fetch"]);
        server.fill();
        let database = Connection::open(sandbox.state().join("seen.db"));
        let database = database.expect("the database can be opened");
        let rows = format!(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {UNIQUE_IDS} - 1)
             INSERT INTO seen (account, unique_id, copy, state, size, listed, delivered)
             SELECT account.id, CAST(printf('%070d', i) AS BLOB), 0, 2, {}, 0, 0 FROM account, n",
            listing_server::SIZE
        );
        let made = database
            .execute(&rows, [])
            .expect("no run holds the database");
        assert_eq!(made, LARGE_ACCOUNTS * UNIQUE_IDS);
        drop(database);

        let peaks = [peak(&sandbox, &["fetch"]), peak(&sandbox, &["fetch"])];

        assert!(peaks.iter().all(|&peak| peak < MOST), "{peaks:?}");
    }
}

#[test]
fn thousands_of_accounts_take_little_memory_and_few_descriptors() {
    if tools::find("time").is_none() {
        return;
    }
    let server = ModelServer::start(Vec::new());
    let sandbox = Sandbox::new();
    sandbox.config("accounts-dir = 'accounts.d'\n[defaults]\nmax-per-host = 1000\n");
    for number in 0..ACCOUNTS {
        sandbox.account_file(&format!("user{number}"), server.address(), "");
    }
    // The program needs about ten descriptors, and each job at most twelve.
    let (few, more) = (10 + 4 * 12, 10 + 16 * 12);
    let peaks = [
        peak_with(&sandbox, few, &["fetch", "-j4"]),
        peak_with(&sandbox, more, &["fetch", "-j16"]),
    ];
    assert_eq!(server.log().sessions, 2 * ACCOUNTS);
    let most = peak_without_mail() + MOST_FOR_ACCOUNTS;
    assert!(peaks.iter().all(|&peak| peak < most), "{peaks:?} of {most}");
}
