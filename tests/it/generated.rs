//! The manual and the completions, which are rendered from the definition of the command line and
//! from the table of keys.
//!
//! The rendered files are committed, so that nobody needs a toolchain to install them. These tests
//! check that they are up to date.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use clap_complete::Shell;
use clap_mangen::Man;
use mailpull::{cli, config};

use crate::support::process::Program;
use crate::support::tools;

/// The part of the manual that is written by hand.
const PAGE: &str = include_str!("generated/mailpull.roff");
/// The files of completions, under the names that the shells look for.
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
fn the_manual_has_every_group_of_keys() {
    let mut groups: Vec<_> = config::keys().iter().map(|key| key.group).collect();
    groups.dedup();
    let placed: Vec<_> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("@keys "))
        .collect();
    assert_eq!(placed, groups);
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

fn manual() -> String {
    let mut page = String::new();
    for line in PAGE.lines() {
        if let Some(name) = line.strip_prefix("@flags") {
            page.push_str(&flags(name.trim()));
        } else if let Some(group) = line.strip_prefix("@keys ") {
            page.push_str(&keys(group));
        } else if !(page.is_empty() && line.starts_with(".\\\"")) {
            // The comment at the head explains the source, not the page.
            page.push_str(&line.replace("@version", env!("CARGO_PKG_VERSION")));
            page.push('\n');
        }
    }
    let head = ".\\\" Rendered by tests/it/generated.rs from tests/it/generated/mailpull.roff.\n";
    format!("{head}{page}")
}

/// Renders the flags and arguments of a command. Without a name it renders those that all commands
/// have.
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
                let is_hidden = arg.is_hide_set();
                arg.hide(is_everywhere || is_hidden)
            }),
    };
    let mut octets = Vec::new();
    Man::new(command)
        .render_options_section(&mut octets)
        .expect("a vector takes every write");
    let rendered = String::from_utf8(octets).expect("a manual is text");
    // Leaves out the headings, and a prologue that names the apostrophe, which `\(aq` also is.
    let is_ours = |line: &&str| {
        ![".SH", ".ie", ".el"]
            .iter()
            .any(|begin| line.starts_with(begin))
    };
    let lines: Vec<_> = rendered.lines().filter(is_ours).collect();
    lines.join("\n").replace("\\*(Aq", "\\(aq") + "\n"
}

/// Renders the keys of a group, each with its help and its default.
fn keys(group: &str) -> String {
    let mut page = String::new();
    for key in config::keys().iter().filter(|key| key.group == group) {
        writeln!(page, ".TP\n.B {}", roff(key.name)).expect(STRING);
        let mut help = key.help.trim_end().replace("\n ", "\n");
        if let Some(default) = key.default {
            write!(help, "\nDefault: `{default}`.").expect(STRING);
        }
        if let Some(otherwise) = key.otherwise {
            write!(help, "\nDefault: {otherwise}.").expect(STRING);
        }
        let paragraphs: Vec<_> = help.trim().split("\n\n").map(roff).collect();
        writeln!(page, "{}", paragraphs.join("\n.IP\n")).expect(STRING);
    }
    page
}

/// Renders text in which `this` is bold and *this* is a placeholder, one sentence a line.
fn roff(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    let text = words.join(" ").replace("-", "\\-").replace(". ", ".\n");
    let mut rendered = String::new();
    let mut open = None;
    for c in text.chars() {
        match (c, open) {
            ('`' | '*', Some(begun)) if begun == c => {
                rendered.push_str("\\fR");
                open = None;
            }
            ('`', None) => {
                rendered.push_str("\\fB");
                open = Some(c);
            }
            ('*', None) => {
                rendered.push_str("\\fI");
                open = Some(c);
            }
            ('"', _) => rendered.push_str("\\(dq"),
            ('\'', _) => rendered.push_str("\\(cq"),
            _ => rendered.push(c),
        }
    }
    assert_eq!(open, None, "markup is not closed: {text}");
    let sentences: Vec<_> = rendered.lines().map(wrapped).collect();
    sentences.join("\n")
}

/// Breaks a line before it is longer than mandoc's style allows.
fn wrapped(line: &str) -> String {
    let mut lines = vec![String::new()];
    for word in line.split(' ') {
        let last = lines.last_mut().expect("there is always a line");
        if last.is_empty() {
            last.push_str(word);
        } else if last.len() + 1 + word.len() <= 80 {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join("\n")
}

/// Lists all commands without subcommands, such as `seen export`.
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

/// Renders the completions of flags and commands, and adds what asks the program for names.
fn completions(shell: Shell) -> String {
    let mut octets = Vec::new();
    clap_complete::generate(shell, &mut cli::command(), "mailpull", &mut octets);
    let script = String::from_utf8(octets).expect("completions are text");
    let replace = |script: String, before: &str, after: &str| {
        assert!(script.contains(before), "{shell} has no {before:?}");
        script.replace(before, after)
    };
    match shell {
        Shell::Bash => {
            let end = "\nif [[ \"${BASH_VERSINFO[0]}\" -eq 4";
            let names = include_str!("generated/names.bash");
            let script = replace(script, end, &format!("{names}{end}"));
            replace(
                script,
                "complete -F _mailpull ",
                "complete -F _mailpull_names ",
            )
        }
        Shell::Zsh => {
            let script = replace(script, "\n_mailpull() {\n", "\n_mailpull_flags() {\n");
            let end = "\nif [ \"$funcstack[1]\"";
            let names = include_str!("generated/names.zsh");
            replace(script, end, &format!("{names}{end}"))
        }
        _ => {
            // Only its own line completes the value of an option.
            let option = " -s o -d ";
            let values = " -s o -f -a \"(__mailpull_candidates)\" -d ";
            replace(script, option, values) + include_str!("generated/names.fish")
        }
    }
}

fn section(name: &str) -> &'static str {
    let heads = [format!("\n.SH {name}\n"), format!("\n.SH \"{name}\"\n")];
    let found = heads.iter().find_map(|head| PAGE.split_once(head.as_str()));
    let (_, rest) = found.unwrap_or_else(|| panic!("the manual has no section {name}"));
    rest.split("\n.SH ").next().unwrap_or(rest)
}

/// Lists the entries of a section: the lines after `.TP` that are one bold word.
fn entries(section: &str) -> BTreeSet<String> {
    let lines: Vec<_> = section.lines().collect();
    lines
        .windows(2)
        .filter(|pair| pair[0] == ".TP")
        .filter_map(|pair| pair[1].strip_prefix(".B "))
        .map(|name| name.replace("\\-", "-"))
        .collect()
}

/// Claims that a committed file is what is rendered now. If blessed, writes it first.
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

const STRING: &str = "a string takes every write";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
