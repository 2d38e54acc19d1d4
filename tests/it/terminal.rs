//! The program on a terminal: progress bars, questions and the lines that stay on the screen.
//! For runs without a terminal see `cli`.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::mail::{self, TestMessage};
use crate::support::model_server::{ModelServer, PASSWORD};
use crate::support::sandbox::Sandbox;
use crate::support::script::{Script, ScriptServer};
use crate::support::terminal::Tmux;
use crate::support::tools;

const ASKED: &str = "password-command = 'true'";

/// Starts a server that sends the first of two messages and the beginning of the second. `rest` is
/// the rest of the script.
fn halting_server(rest: &str) -> ScriptServer {
    let begin = "S: +OK hello
         C: CAPA
         S: -ERR what
         C: USER joe
         S: +OK
         C: PASS open sesame
         S: +OK
         C: CAPA
         S: -ERR what
         C: UIDL
         lists a b
         C: LIST
         lists 1000 16
         C: RETR 1
         S: +OK
         message letter
         C: RETR 2
         S: +OK
         S: Subject: begun
         reached middle";
    Script::new(format!("{begin}\n{rest}"))
        .attach("letter", letter())
        .serve()
}

const FINISHING: &str = "mailpull: finishing; Ctrl-C again stops at once";

const GO_ON: &str = "hold middle\n S: .\n C: QUIT\n S: +OK";

fn letter() -> Vec<u8> {
    let line = [&[b'x'; 98][..], b"\r\n"].concat();
    [b"\r\n".to_vec(), line.repeat(10)].concat()
}

#[test]
fn a_fetch_leaves_one_line() {
    let sandbox = Sandbox::new();
    let server = ModelServer::start(mail::ordinary(1, 200));
    sandbox.account("work", server.address(), "");
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    terminal.runs("mailpull fetch -d");
    let [summary] = &terminal.ended_with(0)[..] else {
        panic!("there should be one line\n{}", terminal.screen());
    };
    let amount = summary.strip_prefix("work: 200 new messages, ");
    let is_right = amount.is_some_and(|amount| amount.ends_with("kB, 200 deleted, 0 kept"));
    assert!(is_right, "{summary}");
    terminal.runs("mailpull");
    assert_eq!(terminal.ended_with(0), ["work: 0 new messages, 0 kept"]);
    terminal.runs("mailpull -q");
    assert_eq!(terminal.ended_with(0), Vec::<String>::new());
}

#[test]
fn a_progress_bar_is_shown_only_during_a_fetch() {
    let sandbox = Sandbox::new();
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    let server = halting_server(GO_ON);
    sandbox.account("work", server.address(), "");
    terminal.runs("mailpull");
    server.reached("middle");
    terminal.shows(" 1/2  ").shows("/s  eta ");
    let screen = terminal.screen();
    let bar = screen.trim_end().lines().last().unwrap_or_default();
    assert!(bar.starts_with("work ██"), "{screen}");
    server.release("middle");
    let left = terminal.ended_with(0);
    assert_eq!(left, ["work: 2 new messages, 1.0 kB, 2 kept"]);
    server.finish();
}

#[test]
fn ctrl_c_removes_the_bar_and_keeps_delivered_mail() {
    let sandbox = Sandbox::new();
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    let server = halting_server("stall");
    sandbox.account("work", server.address(), "timeout = '60s'");
    terminal.runs("mailpull");
    server.reached("middle");
    terminal.shows(" 1/2  ").presses("C-c");
    terminal.shows(FINISHING);
    let left = terminal.ended_with(130);
    let lines = [
        FINISHING,
        "work: 1 new message, 991 octets, 2 kept; stopped before 1 more",
        "mailpull: stopped; the next run continues here",
    ];
    assert_eq!(left, lines);
    sandbox
        .maildir("work")
        .holds(&[TestMessage::new("a", letter())]);
    server.finish();
}

#[test]
fn a_shell_loop_ends_with_ctrl_c() {
    let sandbox = Sandbox::new();
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    let server = Script::new("reached greeting\nstall").serve();
    sandbox.account("work", server.address(), "");
    if tools::find("bash").is_none() {
        return;
    }
    // Bash ends a loop only if the signal has ended the program, too.
    let script = "while :; do mailpull; echo went on; done";
    terminal.runs(&format!("bash -c '{script}'"));
    server.reached("greeting");
    terminal.presses("C-c");
    let left = terminal.ended_with(130);
    assert!(!left.concat().contains("went on"), "{left:?}");
    server.finish();
}

/// Starts accounts that halt in their second message. Returns their servers once all have got there.
fn halting_accounts(sandbox: &Sandbox, terminal: &Tmux, names: &[String]) -> Vec<ScriptServer> {
    let servers: Vec<_> = names.iter().map(|_| halting_server(GO_ON)).collect();
    for (name, server) in names.iter().zip(&servers) {
        sandbox.account(name, server.address(), "max-per-host = 64");
    }
    terminal.runs("mailpull");
    for server in &servers {
        server.reached("middle");
    }
    servers
}

