//! What is said of a command line that makes no sense: one line, and no password in it.
//! Does not know what would have made sense to an account.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::command;

/// Says on one line what clap says on several: what is wrong, and what may have been meant.
pub fn complaint(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim);
    let told: Vec<_> = lines
        .take_while(|line| !line.starts_with("Usage: ") && !line.starts_with("For more "))
        .filter(|line| !line.is_empty())
        .map(|line| line.trim_start_matches("error: "))
        .map(|line| line.replacen("tip: ", "; ", 1))
        .collect();
    let told = told.join(" ").replace(" ; ", "; ");
    format!("{told}; see mailpull --help")
}

pub(super) fn misplaced_flags() -> clap::Error {
    command().error(
        ErrorKind::ArgumentConflict,
        "the flags of fetch stand behind the word: mailpull fetch --delete",
    )
}

/// Takes what looks like a URL out of an error, and says where the names of accounts go.
pub(super) fn explain(mut error: clap::Error) -> clap::Error {
    for kind in SHOWS_ARGUMENTS {
        if error
            .get(kind)
            .is_some_and(|shown| shown.to_string().contains(':'))
        {
            error.insert(kind, ContextValue::String("…".to_owned()));
        }
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let missing = match verbs_of(&error) {
            Some((word, verbs)) => format!("{word} needs a verb: {verbs}"),
            None => "a command is missing".to_owned(),
        };
        return command().error(ErrorKind::MissingSubcommand, missing);
    }
    if error.kind() == ErrorKind::InvalidSubcommand {
        let named = error.get(ContextKind::InvalidSubcommand);
        let tip = match (verbs_of(&error), named.map(ToString::to_string)) {
            (_, Some(word)) if word == "help" => {
                "help is a flag: mailpull --help, mailpull fetch --help".to_owned()
            }
            (Some((word, verbs)), _) => format!("{word} needs a verb: {verbs}"),
            (None, _) => "an account or a URL needs the word fetch: mailpull fetch work".to_owned(),
        };
        let tip = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
        error.insert(ContextKind::Suggested, tip);
        // To clap `watch` is nearly `fetch`.
        error.remove(ContextKind::SuggestedSubcommand);
    }
    error
}

/// The command that an error is about and its verbs, if it has any.
fn verbs_of(error: &clap::Error) -> Option<(String, String)> {
    let text = error.to_string();
    let command = command();
    let with_verbs = command
        .get_subcommands()
        .filter(|command| command.has_subcommands());
    let mut about = with_verbs
        .filter(|command| text.contains(&format!("Usage: mailpull {} ", command.get_name())));
    let command = about.next()?;
    let verbs: Vec<_> = command
        .get_subcommands()
        .map(clap::Command::get_name)
        .collect();
    let (last, first) = verbs.split_last()?;
    let verbs = format!("{} or {last}", first.join(", "));
    Some((command.get_name().to_owned(), verbs))
}

const SHOWS_ARGUMENTS: [ContextKind; 3] = [
    ContextKind::InvalidArg,
    ContextKind::InvalidSubcommand,
    ContextKind::InvalidValue,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::parse(format!("mailpull {line}").split_whitespace())
    }

    #[test]
    fn an_error_repeats_no_password() {
        for line in [
            "pops://me:hunter2@h",
            "--json pops://me:hunter2@h",
            "log work pops://me:hunter2@h",
            "--color=pops://me:hunter2@h",
            "--password=hunter2",
            "fetch --password hunter2",
            "-phunter2",
        ] {
            let error = parse(line).expect_err(line).to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_complaint_is_one_line() {
        for (line, expected) in [
            (
                "--bogus",
                "unexpected argument '--bogus' found; see mailpull --help",
            ),
            (
                "watch",
                "unrecognized subcommand 'watch'; an account or a URL needs the word fetch: \
                 mailpull fetch work; see mailpull --help",
            ),
            (
                "account",
                "account needs a verb: add, list, remove, rename or test; see mailpull --help",
            ),
            (
                "seen",
                "seen needs a verb: catch-up, check, export, forget, import, list or rematch; see \
                 mailpull --help",
            ),
            (
                "account foo",
                "unrecognized subcommand 'foo'; account needs a verb: add, list, remove, rename or test; see \
                 mailpull --help",
            ),
            (
                "help x",
                "unrecognized subcommand 'help'; help is a flag: mailpull --help, mailpull fetch --help; \
                 see mailpull --help",
            ),
            (
                "-j 0",
                "invalid value '0' for '--jobs <N>': must be a number from 1 on; see mailpull --help",
            ),
            (
                "--order sideways",
                "invalid value 'sideways' for '--order <ORDER>' [possible values: oldest-first, \
                 newest-first]; see mailpull --help",
            ),
            (
                "fetch --maildri m",
                "unexpected argument '--maildri' found; a similar argument exists: '--maildir'; \
                 see mailpull --help",
            ),
            (
                "-n log",
                "the flags of fetch stand behind the word: mailpull fetch --delete; \
                 see mailpull --help",
            ),
        ] {
            let error = parse(line).expect_err(line);
            assert_eq!(complaint(&error), expected);
        }
    }
}
