//! `mailpull account add` at a terminal: asks for what is missing, one step after the other.
//!
//! No answer is lost: a step that fails offers what may help, an answer is proposed again when the user
//! returns to its step, and a wizard that ends early prints the command that goes on with its answers.

use std::collections::HashMap;

use super::super::questions::{Questions, TypedAnswer};
use crate::cli;
use crate::commands::Context;
use crate::config::{NewAccount, is_account_name};
use crate::exit::{Exit, Failure};

mod attempt;
mod finish;
mod folder;
mod obstacle;
mod secret;
mod server;

/// A dialogue that adds an account.
pub(super) struct Wizard<'a> {
    new_account: NewAccount,
    arguments: &'a cli::AddArgs,
    questions: Questions<'a>,
    context: &'a Context<'a>,
    name: Option<String>,
    /// True for a step that the arguments have answered.
    answered: HashMap<WizardStep, bool>,
    /// The user whose server was searched for.
    searched_for: Option<String>,
    /// The server that was typed last, although it may not work.
    typed_server: Option<String>,
    /// The status of an attempt that failed, if the user wants the account anyway.
    failed_with: Option<Exit>,
    /// True once the configuration has the account.
    is_added: bool,
}

/// A step of the dialogue, in the order in which they are taken.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum WizardStep {
    User,
    Name,
    Server,
    Secret,
    Folder,
    Attempt,
    Finish,
}

/// The end of a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Turn {
    /// The next step follows.
    Next,
    /// The next step follows, and this one has asked nothing to which one could return.
    Unasked,
    /// The step before follows.
    Back,
    /// The same step follows.
    Again,
    /// This step follows.
    To(WizardStep),
    /// The dialogue is over.
    End(Exit),
}

impl<'a> Wizard<'a> {
    pub(super) fn new(
        new_account: NewAccount,
        arguments: &'a cli::AddArgs,
        questions: Questions<'a>,
        context: &'a Context<'a>,
    ) -> Self {
        Self {
            new_account,
            arguments,
            questions,
            context,
            name: None,
            answered: HashMap::new(),
            searched_for: None,
            typed_server: None,
            failed_with: None,
            is_added: false,
        }
    }

    /// Leads the dialogue to its end.
    pub(super) fn run(mut self) -> Result<Exit, Failure> {
        let ended = self.take_steps();
        let has_answers = self.new_account.user().is_ok_and(|user| user.is_some());
        if has_answers && !self.is_added {
            let words = self.new_account.command();
            let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
            self.questions
                .show(&format!("To go on later: {}", words.join(" ")));
        }
        ended
    }

    fn take_steps(&mut self) -> Result<Exit, Failure> {
        let mut asked: Vec<WizardStep> = Vec::new();
        let mut is_introduced = false;
        let mut step = WizardStep::User;
        loop {
            if self.is_answered(step)? {
                step = step.next();
                continue;
            }
            if step < WizardStep::Attempt && !std::mem::replace(&mut is_introduced, true) {
                self.questions.show(INTRODUCTION);
            }
            match self.take(step, !asked.is_empty())? {
                Turn::Next => {
                    asked.push(step);
                    step = step.next();
                }
                Turn::Unasked => step = step.next(),
                Turn::Back => step = asked.pop().unwrap_or(step),
                Turn::Again => {}
                Turn::To(other) => {
                    asked.retain(|before| *before < other);
                    self.answered.insert(other, false);
                    step = other;
                }
                Turn::End(exit) => return Ok(exit),
            }
        }
    }

    /// Returns true if the arguments say what a step would ask for.
    fn is_answered(&mut self, step: WizardStep) -> Result<bool, Failure> {
        if let Some(is_answered) = self.answered.get(&step) {
            return Ok(*is_answered);
        }
        let is_answered = match step {
            WizardStep::User => self.new_account.user()?.is_some(),
            WizardStep::Name => match &self.arguments.name {
                Some(name) => {
                    self.new_account.set_name(name)?;
                    self.name = Some(name.clone());
                    true
                }
                None => false,
            },
            WizardStep::Server => self.new_account.has_server()?,
            WizardStep::Secret => !secret::is_missing(&self.new_account.account()?),
            WizardStep::Folder => self.new_account.account()?.destinations().len() > 0,
            WizardStep::Attempt | WizardStep::Finish => false,
        };
        self.answered.insert(step, is_answered);
        Ok(is_answered)
    }

    fn take(&mut self, step: WizardStep, has_asked: bool) -> Result<Turn, Failure> {
        match step {
            WizardStep::User => self.ask_for_user(),
            WizardStep::Name => self.ask_for_name(),
            WizardStep::Server => self.find_server(),
            WizardStep::Secret => self.ask_for_secret(),
            WizardStep::Folder => self.ask_for_folder(),
            WizardStep::Attempt => self.attempt(),
            WizardStep::Finish => self.finish(has_asked),
        }
    }

    fn ask_for_user(&mut self) -> Result<Turn, Failure> {
        let before = self.new_account.user()?;
        let question = "Mail address, or user name";
        match self.questions.ask(question, before.as_deref())? {
            TypedAnswer::Back => Ok(Turn::Back),
            TypedAnswer::Text(user) => Ok(self.put("--user", "user", &user)),
        }
    }

    /// Asks for the name of the account. The first part of its domain is proposed.
    fn ask_for_name(&mut self) -> Result<Turn, Failure> {
        let user = self.user()?;
        let domain = user.rsplit_once('@').map_or("", |(_, domain)| domain);
        let label = domain.split('.').next().unwrap_or_default();
        let label = if is_account_name(label) {
            label
        } else {
            "mail"
        };
        let proposal = self.name.clone().unwrap_or_else(|| label.to_owned());
        match self.questions.ask("Name of the account", Some(&proposal))? {
            TypedAnswer::Back => Ok(Turn::Back),
            TypedAnswer::Text(name) => match self.new_account.set_name(&name) {
                Ok(()) => {
                    self.name = Some(name);
                    Ok(Turn::Next)
                }
                Err(error) => Ok(self.explain(&error.into())),
            },
        }
    }

    fn user(&self) -> Result<String, Failure> {
        Ok(self.new_account.user()?.unwrap_or_default())
    }

    /// Sets a key to an answer. If it cannot have this value, the question is asked again.
    fn put(&mut self, flag: &'static str, key: &'static str, text: &str) -> Turn {
        match self.new_account.put(flag, key, text) {
            Ok(()) => Turn::Next,
            Err(error) => self.explain(&error.into()),
        }
    }

    /// Shows why an answer cannot be used, and lets the user give another one.
    fn explain(&self, failure: &Failure) -> Turn {
        let hint = failure.hint.iter().map(|hint| format!(". {hint}"));
        let hint: String = hint.collect();
        self.questions.show(&format!("{failure}{hint}"));
        Turn::Again
    }
}

impl WizardStep {
    fn next(self) -> Self {
        match self {
            Self::User => Self::Name,
            Self::Name => Self::Server,
            Self::Server => Self::Secret,
            Self::Secret => Self::Folder,
            Self::Folder => Self::Attempt,
            Self::Attempt | Self::Finish => Self::Finish,
        }
    }
}

/// Quotes a word for a shell if that is necessary.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=+,%~".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

const INTRODUCTION: &str =
    "Enter takes the answer in [brackets], < goes back, and Ctrl-C ends without a change.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_only_if_a_shell_would_change_it() {
        for (word, shown) in [
            ("--user", "--user"),
            ("joe@example.com", "joe@example.com"),
            ("keep=14 days", "'keep=14 days'"),
            ("it's", "'it'\\''s'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), shown);
        }
    }
}
