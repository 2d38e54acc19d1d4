//! What is rendered from the command line's definition: the manual and the completions, committed
//! so that whoever installs them needs no toolchain.
//! Does not judge the words, only that none is out of date.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use clap_complete::Shell;
use clap_mangen::Man;
use mailpull::{cli, config};

use crate::support::process::Program;
use crate::support::tools;

/// The manual as it is written by hand.
const PAGE: &str = include_str!("generated/mailpull.roff");
/// Files of completions, by the names that the shells look for.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "completions/mailpull.bash"),
    (Shell::Fish, "completions/mailpull.fish"),
    (Shell::Zsh, "completions/_mailpull"),
];
const MAN_PAGE: &str = "man/mailpull.1";

#[test]
fn the_manual_is_up_to_date() {
    is_up_to_date(MAN_PAGE, &manual());
}

#[test]
fn the_completions_are_up_to_date() {
    for (shell, path) in COMPLETIONS {
        is_up_to_date(path, &completions(shell));
    }
}

#[test]
fn the_manual_has_the_flags_of_every_command() {
    let command = cli::command();
    let mut expected = verbs(&command);
    expected.push(String::new());
    let placed: Vec<_> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("@flags"))
        .map(|name| name.trim().to_owned())
        .collect();
    assert_eq!(placed, expected);
}

#[test]
fn the_manual_explains_exactly_the_known_configuration_keys() {
    let explained = entries(section("CONFIGURATION"));
    let known: BTreeSet<_> = config::key_names().map(str::to_owned).collect();
    assert_eq!(explained, known);
}

#[test]
fn the_manual_explains_every_exit_status() {
    let explained = entries(section("EXIT STATUS"));
    let statuses = [0, 1, 64, 65, 69, 70, 73, 74, 75, 76, 77, 78];
    let expected: BTreeSet<_> = statuses.iter().map(ToString::to_string).collect();
    assert_eq!(explained, expected);
}

#[test]
fn the_manual_has_no_formatting_errors() {
    let path = root().join(MAN_PAGE);
    if let Some(mandoc) = tools::find("mandoc") {
        let mut lint = Command::new(mandoc);
        lint.args(["-T", "lint", "-W", "style"]).arg(&path);
        Program::new(lint).run().succeeds().is_silent();
    }
    if let Some(groff) = tools::find("groff") {
        let mut format = Command::new(groff);
        format.args(["-man", "-ww", "-Tutf8", "-z"]).arg(&path);
        Program::new(format).run().succeeds().is_silent();
    }
}

#[test]
fn the_completions_are_valid_shell_code() {
    for (shell, path) in COMPLETIONS {
        let name = shell.to_string();
        if let Some(shell) = tools::find(&name) {
            let mut check = Command::new(shell);
            check.arg("-n").arg(root().join(path));
            Program::new(check).run().succeeds().is_silent();
        }
    }
}

#[test]
fn bash_completes_commands_and_flags() {
    let Some(bash) = tools::find("bash") else {
        return;
    };
    let mut complete = Command::new(bash);
    complete.current_dir(root()).args([
        "-c",
        ". completions/mailpull.bash
        COMP_WORDS=(mailpull fetch --max-) COMP_CWORD=2
        _mailpull mailpull --max- fetch
        echo \"${COMPREPLY[*]}\"",
    ]);
    Program::new(complete)
        .run()
        .succeeds()
        .stdout_is("--max-messages --max-size --max-total\n");
}

fn manual() -> String {
    let mut page = String::new();
    for line in PAGE.lines() {
        match line.strip_prefix("@flags") {
            Some(name) => page.push_str(&flags(name.trim())),
            // The head explains the source, not the page.
            None if page.is_empty() && line.starts_with(".\\\"") => {}
            None => {
                page.push_str(&line.replace("@version", env!("CARGO_PKG_VERSION")));
                page.push('\n');
            }
        }
    }
    let head = ".\\\" Rendered by tests/it/generated.rs from tests/it/generated/mailpull.roff.\n";
    format!("{head}{page}")
}

/// Renders the flags and arguments that a command has of its own, or those of all commands.
fn flags(name: &str) -> String {
    let mut command = cli::command();
    command.build();
    let command = match name {
        "" => command.mut_args(|arg| {
            let is_everywhere = is_global(&arg) || ["help", "version"].contains(&name_of(&arg));
            arg.hide(!is_everywhere)
        }),
        name => name
            .split(' ')
            .try_fold(&command, |command, word| command.find_subcommand(word))
            .unwrap_or_else(|| panic!("there is no command {name:?}"))
            .clone()
            .mut_args(|arg| {
                let is_everywhere = is_global(&arg) || name_of(&arg) == "help";
                arg.hide(is_everywhere)
            }),
    };
    let mut octets = Vec::new();
    Man::new(command)
        .render_options_section(&mut octets)
        .expect("a vector takes every write");
    let rendered = String::from_utf8(octets).expect("a manual is text");
    // The headings, and a prologue that names an apostrophe, for which there is a plain name.
    let is_ours = |line: &&str| {
        ![".SH", ".ie", ".el"]
            .iter()
            .any(|begin| line.starts_with(begin))
    };
    let lines: Vec<_> = rendered.lines().filter(is_ours).collect();
    lines.join("\n").replace("\\*(Aq", "\\(aq") + "\n"
}

/// Names all commands that have none below them, each with those above it.
fn verbs(command: &clap::Command) -> Vec<String> {
    let mut names = Vec::new();
    for below in command.get_subcommands() {
        let name = below.get_name();
        if below.has_subcommands() {
            names.extend(verbs(below).iter().map(|verb| format!("{name} {verb}")));
        } else {
            names.push(name.to_owned());
        }
    }
    names
}

fn is_global(arg: &clap::Arg) -> bool {
    arg.get_help_heading().is_some()
}

fn name_of(arg: &clap::Arg) -> &str {
    arg.get_id().as_str()
}

fn completions(shell: Shell) -> String {
    let mut octets = Vec::new();
    clap_complete::generate(shell, &mut cli::command(), "mailpull", &mut octets);
    String::from_utf8(octets).expect("completions are text")
}

fn section(name: &str) -> &'static str {
    let heads = [format!("\n.SH {name}\n"), format!("\n.SH \"{name}\"\n")];
    let found = heads.iter().find_map(|head| PAGE.split_once(head.as_str()));
    let (_, rest) = found.unwrap_or_else(|| panic!("the manual has no section {name}"));
    rest.split("\n.SH ").next().unwrap_or(rest)
}

/// Lists what the entries of a section are about: the words of the lines behind `.TP` that are one
/// word, and bold.
fn entries(section: &str) -> BTreeSet<String> {
    let lines: Vec<_> = section.lines().collect();
    lines
        .windows(2)
        .filter(|pair| pair[0] == ".TP")
        .filter_map(|pair| pair[1].strip_prefix(".B "))
        .map(|name| name.replace("\\-", "-"))
        .collect()
}

/// Claims that a committed file is what is rendered now, or makes it so when blessed.
#[track_caller]
fn is_up_to_date(path: &str, rendered: &str) {
    let file = root().join(path);
    if env::var_os("MAILPULL_BLESS").is_some_and(|value| value == "1") {
        fs::write(&file, rendered).unwrap_or_else(|e| panic!("cannot write {path}: {e}"));
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == rendered,
        "{path} is out of date: MAILPULL_BLESS=1 cargo test --test it generated, and commit it"
    );
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
