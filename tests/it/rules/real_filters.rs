//! Real spam filters as `filter-command`: working, failing and missing.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::support::mail::TestMessage;
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::tools;

fn spam() -> TestMessage {
    letter("spam", "cheap pills", "buy cheap pills now")
}

fn ham() -> TestMessage {
    letter("ham", "lunch", "shall we have lunch tomorrow")
}

fn letter(unique_id: &str, subject: &str, text: &str) -> TestMessage {
    let octets = format!(
        "From: {unique_id}@example.org\r\nTo: me@example.org\r\nSubject: {subject}\r\n\
         Date: Mon, 30 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{unique_id}@example.org>\r\n\r\n{text}\r\n"
    );
    TestMessage::new(unique_id, octets)
}

/// Returns an account with a filter and two messages.
fn account(keys: &str) -> (Sandbox, ModelServer) {
    let server = ModelServer::start(vec![spam(), ham()]);
    let keys = format!("keep = false\nmda-allow-root = true\nfilter-rewrites = true\n{keys}");
    (Sandbox::with_work(server.address(), &keys), server)
}

/// Returns the delivered messages as text, that from "ham" first.
fn delivered(sandbox: &Sandbox) -> Vec<String> {
    let messages = sandbox.work().messages().into_iter();
    let mut texts: Vec<_> = messages
        .map(|octets| String::from_utf8_lossy(&octets).into_owned())
        .collect();
    texts.sort_by_key(|text| text.contains("spam@example.org"));
    texts
}

/// Tells bogofilter what a message is.
fn teach(sandbox: &Sandbox, folder: &Path, flag: &str, message: &TestMessage) {
    let mut bogofilter = sandbox.command("bogofilter");
    bogofilter
        .args([flag, "-d"])
        .arg(folder)
        .stdin(Stdio::piped());
    let mut running = bogofilter.spawn().expect("it is installed");
    let mut stdin = running.stdin.take().expect("it is a pipe");
    stdin.write_all(&message.stored()).expect("it reads");
    drop(stdin);
    assert!(running.wait().expect("it ends").success());
}

#[test]
fn bogofilter_marks_spam() {
    if tools::find("bogofilter").is_none() {
        return;
    }
    let (sandbox, server) = account("");
    let folder = sandbox.path("bogofilter");
    fs::create_dir(&folder).expect("the folder is ours");
    teach(&sandbox, &folder, "-s", &spam());
    teach(&sandbox, &folder, "-n", &ham());
    let command = |folder: &Path| {
        format!(
            "filter-command = ['bogofilter', '-p', '-e', '-d', '{}']\n",
            folder.display()
        )
    };
    let config = sandbox.read_config();

    // Without its words bogofilter fails: it ends with 3.
    sandbox.config(&format!("{config}{}", command(&sandbox.path("nowhere"))));
    sandbox
        .fetch()
        .fails_with(74)
        .stderr_has("bogofilter ended with status 3 and said: ");
    assert_eq!((server.count(), delivered(&sandbox).len()), (2, 0));
    sandbox.config(&format!("{config}{}", command(&folder)));
    sandbox.fetch().succeeds();

    let delivered = delivered(&sandbox);
    assert_eq!((server.count(), delivered.len()), (0, 2));
    assert!(
        delivered[0].contains("\nX-Bogosity: Ham"),
        "{}",
        delivered[0]
    );
    assert!(
        delivered[1].contains("\nX-Bogosity: Spam"),
        "{}",
        delivered[1]
    );
}

#[test]
fn spamassassin_marks_messages() {
    if tools::find("spamassassin").is_none() {
        return;
    }
    let (sandbox, server) = account("filter-command = ['spamassassin', '-L']\n");

    sandbox.fetch().succeeds();

    let delivered = delivered(&sandbox);
    assert_eq!((server.count(), delivered.len()), (0, 2));
    for text in delivered {
        assert!(text.starts_with("X-Spam-"), "{text}");
        assert!(text.contains("\nMessage-ID: <"), "{text}");
    }
}

#[test]
fn nothing_is_lost_while_rspamd_does_not_run() {
    if tools::find("rspamc").is_none() {
        return;
    }
    // No server listens on port 9, which is for discarding.
    let (sandbox, server) = account("filter-command = ['rspamc', '-h', '127.0.0.1:9', '--mime']\n");
    sandbox
        .fetch()
        .fails_with(74)
        .stderr_has("rspamc ended with status 1");
    assert_eq!((server.count(), delivered(&sandbox).len()), (2, 0));
}

mod slow {
    use std::process::Child;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    /// A running rspamd, which is ended when this is dropped.
    struct Rspamd(Child);

    impl Drop for Rspamd {
        fn drop(&mut self) {
            // It may have ended by itself.
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    #[ignore = "slow: tests/run --full runs it"]
    fn rspamd_marks_messages() {
        if tools::find("rspamd").is_none() {
            return;
        }
        let (sandbox, server) = account("filter-command = ['rspamc', '--mime']\n");
        let mut rspamd = sandbox.command("rspamd");
        rspamd.args(["-i", "-f", "-u", "root", "-g", "root"]);
        rspamd.stdout(Stdio::null()).stderr(Stdio::null());
        let _rspamd = Rspamd(rspamd.spawn().expect("it is installed"));
        let begun = Instant::now();
        while !sandbox
            .command("rspamc")
            .arg("stat")
            .output()
            .expect("it runs")
            .status
            .success()
        {
            assert!(
                begun.elapsed() < Duration::from_secs(120),
                "rspamd does not answer"
            );
            thread::sleep(Duration::from_millis(500));
        }

        sandbox.fetch().succeeds();

        let delivered = delivered(&sandbox);
        assert_eq!((server.count(), delivered.len()), (0, 2));
        for text in delivered {
            assert!(text.contains("\nX-Spam-Score: "), "{text}");
        }
    }
}
