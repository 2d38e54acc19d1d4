//! Explains a command line that makes no sense, on one line and without any password.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::command;

/// Says on one line what is wrong with a command line, and what may have been meant.
pub fn usage_error(error: &clap::Error) -> String {
    let found = |kind| {
        let shown = error.get(kind).map(ToString::to_string);
        // Clap marks what may be repeated.
        shown.unwrap_or_default().trim_end_matches("...").to_owned()
    };
    let argument = found(ContextKind::InvalidArg);
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            no_such_command(error, &found(ContextKind::InvalidSubcommand))
        }
        ErrorKind::UnknownArgument if argument.starts_with('-') => {
            let meant = found(ContextKind::SuggestedArg);
            let meant = did_you_mean((!meant.is_empty()).then_some(&meant));
            format!("unknown option: {argument}{meant}. {SEE_HELP}")
        }
        ErrorKind::UnknownArgument => format!("unexpected argument: {argument}. {SEE_HELP}"),
        ErrorKind::ArgumentConflict if !argument.is_empty() => {
            let other = found(ContextKind::PriorArg);
            format!("{argument} and {other} exclude each other. {SEE_HELP}")
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => invalid_value(error, &argument),
        ErrorKind::MissingRequiredArgument => format!("missing argument: {argument}. {SEE_HELP}"),
        _ => format!("{}. {SEE_HELP}", first_line(error)),
    }
}

const SEE_HELP: &str = "See mailpull --help";

fn no_such_command(error: &clap::Error, word: &str) -> String {
    let above = command_with_commands(error);
    let (path, names) = match &above {
        Some(above) => (format!("{} {word}", above.get_name()), names_in(above)),
        None => (word.to_owned(), names_in(&command())),
    };
    let hint = match &above {
        Some(above) => format!(
            "The commands of {} are {}",
            above.get_name(),
            list(&names, "and")
        ),
        None => "To fetch an account or a URL: mailpull fetch work".to_owned(),
    };
    let meant = did_you_mean(names.iter().find(|name| is_slip(word, name)));
    if above.is_none() && !meant.is_empty() {
        return format!("no such command: {path}{meant}. {SEE_HELP}");
    }
    format!("no such command: {path}{meant}. {hint}")
}

fn invalid_value(error: &clap::Error, argument: &str) -> String {
    // Clap shows an option with its value: "--jobs <N>", "--keep[=<AGE>]".
    let (option, value_name) = argument
        .split_once([' ', '=', '['])
        .unwrap_or((argument, ""));
    let expected = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) if !values.is_empty() => list(values, "or"),
        _ => std::error::Error::source(error).map_or_else(
            || value_name.trim_matches(['=', '<', '>', ']']).to_owned(),
            ToString::to_string,
        ),
    };
    let value = error
        .get(ContextKind::InvalidValue)
        .map(ToString::to_string);
    match value.as_deref() {
        None | Some("") => format!("{option} needs a value: {expected}. {SEE_HELP}"),
        Some(value) => format!("{option} must be {expected}, not {value}. {SEE_HELP}"),
    }
}

fn did_you_mean(name: Option<&String>) -> String {
    name.map_or_else(String::new, |name| format!(" (did you mean {name}?)"))
}

/// Returns true if a word is a command with one typing error, or two in a command of more than five
/// letters. `match`, two letters from `fetch`, is not.
fn is_slip(word: &str, name: &str) -> bool {
    strsim::osa_distance(word, name) <= 1 + usize::from(name.len() > 5)
}

/// The first line of clap's own text.
fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").trim().to_owned()
}

pub(super) fn misplaced_flags() -> clap::Error {
    command().error(
        ErrorKind::ArgumentConflict,
        "the options of fetch come after the word fetch, as in: mailpull fetch --delete",
    )
}

/// Returns an error if an argument has a URL with a password. It does not show the argument.
pub(super) fn refuse_passwords(arguments: &[OsString]) -> Result<(), clap::Error> {
    match arguments.iter().any(has_password) {
        true => Err(command().error(
            ErrorKind::ArgumentConflict,
            "an argument contains a URL with a password, which everyone on this machine could read. \
             Leave it out and set MAILPULL_PASSWORD, or type it on the terminal. Write the password of a \
             proxy into the configuration",
        )),
        false => Ok(()),
    }
}

/// Returns true if a URL in an argument has a colon between `://` and the `@` before the host.
fn has_password(argument: &OsString) -> bool {
    let argument = argument.to_string_lossy();
    argument.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let login = authority.rsplit_once('@').map(|(login, _)| login);
        login.is_some_and(|login| login.contains(':'))
    })
}

/// Takes everything that looks like a URL out of an error, and makes an error of the help that clap
/// shows where a command is missing.
pub(super) fn without_secrets(mut error: clap::Error) -> clap::Error {
    for kind in SHOWS_ARGUMENTS {
        if error
            .get(kind)
            .is_some_and(|shown| shown.to_string().contains(':'))
        {
            error.insert(kind, ContextValue::String("…".to_owned()));
        }
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let missing = match command_with_commands(&error) {
            Some(above) => {
                let names = list(&names_in(&above), "or");
                format!("{} needs a command: {names}", above.get_name())
            }
            None => "a command is missing".to_owned(),
        };
        return command().error(ErrorKind::MissingSubcommand, missing);
    }
    error
}

