//! The step of the wizard that tries the login, and offers what may help if it fails.

use super::super::super::questions::Proposal;
use super::super::add::wants_login;
use super::super::test::TestDetail;
use super::super::{providers, test};
use super::obstacle::Obstacle;
use super::server::BlockedServer;
use super::{Turn, Wizard, WizardStep};
use crate::config::Account;
use crate::dial::Security;
use crate::exit::{Exit, Failure};
use crate::report::plain::Verbosity;

/// The next step after an attempt that failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum NextTry {
    Retype,
    Secret,
    User,
    Server,
    Folder,
    Again,
    AddAnyway,
    Stop,
}

impl Wizard<'_> {
    pub(super) fn attempt(&mut self) -> Result<Turn, Failure> {
        let account = self.new_account.account()?;
        let was_typed = self.new_account.password().is_some();
        if self.arguments.no_test || wants_login(&account) && !was_typed {
            return Ok(Turn::Unasked);
        }
        let is_brief = !self.context.global.json && self.context.verbosity <= Verbosity::Normal;
        let detail = match is_brief {
            true => TestDetail::Outcome,
            false => TestDetail::Steps,
        };
        let exit = test::test(&account, detail, self.context);
        match exit {
            Exit::Done => Ok(Turn::Unasked),
            Exit::Signal(signal) => Err(Failure::new("interrupted", Exit::Signal(signal))),
            Exit::LoginRefused | Exit::CannotCreate | Exit::Configuration => {
                self.offer_next_try(&account, exit)
            }
            exit => match self.blocked(&account) {
                Some(blocked) => match self.offer_ways(&blocked)? {
                    Turn::Next => Ok(Turn::Again),
                    turn => Ok(turn),
                },
                None => self.offer_next_try(&account, exit),
            },
        }
    }

    /// Looks at the server once more, and returns an obstacle for which there is a way.
    fn blocked(&self, account: &Account) -> Option<BlockedServer> {
        let security = match account.dial.security {
            Security::None => return None,
            Security::StartTls => "starttls",
            Security::Tls => "tls",
        };
        let obstacle = self.look_at(account, security).err()?;
        let has_way = matches!(
            obstacle,
            Obstacle::Unknown { .. } | Obstacle::Name | Obstacle::NoTls
        );
        has_way.then(|| BlockedServer {
            server: self
                .new_account
                .answer("server")
                .unwrap_or_default()
                .to_owned(),
            security,
            obstacle,
        })
    }

    fn offer_next_try(&mut self, account: &Account, exit: Exit) -> Result<Turn, Failure> {
        let tries = tries(account, exit, self.new_account.password().is_some());
        let labels: Vec<_> = tries.iter().map(|(label, _)| label.clone()).collect();
        let question = "This did not work. What should be done?";
        let Some(chosen) = self.questions.choose(question, &labels, Proposal::First)? else {
            return Ok(Turn::Back);
        };
        Ok(match tries[chosen].1 {
            NextTry::Again => Turn::Again,
            NextTry::Retype => match self.new_account.password() {
                Some((_, place)) => {
                    self.type_password(place)?;
                    Turn::Again
                }
                None => Turn::To(WizardStep::Secret),
            },
            NextTry::Secret => Turn::To(WizardStep::Secret),
            NextTry::User => Turn::To(WizardStep::User),
            NextTry::Server => Turn::To(WizardStep::Server),
            NextTry::Folder => Turn::To(WizardStep::Folder),
            NextTry::AddAnyway => {
                self.failed_with = Some(exit);
                Turn::Unasked
            }
            NextTry::Stop => Turn::End(exit),
        })
    }
}

/// Lists what can be done after a failure, the most likely help first.
fn tries(account: &Account, exit: Exit, was_typed: bool) -> Vec<(String, NextTry)> {
    let mut tries = Vec::new();
    let mut add = |label: &str, next| tries.push((label.to_owned(), next));
    let host = account.dial.net.endpoint.host();
    let signs_in =
        providers::of(host).filter(|it| it.oauth2.is_some() && account.sign_in.is_none());
    match exit {
        Exit::LoginRefused => {
            if let Some(provider) = signs_in {
                let label = format!("sign in at {}, or another password", provider.name);
                add(&label, NextTry::Secret);
            }
            if was_typed {
                add("type the password again", NextTry::Retype);
            }
            if signs_in.is_none() {
                add("another place of the password", NextTry::Secret);
            }
            add("another user name", NextTry::User);
            add("another server", NextTry::Server);
            add("try again", NextTry::Again);
        }
        Exit::CannotCreate => {
            add("another Maildir", NextTry::Folder);
            add("try again", NextTry::Again);
        }
        _ => {
            add("try again", NextTry::Again);
            add("another server", NextTry::Server);
            add("another place of the password", NextTry::Secret);
        }
    }
    add("add the account as it is", NextTry::AddAnyway);
    add("stop, and change nothing", NextTry::Stop);
    tries
}
