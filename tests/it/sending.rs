//! `mailpull send`: a message that the server is to send (XTND XMIT).

use rustix::process::Signal;

use crate::support::sandbox::Sandbox;
use crate::support::script::{QUIT, Script};

const MESSAGE: &str = "To: you@example.com\nSubject: hello\n\n.dot\nlast";

/// The message as the server gets it.
const HANDED_OVER: &str = "
    login
    C: XTND XMIT
    S: +OK start sending
    C: To: you@example.com
    C: Subject: hello
    C: 
    C: ..dot
    C: last
    C: .";

#[test]
fn a_message_from_standard_input_is_handed_over() {
    let server = Script::new([HANDED_OVER, "\nS: +OK sent", QUIT].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    let sent = sandbox.mailpull(["send", "work"]).stdin(MESSAGE).run();

    sent.succeeds().is_silent();
    server.finish();
}

#[test]
fn a_message_from_a_file_may_have_crlf() {
    let server = Script::new([HANDED_OVER, "\nS: +OK sent", QUIT].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    let file = sandbox.write("letter", MESSAGE.replace('\n', "\r\n"));
    let file = file.display().to_string();

    let sent = sandbox.mailpull(["send", "work", &file, "--json"]).run();

    assert_eq!(sent.succeeds().json_lines()[0]["event"], "sent");
    server.finish();
}

#[test]
fn a_server_without_sending_gets_advice() {
    let server = Script::new("login\nC: XTND XMIT\nS: -ERR unknown command").serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    let sent = sandbox.mailpull(["send", "work"]).stdin(MESSAGE).run();

    sent.fails_with(69).stdout_is("").stderr_is(
        "mailpull: work: the server takes no mail for sending: unknown command. Few POP3 servers \
         have XTND XMIT. Send by SMTP, for example with msmtp\n",
    );
    server.finish();
}

#[test]
fn a_lost_answer_is_reported_and_the_message_not_repeated() {
    let server = Script::new([HANDED_OVER, "\ncut"].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    let sent = sandbox.mailpull(["send", "work"]).stdin(MESSAGE).run();

    sent.fails_with(75)
        .complains_in_lines(1)
        .stderr_has("work: the message may have been sent: ");
    server.finish();
}

#[test]
fn a_signal_while_the_answer_is_awaited_leaves_a_report() {
    let server = Script::new([HANDED_OVER, "\nreached end\nstall"].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    let file = sandbox.write("letter", MESSAGE).display().to_string();
    let send = sandbox.mailpull(["send", "work", &file]).start();
    server.reached("end");

    send.signal(Signal::TERM);

    let ended = send.wait();
    ended
        .is_killed_by(Signal::TERM)
        .stderr_has("work: the message may have been sent: ");
}

#[test]
fn a_message_without_recipients_is_not_sent() {
    let sandbox = Sandbox::with_work("127.0.0.1:9", "");
    for (message, error) in [
        (
            "Subject: hello\n\nTo: you",
            "the message names no recipient",
        ),
        ("", "the message is empty"),
    ] {
        let sent = sandbox.mailpull(["send", "work"]).stdin(message).run();
        sent.fails_with(65).complains_in_lines(1).stderr_has(error);
    }
}
