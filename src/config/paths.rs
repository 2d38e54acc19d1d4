//! Paths as the user writes them, made absolute.

use std::path::{Path, PathBuf};

use crate::config::error::Error;
use crate::config::password::{CommandLine, SecretCommand, Source};
use crate::config::settings::At;

/// Makes a path absolute. `~/` is the home directory. Only on the command line can a path be
/// relative, because a file is also read by cron, which starts programs in another folder.
pub(super) fn absolute<T>(
    at: &At<T>,
    path: impl AsRef<Path>,
    home: Option<&Path>,
) -> Result<PathBuf, Error> {
    let path = expand(at, path.as_ref(), home)?;
    if at.origin.was_typed() {
        return std::path::absolute(&path).map_err(|problem| at.wrong(problem));
    }
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(at.wrong("must begin with / or ~/"))
    }
}

/// Expands `~/` in the program of an argument vector.
pub(super) fn program<T>(
    at: &At<T>,
    words: &[String],
    home: Option<&Path>,
) -> Result<Vec<String>, Error> {
    let mut words = words.to_vec();
    if let Some(program) = words.first_mut() {
        let path = expand(at, Path::new(program), home)?;
        *program = path
            .into_os_string()
            .into_string()
            .map_err(|_| at.wrong("is below a home directory whose name is not UTF-8"))?;
    }
    Ok(words)
}

/// Returns where a secret comes from, with the paths in it made absolute.
pub(super) fn source(at: &At<Source>, home: Option<&Path>) -> Result<Source, Error> {
    Ok(match &at.value {
        Source::File(path) => Source::File(absolute(at, path, home)?),
        Source::Command(SecretCommand {
            key,
            line: CommandLine::Program(words),
        }) => Source::Command(SecretCommand {
            key,
            line: CommandLine::Program(program(at, words, home)?),
        }),
        other => other.clone(),
    })
}

fn expand<T>(at: &At<T>, path: &Path, home: Option<&Path>) -> Result<PathBuf, Error> {
    match path.strip_prefix("~") {
        Err(_) => Ok(path.to_owned()),
        Ok(rest) => home.map(|home| home.join(rest)).ok_or_else(|| {
            at.wrong_with_hint("begins with ~, but there is no home directory", "Set HOME")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::origin::Origin;

    fn at(origin: Origin) -> At<()> {
        At {
            value: (),
            key: "maildir",
            origin,
        }
    }

    fn in_a_file() -> At<()> {
        let path = "f".into();
        at(Origin::File { path, line: 1 })
    }

    #[test]
    fn a_path_in_a_file_begins_at_root_or_home() {
        let home = Some(Path::new("/home/me"));
        for (path, expected) in [
            ("/var/mail/me", Some("/var/mail/me")),
            ("~/Mail", Some("/home/me/Mail")),
            ("~", Some("/home/me")),
            ("Mail", None),
            ("./Mail", None),
            ("~you/Mail", None),
            ("", None),
        ] {
            let path = absolute(&in_a_file(), path, home);
            assert_eq!(path.ok().as_deref(), expected.map(Path::new));
        }
    }

    #[test]
    fn a_typed_path_begins_in_the_current_folder() {
        let flag = at(Origin::Flag("--maildir".into()));
        let here = std::env::current_dir().expect("there is a current folder");
        let path = absolute(&flag, "Mail", None).expect("the path is relative to a folder");
        assert_eq!(path, here.join("Mail"));
    }

    #[test]
    fn without_a_home_directory_a_tilde_is_an_error() {
        let error = absolute(&in_a_file(), "~/Mail", None).expect_err("there is no home");
        let message = "f:1: \"maildir\" begins with ~, but there is no home directory";
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn only_the_program_of_a_command_is_a_path() {
        let words = ["~/bin/deliver", "~/x", "y"].map(str::to_owned);
        let home = Some(Path::new("/home/me"));
        let words = program(&in_a_file(), &words, home).expect("there is a home");
        assert_eq!(words, ["/home/me/bin/deliver", "~/x", "y"]);
    }
}