const SHOWS_ARGUMENTS: [ContextKind; 3] = [
    ContextKind::InvalidArg,
    ContextKind::InvalidSubcommand,
    ContextKind::InvalidValue,
];

/// Returns the command that an error is about, if that has commands of its own. Only clap's usage
/// line names it.
fn command_with_commands(error: &clap::Error) -> Option<clap::Command> {
    let text = error.to_string();
    let command = command();
    let mut above = command
        .get_subcommands()
        .filter(|command| command.has_subcommands());
    above
        .find(|above| text.contains(&format!("Usage: mailpull {} ", above.get_name())))
        .cloned()
}

fn names_in(command: &clap::Command) -> Vec<String> {
    let names = command.get_subcommands().map(clap::Command::get_name);
    names.map(str::to_owned).collect()
}

/// Joins names as in "a, b or c".
fn list(names: &[String], last_word: &str) -> String {
    match names {
        [] => String::new(),
        [name] => name.clone(),
        [first @ .., last] => format!("{} {last_word} {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;

    fn complaint(line: &str) -> String {
        let parsed = Cli::parse(format!("mailpull {line}").split_whitespace());
        usage_error(&parsed.expect_err(line))
    }

    #[test]
    fn a_url_with_a_password_is_found_anywhere_in_an_argument() {
        for (argument, expected) in [
            ("pops://me:pw@h", true),
            ("proxy=socks5://me:pw@h:1", true),
            ("a://h/ b://me:pw@h", true),
            ("pop://me:p@w@h", true),
            ("pops://me@h:995", false),
            ("pops://me;AUTH=*@h", false),
            ("http://h:80/a:b@c", false),
            ("http://h:80?a:b@c", false),
            ("me:pw@h", false),
        ] {
            assert_eq!(has_password(&argument.into()), expected, "{argument}");
        }
    }

    #[test]
    fn a_usage_error_shows_no_password() {
        for line in [
            "pops://me:hunter2@h",
            "--json pops://me:hunter2@h",
            "log work pops://me:hunter2@h",
            "--color=pops://me:hunter2@h",
            "-j pops://me:hunter2@h",
            "account pops://me:hunter2@h",
            "--password=hunter2",
            "fetch --password hunter2",
            "-phunter2",
        ] {
            let parsed = Cli::parse(format!("mailpull {line}").split_whitespace());
            let error = parsed.expect_err(line);
            for shown in [error.to_string(), usage_error(&error)] {
                assert!(!shown.contains("hunter2"), "{shown}");
            }
        }
    }

    #[test]
    fn an_unknown_command_is_named_with_the_one_that_was_meant() {
        for (line, expected) in [
            (
                "acount",
                "no such command: acount (did you mean account?). See mailpull --help",
            ),
            (
                "chekc",
                "no such command: chekc (did you mean check?). See mailpull --help",
            ),
            (
                "daemon",
                "no such command: daemon. To fetch an account or a URL: mailpull fetch work",
            ),
            (
                "pops://me@h",
                "no such command: …. To fetch an account or a URL: mailpull fetch work",
            ),
            (
                "help chekc",
                "no such command: chekc (did you mean check?). See mailpull --help",
            ),
            (
                "account foo",
                "no such command: account foo. The commands of account are add, list, remove, \
                 rename and test",
            ),
            (
                "seen exprot",
                "no such command: seen exprot (did you mean export?). The commands of seen are \
                 catch-up, check, export, forget, import, list and rematch",
            ),
        ] {
            assert_eq!(complaint(line), expected);
        }
    }

    #[test]
    fn a_missing_command_is_asked_for() {
        for (line, expected) in [
            (
                "account",
                "account needs a command: add, list, remove, rename or test",
            ),
            (
                "seen",
                "seen needs a command: catch-up, check, export, forget, import, list or rematch",
            ),
        ] {
            assert_eq!(complaint(line), format!("{expected}. {SEE_HELP}"));
        }
    }

    #[test]
    fn an_option_that_makes_no_sense_is_one_line() {
        for (line, expected) in [
            ("--bogus", "unknown option: --bogus"),
            (
                "fetch --maildri m",
                "unknown option: --maildri (did you mean --maildir?)",
            ),
            ("log a b", "unexpected argument: b"),
            ("-j 0", "--jobs must be a number from 1 on, not 0"),
            (
                "--order sideways",
                "--order must be oldest-first or newest-first, not sideways",
            ),
            ("fetch --maildir", "--maildir needs a value: DIR"),
            (
                "fetch --order",
                "--order needs a value: oldest-first or newest-first",
            ),
            ("-q -v", "--quiet and --verbose exclude each other"),
            ("seen list", "missing argument: <ACCOUNT>"),
            (
                "-n log",
                "the options of fetch come after the word fetch, as in: mailpull fetch --delete",
            ),
        ] {
            assert_eq!(complaint(line), format!("{expected}. {SEE_HELP}"));
        }
    }
}
