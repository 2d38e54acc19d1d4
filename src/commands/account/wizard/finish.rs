//! The last step of the wizard: it writes the account, and fetches its mail if the user wants that.

use super::super::add::{added, wants_login};
use super::super::report_finding;
use super::{Turn, Wizard, WizardStep};
use crate::cli::{FetchArgs, LoginArgs, OneAccountArgs};
use crate::commands::{fetch, login};
use crate::config::PasswordPlace;
use crate::config::password;
use crate::exit::{Exit, Failure};

impl Wizard<'_> {
    /// Writes the account. A user who has answered questions is asked about the first fetch, too.
    pub(super) fn finish(&mut self, has_asked: bool) -> Result<Turn, Failure> {
        let account = self.new_account.account()?;
        if let Some((secret, PasswordPlace::Keyring)) = self.new_account.password() {
            let login = account.login();
            let stored = password::store_in_keyring(login, secret, &self.context.interrupt);
            if let Err(error) = stored {
                self.explain(&error.into());
                return Ok(Turn::To(WizardStep::Secret));
            }
        }
        self.new_account.write(&self.context.interrupt)?;
        self.is_added = true;
        report_finding(&added(&self.new_account, &account), &account, self.context);
        if let Some(exit) = self.failed_with {
            return Ok(Turn::End(exit));
        }
        let wants_login = wants_login(&account) && self.new_account.password().is_none();
        if !has_asked || self.arguments.no_test {
            return Ok(Turn::End(Exit::Done));
        }
        if wants_login {
            if !self.questions.agree("Sign in now?")? {
                return Ok(Turn::End(Exit::Done));
            }
            let arguments = LoginArgs {
                account: OneAccountArgs {
                    account: account.name.clone(),
                },
                ..LoginArgs::default()
            };
            let exit = login::run(&arguments, self.context)?;
            if exit != Exit::Done {
                return Ok(Turn::End(exit));
            }
        }
        if !self.questions.agree("Fetch its mail now?")? {
            return Ok(Turn::End(Exit::Done));
        }
        let arguments = FetchArgs {
            accounts: vec![account.name],
            ..FetchArgs::default()
        };
        Ok(Turn::End(fetch::run(&arguments, self.context)?))
    }
}
