//! `mailpull account add`: asks for missing arguments, finds the server, tries the login, and only then
//! writes the account into the configuration. Existing accounts are not changed.

use super::super::questions::Questions;
use super::{discovery, test};
use crate::cli;
use crate::commands::Context;
use crate::commands::account::providers;
use crate::config::password::{self, Source};
use crate::config::{Account, NewAccount, is_account_name};
use crate::exit::{Exit, Failure};
use crate::report::{Fact, Finding};

/// Adds an account. If the login fails its status is returned, and the account is added only if the
/// user wants it anyway.
pub(super) fn run(arguments: &cli::AddArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let questions = Questions::new(&context.interrupt);
    let chosen = context.global.config.as_deref();
    let mut new_account = NewAccount::new(chosen, &arguments.options)?;
    for (flag, key, value) in arguments.settings() {
        new_account.set(flag, key, value.to_owned())?;
    }
    let user = match new_account.user()? {
        Some(user) => user,
        None => {
            let user = questions.ask("--user", "Mail address, or user name", None)?;
            new_account.set("--user", "user", user.clone())?;
            user
        }
    };
    let name = name(arguments, &user, &questions)?;
    new_account.set_name(&name)?;
    if !new_account.has_server()? {
        find_server(&user, &mut new_account, &questions, context)?;
    }
    let account = new_account.account()?;
    if has_no_secret(&account) && questions.can_ask() {
        ask_for_secret(&mut new_account, &account, &questions, context)?;
    }
    if account.destinations().len() == 0 {
        let proposal = format!("~/Mail/{name}");
        let folder = questions.ask("--maildir", "Maildir for its mail", Some(&proposal))?;
        new_account.set("--maildir", "maildir", folder)?;
    }
    let exit = if arguments.no_test || wants_login(&new_account.account()?) {
        Exit::Done
    } else {
        attempt(&mut new_account, &questions, context)?
    };
    let account = new_account.account()?;
    if exit != Exit::Done && !questions.confirm("This did not work. Add the account anyway?")? {
        let words = "not added; --no-test adds it anyway";
        super::report_finding(&Finding::new("account", words), &account, context);
        return Ok(exit);
    }
    new_account.write(&context.interrupt)?;
    super::report_finding(&added(&new_account, &account), &account, context);
    Ok(exit)
}

/// Tries the login. If a typed password is refused the user may type it again.
fn attempt(
    new_account: &mut NewAccount,
    questions: &Questions<'_>,
    context: &Context<'_>,
) -> Result<Exit, Failure> {
    loop {
        let account = new_account.account()?;
        let exit = test::test(&account, context);
        let was_mistyped = exit == Exit::LoginRefused && new_account.has_typed_password();
        if !was_mistyped || !questions.confirm("Type the password again?")? {
            return Ok(exit);
        }
        type_password(new_account, &account, context)?;
    }
}

fn added(new_account: &NewAccount, account: &Account) -> Finding {
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

/// Returns the name of the account. The first part of its domain is proposed.
fn name(
    arguments: &cli::AddArgs,
    user: &str,
    questions: &Questions<'_>,
) -> Result<String, Failure> {
    if let Some(name) = &arguments.name {
        return Ok(name.clone());
    }
    let domain = user.rsplit_once('@').map_or("", |(_, domain)| domain);
    let label = domain.split('.').next().unwrap_or_default();
    let proposal = if is_account_name(label) {
        label
    } else {
        "mail"
    };
    questions.ask("NAME", "Name of the account", Some(proposal))
}

fn find_server(
    user: &str,
    new_account: &mut NewAccount,
    questions: &Questions<'_>,
    context: &Context<'_>,
) -> Result<(), Failure> {
    if discovery::find(user, new_account, questions, context)? {
        return Ok(());
    }
    if let Some(signal) = context.interrupt.signal() {
        return Err(Failure::new("interrupted", Exit::Signal(signal)));
    }
    let question = "Server (HOST or HOST:PORT, in TLS from the first octet)";
    let server = questions.ask("--server", question, None)?;
    Ok(new_account.set("--server", "server", server)?)
}

/// Returns true if nothing says how the user proves their identity.
fn has_no_secret(account: &Account) -> bool {
    matches!(account.password, Source::Ask) && account.sign_in.is_none()
}

/// Returns true if the login cannot be tried before `mailpull login`.
fn wants_login(account: &Account) -> bool {
    matches!(account.password, Source::Keyring) || account.sign_in.is_some()
}

/// Asks where the secret comes from. Without an answer it is looked up in .netrc or asked for at every
/// run.
fn ask_for_secret(
    new_account: &mut NewAccount,
    account: &Account,
    questions: &Questions<'_>,
    context: &Context<'_>,
) -> Result<(), Failure> {
    let provider = providers::of(account.dial.net.endpoint.host());
    for rule in provider.iter().flat_map(|provider| provider.rules) {
        super::report_finding(&Finding::new("note", rule), account, context);
    }
    if let Some(preset) = provider.and_then(|provider| provider.oauth2)
        && ask_for_client(preset, new_account, questions)?
    {
        return Ok(());
    }
    let question = format!(
        "Command that prints the password, not the password itself (Enter: type it, and keep it in \
         {}; -: ask at every run)",
        new_account.path()
    );
    let flag = "--password-command";
    match questions.ask(flag, &question, Some(""))? {
        command if command.is_empty() => type_password(new_account, account, context),
        command if command == "-" => Ok(()),
        command => Ok(new_account.set(flag, "password-command", command)?),
    }
}

/// Asks for the client id to sign in with, for a known provider. Returns true if it has an answer.
fn ask_for_client(
    preset: &str,
    new_account: &mut NewAccount,
    questions: &Questions<'_>,
) -> Result<bool, Failure> {
    let question = "Client id, to sign in by OAuth 2.0 (Enter: with a password)";
    let id = questions.ask("-o", question, Some(""))?;
    if id.is_empty() {
        return Ok(false);
    }
    let question = "Command that prints the client's secret (Enter: it has none)";
    let command = questions.ask("-o", question, Some(""))?;
    for (key, value) in [
        ("oauth2-client-id", id),
        ("oauth2-client-secret-command", command),
        ("oauth2", preset.to_owned()),
    ] {
        if !value.is_empty() {
            new_account.set("-o", key, value)?;
        }
    }
    Ok(true)
}

fn type_password(
    new_account: &mut NewAccount,
    account: &Account,
    context: &Context<'_>,
) -> Result<(), Failure> {
    let password = password::prompt(account.login(), &context.interrupt)?;
    Ok(new_account.set_password(password)?)
}
