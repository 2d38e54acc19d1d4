//! `mailpull fetch`: new mail for every account, one after the other.

use super::Setting;
use crate::cli;
use crate::config::{self, Account, Overrides};
use crate::delivery::{Destination, Maildir, Mda, Target};
use crate::engine::{Orders, Poll};
use crate::exit::Exit;
use crate::report::{Event, Summary};
use crate::seen::StateFolder;
use crate::survey;

/// The server hears from us so often in the time that we would give it: a NOOP a minute by default.
const SILENCES: u32 = 3;

/// Fetches. An account that fails does not keep the others waiting.
pub(super) fn run(arguments: &cli::Fetch, setting: &Setting<'_>) -> anyhow::Result<Exit> {
    let flags = &arguments.flags;
    let overrides = Overrides::new(flags.settings(), &flags.options.options)?;
    let chosen = setting.global.config.as_deref();
    let accounts = config::accounts(&arguments.accounts, chosen, &overrides)?;
    let folder = setting.state_folder()?;
    let mut exit = Exit::Done;
    for account in &accounts {
        if setting.interrupt.signal().is_some() {
            break;
        }
        let mut summary = Summary::default();
        let fetched = if flags.dry_run {
            rehearse(account, &folder, setting, &mut summary)
        } else {
            fetch(account, &folder, setting, &mut summary)
        };
        if let Err(error) = fetched {
            summary.exit = summary.exit.max(setting.tell_failure(account, &error));
        }
        setting.desk(&account.name).tell(Event::Finished(&summary));
        exit = exit.max(summary.exit);
    }
    Ok(exit)
}

fn fetch(
    account: &Account,
    folder: &StateFolder,
    setting: &Setting<'_>,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let mut ledger = setting.open_ledger(account, folder)?;
    let _lock = ledger.lock()?;
    let target = open_target(account, folder, ledger.tag(), setting)?;
    let orders = Orders {
        policy: account.policy.clone(),
        configured_keep: account.configured_keep,
        may_delete_many: account.delete_was_asked,
        silence: account.dial.net.timeout / SILENCES,
    };
    let poll = Poll {
        orders: &orders,
        ledger: &mut ledger,
        target: &*target,
        desk: setting.desk(&account.name),
        interrupt: &setting.interrupt,
    };
    Ok(poll.run(summary, setting.connector(account))?)
}

fn open_target(
    account: &Account,
    folder: &StateFolder,
    tag: &str,
    setting: &Setting<'_>,
) -> anyhow::Result<Box<dyn Target>> {
    Ok(match account.require_destination()? {
        Destination::Maildir(path) => Box::new(Maildir::open(path, tag)?),
        Destination::Mda(options) => {
            let interrupt = setting.interrupt.clone();
            Box::new(Mda::open(options.clone(), &folder.spool(), tag, interrupt)?)
        }
    })
}

/// `--dry-run`: says what a run would do. Changes nothing here and nothing on the server.
fn rehearse(
    account: &Account,
    folder: &StateFolder,
    setting: &Setting<'_>,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let ledger = setting.open_ledger(account, folder)?;
    let known = ledger.known()?;
    let mut session = setting.connector(account)()?;
    let (listing, mut plan) = survey::survey(&mut session, &known, &account.policy)?;
    let desk = setting.desk(&account.name);
    if !account.delete_was_asked {
        let last = ledger.last_keep()?;
        let held = plan.hold_surprising_deletions(last.as_deref(), account.configured_keep);
        if held > 0 {
            desk.tell(Event::Warning(&format_args!(
                "keep has changed, and {held} messages would stay until you say: mailpull fetch \
                 --delete"
            )));
        }
    }
    *summary = survey::rehearse(&listing, &plan, account.policy.keep, desk);
    // Nothing was retrieved and nothing marked: how QUIT is answered decides nothing.
    session.quit();
    Ok(())
}