fn release(servers: Vec<ScriptServer>) {
    for server in servers {
        server.release("middle");
        server.finish();
    }
}

#[test]
fn each_account_has_one_row_at_every_width() {
    let sandbox = Sandbox::new();
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    let names = ["home", "an-account-with-a-name-of-40-characters-"].map(str::to_owned);
    let servers = halting_accounts(&sandbox, &terminal, &names);
    for columns in [100, 60, 33, 80, 20, 132] {
        terminal.resize(columns);
        let begins = |row: &String, name: &str| row.starts_with(name) && row.contains("1/2");
        let is_full = |row: &String| row.chars().count() > usize::from(columns) - 16;
        terminal.has_rows(
            &format!("should have two bars of {columns} columns"),
            |rows| {
                let bars: Vec<_> = rows.iter().filter(|row| row.contains("1/2")).collect();
                matches!(bars[..], [a, b] if begins(a, "home") != begins(b, "home")
                && (columns < 40 || is_full(a) && is_full(b)))
            },
        );
    }
    release(servers);
    let left = terminal.ended_with(0);
    // tmux moves rows to its history when it wraps them, where no program can erase them.
    let [.., first, second] = &left[..] else {
        panic!("there should be two summaries: {left:#?}");
    };
    assert!(
        first.ends_with(" 2 kept") && second.ends_with(" 2 kept"),
        "{left:#?}"
    );
    let visible = terminal.rows();
    assert!(!visible.concat().contains('█'), "{visible:#?}");
}

#[test]
fn twelve_accounts_share_two_rows() {
    let sandbox = Sandbox::new();
    let Some(terminal) = Tmux::open_sized(&sandbox, &[], [100, 10]) else {
        return;
    };
    let names: Vec<_> = (1..=12).map(|number| format!("account{number}")).collect();
    let servers = halting_accounts(&sandbox, &terminal, &names);
    let rows = terminal.has_rows("should have a bar for all accounts", |rows| {
        rows.iter().any(|row| row.contains(" 12/24 "))
    });
    let [.., all, slowest] = &rows[..] else {
        panic!("there should be two bars: {rows:#?}");
    };
    assert!(all.starts_with("12 accounts "), "{rows:#?}");
    assert!(slowest.starts_with("slowest: account"), "{rows:#?}");
    assert_eq!(
        rows.iter().filter(|row| row.contains('█')).count(),
        2,
        "{rows:#?}"
    );
    release(servers);
    let left = terminal.ended_with(0);
    assert_eq!(left.len(), names.len(), "{left:#?}");
}

#[test]
fn a_closed_terminal_keeps_delivered_mail() {
    let sandbox = Sandbox::new();
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    let server = halting_server("stall");
    sandbox.account("work", server.address(), "");
    terminal.runs("mailpull");
    server.reached("middle");
    terminal.shows(" 1/2  ");
    drop(terminal);
    // The server ends when the program has disconnected.
    server.finish();
    sandbox
        .maildir("work")
        .holds(&[TestMessage::new("a", letter())]);
    sandbox
        .mailpull(["log"])
        .run()
        .succeeds()
        .stdout_has("Z work a 991 octets");
}

#[test]
fn verbose_lines_and_the_bar_do_not_mix() {
    let sandbox = Sandbox::new();
    let server = ModelServer::start(mail::ordinary(1, 150));
    sandbox.account("work", server.address(), "");
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    for flags in ["-v --max-messages 50", "-vv --progress=always"] {
        terminal.runs(&format!("mailpull {flags}"));
        let lines = terminal.ended_with(0);
        assert!(lines.len() > 50, "{lines:?}");
        for line in &lines {
            // A line of the conversation begins with its time.
            let from_account = line.split_once("Z work: ").map_or(&**line, |_| "work: ");
            let is_whole = from_account.starts_with("work: ") && !line.contains(['█', '░']);
            assert!(is_whole, "{line:?} in {lines:#?}");
        }
    }
}

#[test]
fn a_failed_account_leaves_only_its_error() {
    let sandbox = Sandbox::new();
    let server = ModelServer::start(mail::ordinary(1, 1));
    sandbox.account("dead", "127.0.0.1:1", "");
    sandbox.account("work", server.address(), "");
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    terminal.runs("mailpull");
    let left = terminal.ended_with(75);
    assert_eq!(left.len(), 2, "{left:#?}");
    assert!(
        left[0].starts_with("mailpull: dead: cannot connect to "),
        "{left:#?}"
    );
    assert!(left[1].starts_with("work: 1 new message, "), "{left:#?}");
}

#[test]
fn a_dry_run_prints_its_summary_once() {
    let sandbox = Sandbox::new();
    let server = ModelServer::start(mail::ordinary(1, 1));
    sandbox.account("work", server.address(), "");
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    terminal.runs("mailpull -n");
    let left = terminal.ended_with(0);
    assert_eq!(left.len(), 2, "{left:#?}");
    assert!(
        left[1].starts_with("work: would fetch 1 new message, "),
        "{left:#?}"
    );
}

