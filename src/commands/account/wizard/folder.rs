//! The step of the wizard that asks for the Maildir.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::super::super::questions::TypedAnswer;
use super::{Turn, Wizard};
use crate::config::Account;
use crate::exit::{Exit, Failure};
use crate::targets::Destination;

impl Wizard<'_> {
    pub(super) fn ask_for_folder(&mut self) -> Result<Turn, Failure> {
        let proposal = match self.new_account.answer("maildir") {
            Some(before) => before.to_owned(),
            None => format!("~/Mail/{}", self.name.as_deref().unwrap_or("mail")),
        };
        let answer = self
            .questions
            .ask("Maildir for its mail", Some(&proposal))?;
        let TypedAnswer::Text(folder) = answer else {
            return Ok(Turn::Back);
        };
        match self.put("--maildir", "maildir", &folder) {
            Turn::Next => self.make_parent(),
            turn => Ok(turn),
        }
    }

    /// Makes the folder in which the Maildir will be, if it is missing and the user agrees. A fetch makes the
    /// Maildir itself, but not the folders above: a disk may not be mounted there.
    fn make_parent(&self) -> Result<Turn, Failure> {
        let account = match self.new_account.account() {
            Ok(account) => account,
            Err(error) => return Ok(self.explain(&error.into())),
        };
        let Some(parent) = missing_parent(&account) else {
            return Ok(Turn::Next);
        };
        let question = format!("There is no folder {}. Make it?", parent.display());
        if !self.questions.agree(&question)? {
            return Ok(Turn::Again);
        }
        let made = DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&parent);
        match made {
            Ok(()) => Ok(Turn::Next),
            Err(error) => {
                let what = format!("cannot make {}: {error}", parent.display());
                Ok(self.explain(&Failure::new(what, Exit::CannotCreate)))
            }
        }
    }
}

fn missing_parent(account: &Account) -> Option<PathBuf> {
    account.destinations().find_map(|destination| {
        let Destination::Maildir { path, .. } = destination else {
            return None;
        };
        let parent = path.parent().filter(|parent| !parent.exists());
        parent.map(Path::to_owned)
    })
}
