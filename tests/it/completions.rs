//! The completions in real shells: accounts, keys and unique-ids that the program itself looks up.

use std::path::Path;

use crate::support::mail::notes;
use crate::support::model_server::ModelServer;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::terminal::Tmux;
use crate::support::tools;

/// A sandbox with the accounts `work`, `home` and `me@example.org`. `work` has fetched two messages.
fn accounts() -> (Sandbox, ModelServer) {
    let server = ModelServer::start(notes(["alpha", "beta"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    sandbox.account("home", server.address(), "");
    sandbox.account("'me@example.org'", server.address(), "");
    (sandbox, server)
}

fn file(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("completions").join(name).display().to_string()
}

/// The completions of each unfinished line.
const CASES: [(&str, &[&str]); 7] = [
    ("mailpull fetch w", &["work"]),
    ("mailpull fetch work h", &["home"]),
    (
        "mailpull fetch -o tls-min=",
        &["tls-min=1.2", "tls-min=1.3"],
    ),
    ("mailpull fetch -o max-t", &["max-total="]),
    ("mailpull seen forget work a", &["alpha"]),
    ("mailpull show work ", &["alpha", "beta"]),
    ("mailpull log me@example.o", &["me@example.org"]),
];

#[test]
fn completions_prints_the_file_of_each_shell() {
    let sandbox = Sandbox::new();
    for (shell, name) in [
        ("bash", "mailpull.bash"),
        ("zsh", "_mailpull"),
        ("fish", "mailpull.fish"),
    ] {
        let printed = sandbox.mailpull(["completions", shell]).run();
        let expected = std::fs::read_to_string(file(name)).expect("the file is there");
        printed.succeeds().stdout_is(expected);
    }
    let outcome = sandbox.mailpull(["completions", "csh"]).run();
    outcome.fails_with(64).stderr_has("bash, fish or zsh");
}

#[test]
fn a_line_that_cannot_be_looked_up_is_not_completed() {
    let sandbox = Sandbox::new();
    for words in [&["fetch", ""][..], &["show", "work", ""], &["fe"], &[]] {
        let words = [&["__complete", "--"], words].concat();
        sandbox.mailpull(words).run().succeeds().is_silent();
    }
    sandbox.config("[accounts.w\n");
    let outcome = sandbox.mailpull(["__complete", "--", "fetch", ""]).run();
    outcome.succeeds().is_silent();
    assert!(!sandbox.state().exists());
}

#[test]
fn bash_completes_accounts_keys_and_unique_ids() {
    let Some(bash) = tools::find("bash") else {
        return;
    };
    let (sandbox, _server) = accounts();
    for (line, expected) in CASES {
        // As bash splits it: also at = and @. Of these, only @ belongs to the word that it replaces.
        let words = line.replace('=', " = ").replace('@', " @ ");
        let last = if line.ends_with(' ') {
            "words+=('')"
        } else {
            ""
        };
        let begin = line
            .rfind(['@', ' ', '='])
            .map_or(0, |at| at + usize::from(!line[at..].starts_with('@')));
        let script = format!(
            ". {file}
            words=({words}); {last}
            COMP_WORDS=(\"${{words[@]}}\") COMP_LINE='{line}' COMP_CWORD=$((${{#words[@]}} - 1))
            _mailpull_names $mailpull '{replaced}'
            printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            file = file("mailpull.bash"),
            replaced = &line[begin..],
        );
        let mut complete = sandbox.command(&bash);
        complete
            .args(["-c", &script])
            .env("mailpull", env!("CARGO_BIN_EXE_mailpull"));
        let shown = Program::new(complete).run().succeeds().stdout_text();
        let kept = begin - line.rfind(' ').map_or(0, |at| at + 1);
        let expected: Vec<&str> = expected.iter().map(|text| &text[kept..]).collect();
        assert_eq!(shown.lines().collect::<Vec<_>>(), expected, "{line}");
    }
}

#[test]
fn bash_completes_a_name_on_a_terminal() {
    let Some(bash) = tools::find("bash") else {
        return;
    };
    let (sandbox, _server) = accounts();
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    let rc = sandbox.write("rc", format!("PS1='$ '\n. {}\n", file("mailpull.bash")));
    terminal.types(&format!("{} --rcfile {} -i", bash.display(), rc.display()));
    terminal.presses("Enter").shows("$ ");
    terminal.types("mailpull fetch me@ex").presses("Tab");
    terminal.shows("mailpull fetch me@example.org");
    terminal.presses("C-u").types("mailpull fetch -o tls-mi");
    terminal
        .presses("Tab")
        .shows("mailpull fetch -o tls-min=1.");
}

#[test]
fn zsh_completes_accounts_keys_and_unique_ids() {
    let Some(zsh) = tools::find("zsh") else {
        return;
    };
    let (sandbox, _server) = accounts();
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    let rc = format!(
        "PS1='$ '\nautoload -U compinit; compinit -D -u\n. {}\n",
        file("_mailpull")
    );
    sandbox.write("zsh/.zshrc", rc);
    terminal.types(&format!(
        "ZDOTDIR={} {} -i",
        sandbox.path("zsh").display(),
        zsh.display()
    ));
    terminal.presses("Enter").shows("$ ");
    for (line, expected) in CASES {
        terminal.types(line).presses("Tab");
        match expected {
            [one] => terminal.shows(&one[one.len() - 4..]).shows(&format!(
                "{} {one}",
                line.rsplit_once(' ').map_or("", |(before, _)| before)
            )),
            several => terminal.presses("Tab").shows(several[1]),
        };
        terminal.presses("C-u");
    }
}

#[test]
fn fish_completes_accounts_keys_and_unique_ids() {
    let Some(fish) = tools::find("fish") else {
        return;
    };
    let (sandbox, _server) = accounts();
    let bin = Path::new(env!("CARGO_BIN_EXE_mailpull"))
        .parent()
        .expect("it is in a folder");
    let path = format!("{}:/usr/bin:/bin", bin.display());
    for (line, expected) in CASES {
        let script = format!(". {}; complete -C \"{line}\"", file("mailpull.fish"));
        let mut complete = sandbox.command(&fish);
        complete
            .args(["--no-config", "-c", &script])
            .env("PATH", &path);
        let shown = Program::new(complete).run().succeeds().stdout_text();
        let words: Vec<_> = shown
            .lines()
            .map(|line| line.split('\t').next().unwrap_or(line))
            .collect();
        assert_eq!(words, expected, "{line}");
    }
}