#[test]
fn json_output_shows_no_bar() {
    let sandbox = Sandbox::new();
    let server = ModelServer::start(mail::ordinary(1, 3));
    sandbox.account("work", server.address(), "");
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    terminal.runs("mailpull --json");
    let left = terminal.ended_with(0);
    // The events begun, three times delivered, and finished; then the summary on standard error.
    assert_eq!(left.len(), 6, "{left:#?}");
    let objects = left
        .iter()
        .filter(|line| line.starts_with('{') && line.ends_with('}'));
    assert_eq!(objects.count(), 5, "{left:#?}");
}

#[test]
fn colours_follow_the_flag_and_no_color() {
    for (variables, flag, is_coloured) in [
        (&[][..], "auto", true),
        (&[("NO_COLOR", "1")], "auto", false),
        (&[("NO_COLOR", "1")], "always", true),
        (&[], "never", false),
    ] {
        let sandbox = Sandbox::new();
        let Some(terminal) = Tmux::open(&sandbox, variables) else {
            return;
        };
        terminal.runs(&format!("mailpull --color {flag} -c missing"));
        terminal.ended_with(78);
        let screen = terminal.coloured_screen();
        assert_eq!(
            screen.contains("\x1b[1m\x1b[31mmailpull:"),
            is_coloured,
            "{screen:?}"
        );
    }
}

#[test]
fn a_dumb_terminal_shows_no_bar() {
    let sandbox = Sandbox::new();
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    let server = halting_server(GO_ON);
    sandbox.account("work", server.address(), "");
    terminal.runs("TERM=dumb mailpull -v");
    server.reached("middle");
    terminal.shows("work: connecting to ");
    let screen = terminal.screen();
    assert!(!screen.contains('█'), "{screen}");
    server.release("middle");
    terminal.ended_with(0);
    server.finish();
}

/// Makes a sandbox with an account that has no password.
fn without_password() -> (Sandbox, ModelServer) {
    let sandbox = Sandbox::new();
    let server = ModelServer::start(mail::ordinary(1, 1));
    sandbox.account("work", server.address(), ASKED);
    let config = fs::read_to_string(sandbox.config_file()).expect("the configuration was written");
    sandbox.config(&config.replace(ASKED, ""));
    (sandbox, server)
}

const QUESTION: &str = "Password for joe at 127.0.0.1:";

#[test]
fn a_typed_password_is_not_echoed() {
    let (sandbox, server) = without_password();
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    terminal.runs("mailpull").shows(QUESTION);
    assert_eq!(
        server.log().sessions,
        0,
        "the program has connected before it asked for the password"
    );
    terminal.types(PASSWORD).presses("Enter");
    let left = terminal.ended_with(0);
    assert_eq!(left[0], QUESTION);
    assert!(left[1].starts_with("work: 1 new message, "), "{left:#?}");
    assert!(!terminal.screen().contains("sesame"));
    assert!(terminal.echoes());
}

#[test]
fn a_wrong_typed_password_is_an_error_with_a_hint() {
    let (sandbox, _server) = without_password();
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    terminal.runs("mailpull").shows(QUESTION);
    terminal.types("hunter2").presses("Enter");
    let left = terminal.ended_with(77);
    assert_eq!(left.len(), 2, "{left:#?}");
    assert!(
        left[1].starts_with("mailpull: work: logging in as joe: "),
        "{left:#?}"
    );
    assert!(left[1].contains("Check user and password"), "{left:#?}");
    assert!(!terminal.screen().contains("hunter2"));
}

#[test]
fn ctrl_c_cancels_the_password_prompt() {
    let (sandbox, _server) = without_password();
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    terminal.runs("mailpull").shows(QUESTION);
    terminal.types("half").presses("C-c");
    assert_eq!(terminal.ended_with(130), [QUESTION]);
    assert!(terminal.echoes());
}

#[test]
fn ctrl_d_cancels_the_password_prompt() {
    let (sandbox, _server) = without_password();
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    terminal.runs("mailpull").shows(QUESTION).presses("C-d");
    let error = "mailpull: work: cannot ask for the password: nothing was typed";
    assert_eq!(terminal.ended_with(78), [QUESTION, error]);
    assert!(terminal.echoes());
}

#[test]
fn sigterm_cancels_the_password_prompt() {
    let (sandbox, _server) = without_password();
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    terminal
        .runs("sh -c 'echo $$ >pid; exec mailpull'")
        .shows(QUESTION);
    let pid = fs::read_to_string(sandbox.path("pid")).expect("the shell has written its pid");
    let pid = pid.trim().parse().ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a pid is a number"), Signal::TERM).expect("the program still runs");
    // The shell reports the signal that has ended the program.
    assert_eq!(terminal.ended_with(143), [QUESTION, "Terminated"]);
    assert!(terminal.echoes());
}
