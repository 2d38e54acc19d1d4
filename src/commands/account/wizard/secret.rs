//! The step of the wizard that asks where the password is.

use std::env;
use std::path::Path;

use super::super::super::questions::{Proposal, TypedAnswer};
use super::super::{providers, report_finding};
use super::{Turn, Wizard};
use crate::config::password::{self, Source};
use crate::config::{Account, PasswordPlace};
use crate::exit::Failure;
use crate::report::Finding;

/// A place of the password.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum SecretChoice {
    SignIn(&'static str),
    Typed(PasswordPlace),
    Command,
    AskAlways,
}

/// Returns true if nothing says how the user proves their identity.
pub(super) fn is_missing(account: &Account) -> bool {
    matches!(account.password, Source::Ask) && account.sign_in.is_none()
}

impl Wizard<'_> {
    pub(super) fn ask_for_secret(&mut self) -> Result<Turn, Failure> {
        let account = self.new_account.account()?;
        let provider = providers::of(account.dial.net.endpoint.host());
        for rule in provider.iter().flat_map(|provider| provider.rules) {
            report_finding(&Finding::new("note", rule), &account, self.context);
        }
        let mut choices = Vec::new();
        if let Some((provider, preset)) = provider.and_then(|it| Some((it, it.oauth2?))) {
            let words = format!("sign in at {} with a browser (OAuth 2.0)", provider.name);
            choices.push((words, SecretChoice::SignIn(preset)));
        }
        let words = format!(
            "type it now, hidden; it is kept in {}, which only you can read",
            self.new_account.path()
        );
        choices.push((words, SecretChoice::Typed(PasswordPlace::File)));
        if cfg!(feature = "keyring") {
            let words = "type it now, hidden; it is kept in the keyring of your desktop".to_owned();
            choices.push((words, SecretChoice::Typed(PasswordPlace::Keyring)));
        }
        choices.push((
            "a command prints it, such as pass or gpg".to_owned(),
            SecretChoice::Command,
        ));
        choices.push((
            "ask me at every run; it is kept nowhere".to_owned(),
            SecretChoice::AskAlways,
        ));
        let labels: Vec<_> = choices.iter().map(|(words, _)| words.clone()).collect();
        let question = "Where is the password?";
        let Some(chosen) = self.questions.choose(question, &labels, Proposal::First)? else {
            return Ok(Turn::Back);
        };
        match choices[chosen].1 {
            SecretChoice::Typed(place) => self.type_password(place),
            SecretChoice::Command => self.ask_for_command(),
            SecretChoice::SignIn(preset) => self.ask_for_client(preset),
            SecretChoice::AskAlways => {
                self.new_account.forget_password();
                Ok(Turn::Next)
            }
        }
    }

    /// Asks for the password, hidden.
    pub(super) fn type_password(&mut self, place: PasswordPlace) -> Result<Turn, Failure> {
        let account = self.new_account.account()?;
        let typed = password::prompt(account.login(), &self.context.interrupt);
        let typed = match typed.map_err(Failure::from) {
            Ok(typed) => typed,
            Err(failure) if self.context.interrupt.signal().is_some() => return Err(failure),
            Err(failure) => return Ok(self.explain(&failure)),
        };
        self.new_account.forget_password();
        match self.new_account.set_password(typed, place) {
            Ok(()) => Ok(Turn::Next),
            Err(error) => Ok(self.explain(&error.into())),
        }
    }

    fn ask_for_command(&mut self) -> Result<Turn, Failure> {
        let before = self.new_account.answer("password-command");
        let before = before.map(str::to_owned);
        let question = "Command that prints the password (not the password itself)";
        let command = match self.questions.ask(question, before.as_deref())? {
            TypedAnswer::Back => return Ok(Turn::Again),
            TypedAnswer::Text(command) => command,
        };
        if !begins_with_program(&command) {
            // The answer may be a password, so it is not repeated.
            let what = "There is no program of this name, so nothing was run. If this was the password, \
                        choose to type it";
            self.questions.show(what);
            return Ok(Turn::Again);
        }
        self.new_account.forget_password();
        Ok(self.put("--password-command", "password-command", &command))
    }

    /// Asks for the client id to sign in with.
    fn ask_for_client(&mut self, preset: &'static str) -> Result<Turn, Failure> {
        let before = self.new_account.answer("oauth2-client-id");
        let before = before.map(str::to_owned);
        let question = "Client id of OAuth 2.0 (docs/guide.md says how to get one)";
        let id = match self.questions.ask(question, before.as_deref())? {
            TypedAnswer::Back => return Ok(Turn::Again),
            TypedAnswer::Text(id) => id,
        };
        let question = "Command that prints the client's secret (Enter: it has none)";
        let secret = match self.questions.ask(question, Some(""))? {
            TypedAnswer::Back => return Ok(Turn::Again),
            TypedAnswer::Text(secret) => secret,
        };
        self.new_account.forget_password();
        for (key, value) in [
            ("oauth2-client-id", &*id),
            ("oauth2-client-secret-command", &*secret),
            ("oauth2", preset),
        ] {
            if !value.is_empty()
                && let Err(error) = self.new_account.put("-o", key, value)
            {
                return Ok(self.explain(&error.into()));
            }
        }
        Ok(Turn::Next)
    }
}

/// Returns true if the first word of a command may be a program. A word with a meaning for the shell may be
/// anything.
fn begins_with_program(command: &str) -> bool {
    let word = command.split_whitespace().next().unwrap_or_default();
    if word.contains(['=', '$', '~', '(', '{', '\'', '"', '\\', '`']) {
        return word.len() < command.trim().len() || word.contains('/');
    }
    if word.contains('/') {
        return Path::new(word).exists();
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders).any(|folder| folder.join(word).is_file())
        || SHELL_COMMANDS.contains(&word)
}

/// Commands of the shell itself that may begin a command line.
const SHELL_COMMANDS: &[&str] = &[".", "cd", "echo", "eval", "exec", "printf", "read"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_a_command() {
        for (typed, is_command) in [
            ("sh -c 'pass mail'", true),
            ("/bin/sh x", true),
            ("PASSWORD_STORE_DIR=/x pass mail", true),
            ("~/bin/password", true),
            ("echo x", true),
            ("hunter2", false),
            ("correct horse battery staple", false),
            ("pa$$word", false),
            ("/no/such/program", false),
        ] {
            assert_eq!(begins_with_program(typed), is_command, "{typed}");
        }
    }
}
