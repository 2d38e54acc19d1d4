//! `mailpull account add`: asks what no flag has said, finds the server, tries the login, and only
//! then writes the account into the configuration.
//! Fetches nothing, and changes no account that is there.

use super::questions::Questions;
use super::{discovery, test};
use crate::cli;
use crate::commands::Setting;
use crate::config::{Account, Addition, is_account_name, password};
use crate::exit::{Exit, Failure};
use crate::providers;
use crate::report::{Fact, Finding};

/// Adds an account. A login that does not work is the status, and nothing is written then unless
/// the user wants it all the same.
pub(super) fn run(arguments: &cli::Add, setting: &Setting<'_>) -> anyhow::Result<Exit> {
    let questions = Questions::new(&setting.interrupt);
    let user = match &arguments.user {
        Some(user) => user.clone(),
        None => questions.ask("--user", "Mail address, or user name", None)?,
    };
    let name = name(arguments, &user, &questions)?;
    let chosen = setting.global.config.as_deref();
    let mut addition = Addition::new(&name, chosen, &arguments.options)?;
    for (flag, key, value) in arguments.settings() {
        addition.say(flag, key, value.to_owned())?;
    }
    addition.say("--user", "user", user.clone())?;
    if !addition.has_server()? {
        find_server(&user, &mut addition, &questions, setting)?;
    }
    ask_for_password(&mut addition, &questions, setting)?;
    if !addition.has_destination()? {
        let proposal = format!("~/Mail/{name}");
        let folder = questions.ask("--maildir", "Maildir for its mail", Some(&proposal))?;
        addition.say("--maildir", "maildir", folder)?;
    }
    let exit = match arguments.no_test {
        true => Exit::Done,
        false => attempt(&mut addition, &questions, setting)?,
    };
    let account = addition.account()?;
    if exit != Exit::Done && !questions.confirm("This did not work. Add it all the same?")? {
        let words = "not added; --no-test adds it all the same";
        super::tell(&Finding::new("account", words), &account, setting);
        return Ok(exit);
    }
    addition.write()?;
    super::tell(&added(&addition, &account), &account, setting);
    Ok(exit)
}

/// Tries the login, with a password that is typed again if the one before was refused.
fn attempt(
    addition: &mut Addition,
    questions: &Questions<'_>,
    setting: &Setting<'_>,
) -> anyhow::Result<Exit> {
    loop {
        let account = addition.account()?;
        let exit = test::test(&account, setting);
        let was_mistyped = exit == Exit::LoginRefused && addition.has_typed_password();
        if !was_mistyped || !questions.confirm("Type the password again?")? {
            return Ok(exit);
        }
        type_password(addition, &account, setting)?;
    }
}

fn added(addition: &Addition, account: &Account) -> Finding {
    let (name, path) = (&account.name, addition.path());
    let words = format!("{name} is in {path} now; to fetch it: mailpull fetch {name}");
    Finding::new("account", words).with("file", Fact::text(path))
}

/// What the account is called: the first part of its domain is a good name.
fn name(arguments: &cli::Add, user: &str, questions: &Questions<'_>) -> anyhow::Result<String> {
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
    addition: &mut Addition,
    questions: &Questions<'_>,
    setting: &Setting<'_>,
) -> anyhow::Result<()> {
    if discovery::find(user, addition, questions, setting)? {
        return Ok(());
    }
    if let Some(signal) = setting.interrupt.signal() {
        return Err(Failure::new("interrupted", Exit::Signal(signal)).into());
    }
    let question = "Server (HOST or HOST:PORT, in TLS from the first octet)";
    let server = questions.ask("--server", question, None)?;
    Ok(addition.say("--server", "server", server)?)
}

/// Asks for a password source where there is somebody; without one it is looked for in .netrc.
fn ask_for_password(
    addition: &mut Addition,
    questions: &Questions<'_>,
    setting: &Setting<'_>,
) -> anyhow::Result<()> {
    let account = addition.account()?;
    let needs_none = !account.dial.auth.needs_secret() || addition.has_password_source()?;
    if needs_none || !questions.has_listener() {
        return Ok(());
    }
    if let Some(provider) = providers::of(account.dial.net.endpoint.host()) {
        for rule in provider.rules {
            let words = format!("at {}: {rule}", provider.name);
            super::tell(&Finding::new("note", words), &account, setting);
        }
    }
    let question = format!(
        "Command that prints the password (Enter: type it, and keep it in {}; -: ask at every run)",
        addition.path()
    );
    let flag = "--password-command";
    match questions.ask(flag, &question, Some(""))? {
        command if command.is_empty() => type_password(addition, &account, setting),
        command if command == "-" => Ok(()),
        command => Ok(addition.say(flag, "password-command", command)?),
    }
}

fn type_password(
    addition: &mut Addition,
    account: &Account,
    setting: &Setting<'_>,
) -> anyhow::Result<()> {
    let interrupted = || setting.interrupt.signal().is_some();
    let password = password::prompt(account.login(), &interrupted)
        .map_err(|error| Failure::new(&error, error.exit()))?;
    Ok(addition.keep_password(password)?)
}
