//! `mailpull account add`: finds the server, tries the login, and only then writes the account into the
//! configuration. At a terminal a [`Wizard`] asks for what is missing. Existing accounts are not changed.

use super::super::questions::Questions;
use super::test::TestDetail;
use super::wizard::Wizard;
use super::{discovery, test};
use crate::cli;
use crate::commands::Context;
use crate::config::password::Source;
use crate::config::{Account, NewAccount};
use crate::exit::{Exit, Failure};
use crate::report::{Fact, Finding};

/// Adds an account.
pub(super) fn run(arguments: &cli::AddArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let questions = Questions::new(&context.interrupt);
    let chosen = context.global.config.as_deref();
    let mut new_account = NewAccount::new(chosen, &arguments.options)?;
    for (flag, key, value) in arguments.settings() {
        new_account.set(flag, key, value.to_owned())?;
    }
    if questions.can_ask() {
        return Wizard::new(new_account, arguments, questions, context).run();
    }
    add(new_account, arguments, &questions, context)
}

/// Adds an account without asking anybody. If the login fails nothing is added, and its status is returned.
fn add(
    mut new_account: NewAccount,
    arguments: &cli::AddArgs,
    questions: &Questions<'_>,
    context: &Context<'_>,
) -> Result<Exit, Failure> {
    let user = new_account.user()?.ok_or_else(|| missing("--user"))?;
    let name = arguments.name.as_ref().ok_or_else(|| missing("NAME"))?;
    new_account.set_name(name)?;
    if !new_account.has_server()? && !discovery::find(&user, &mut new_account, questions, context)?
    {
        return Err(match context.interrupt.signal() {
            Some(signal) => Failure::new("interrupted", Exit::Signal(signal)),
            None => missing("--server"),
        });
    }
    let account = new_account.account()?;
    if account.destinations().len() == 0 {
        return Err(missing("--maildir"));
    }
    if !arguments.no_test && !wants_login(&account) {
        let exit = test::test(&account, TestDetail::Steps, context);
        if exit != Exit::Done {
            let words = "not added; --no-test adds it anyway";
            super::report_finding(&Finding::new("account", words), &account, context);
            return Ok(exit);
        }
    }
    new_account.write(&context.interrupt)?;
    super::report_finding(&added(&new_account, &account), &account, context);
    Ok(Exit::Done)
}

fn missing(flag: &str) -> Failure {
    let what = format!("{flag} is missing, and there is no terminal to ask on");
    Failure::new(what, Exit::Usage)
}

/// Says where the account is, and the command that comes next.
pub(super) fn added(new_account: &NewAccount, account: &Account) -> Finding {
    let (name, path) = (&account.name, new_account.path());
    let words = if wants_login(account) {
        format!(
            "{name} is in {path} now; to sign in: mailpull login {name}; then: mailpull account \
             test {name}"
        )
    } else {
        format!("{name} is in {path} now; to fetch it: mailpull fetch {name}")
    };
    Finding::new("account", words).with("file", Fact::text(path))
}

/// Returns true if the login cannot be tried before `mailpull login`.
pub(super) fn wants_login(account: &Account) -> bool {
    matches!(account.password, Source::Keyring) || account.sign_in.is_some()
}
