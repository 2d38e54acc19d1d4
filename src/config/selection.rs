//! The accounts that a command works on: the named ones, or all enabled ones, of one shard or of all.

use std::sync::Arc;

use crate::config::account::{Account, Draft};
use crate::config::document;
use crate::config::error::Error;
use crate::config::nearest::nearest;
use crate::config::overrides::Overrides;
use crate::config::password::ONE_SHOT_VARIABLE;
use crate::config::run_settings::RunSettings;
use crate::config::settings::Settings;
use crate::config::shard::Shard;
use crate::config::values::quoted;
use crate::config::{Config, Scope, Section};

/// The arguments that select accounts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Selector<'a> {
    /// The named accounts. An empty slice means all enabled accounts.
    pub names: &'a [String],
    /// The shard that the accounts must be in.
    pub shard: Option<Shard>,
}

/// The accounts that a command works on.
#[derive(Debug, Default)]
pub struct Selection {
    /// The accounts that can be used.
    pub accounts: Vec<Account>,
    /// The accounts that cannot be used.
    pub unusable: Vec<UnusableAccount>,
    /// The settings of the whole run.
    pub run: RunSettings,
    /// A warning about where the accounts come from.
    pub warning: Option<String>,
}

/// An account that cannot be used. Others still can.
#[derive(Debug)]
pub struct UnusableAccount {
    /// The name of its file. No account may be allowed to have that name.
    pub name: String,
    /// The reason why it cannot be used.
    pub error: Error,
}

impl Selection {
    /// Returns the one account that was named.
    ///
    /// # Errors
    /// The account cannot be used.
    pub fn one(mut self) -> Result<Account, Error> {
        match (self.unusable.pop(), self.accounts.pop()) {
            (None, Some(account)) => Ok(account),
            (Some(unusable), _) => Err(unusable.error),
            (None, None) => Err(Error::Usage {
                what: "no account is named".to_owned(),
                hint: None,
            }),
        }
    }
}

impl Config {
    /// Checks the named accounts, in the order of the arguments, or all enabled accounts, in the
    /// order of the files. A shard may have no account.
    ///
    /// # Errors
    /// A name belongs to no account or to an account of another shard, there is no account at all,
    /// or the keys of an account in the configuration file contradict each other.
    pub fn select(
        mut self,
        selector: &Selector<'_>,
        overrides: &Overrides,
    ) -> Result<Selection, Error> {
        if self.names().next().is_none() {
            return Err(Error::NoAccount { path: self.path });
        }
        for name in selector.names {
            self.require(name, selector, overrides)?;
        }
        let mut selection = Selection {
            run: self.run.clone(),
            warning: self.warning.take(),
            ..Selection::default()
        };
        for unusable in std::mem::take(&mut self.unusable) {
            if selector.includes(&unusable.name) {
                selection.unusable.push(unusable);
            }
        }
        let secret_variables = self.secret_variables(overrides);
        for section in &self.accounts {
            let takes_part =
                !selector.names.is_empty() || section.is_enabled(&self.defaults, overrides);
            if !takes_part || !selector.includes(&section.name) {
                continue;
            }
            let draft = self.draft(section, overrides, &secret_variables);
            match (draft.check(), section.scope) {
                (Ok(account), _) => selection.accounts.push(account),
                (Err(error), Scope::All) => return Err(error),
                (Err(error), Scope::Own) => {
                    let name = section.name.clone();
                    selection.unusable.push(UnusableAccount { name, error });
                }
            }
        }
        let order =
            |account: &Account| selector.names.iter().position(|name| *name == account.name);
        selection.accounts.sort_by_key(order);
        Ok(selection)
    }

    /// Requires that there is an account with this name, in the right shard.
    pub(super) fn require(
        &self,
        name: &str,
        selector: &Selector<'_>,
        overrides: &Overrides,
    ) -> Result<(), Error> {
        if self.names().all(|known| known != name) {
            if overrides.keep_may_want(name) {
                return Err(Error::Account {
                    name: quoted(name),
                    hint: Some(format!(
                        "--keep takes an age only behind =, as in --keep='{name}'"
                    )),
                });
            }
            return Err(Error::Account {
                name: if document::is_account_name(name) {
                    quoted(name)
                } else {
                    // It may be a mistyped URL that contains a password.
                    "with this name".to_owned()
                },
                hint: nearest(name, self.accounts.iter().map(|account| &*account.name)),
            });
        }
        match selector.shard {
            Some(shard) if !shard.holds(name) => {
                let (name, shard) = (name.to_owned(), shard.of(name));
                Err(Error::Elsewhere { name, shard })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn draft(
        &self,
        section: &Section,
        overrides: &Overrides,
        secret_variables: &Arc<[String]>,
    ) -> Draft<'_> {
        Draft {
            name: section.name.clone(),
            origin: section.origin.clone(),
            written: section.settings.clone().over(self.defaults.clone()),
            flags: overrides.settings().clone(),
            home: self.home.as_deref(),
            targets: &self.targets,
            secret_variables: Arc::clone(secret_variables),
        }
    }

    pub(super) fn secret_variables(&self, overrides: &Overrides) -> Arc<[String]> {
        self.all()
            .chain([overrides.settings()])
            .filter_map(|settings| settings.password.as_ref()?.value.variable())
            .chain([ONE_SHOT_VARIABLE])
            .map(str::to_owned)
            .collect()
    }
}

impl Selector<'_> {
    /// Returns true if the account with this name is selected.
    fn includes(&self, name: &str) -> bool {
        match self.names {
            [] => self.shard.is_none_or(|shard| shard.holds(name)),
            names => names.iter().any(|named| named == name),
        }
    }
}

impl Section {
    fn is_enabled(&self, defaults: &Settings, overrides: &Overrides) -> bool {
        [overrides.settings(), &self.settings, defaults]
            .into_iter()
            .find_map(|settings| settings.enabled.as_ref())
            .is_none_or(|at| at.value)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::password::{CommandLine, SecretCommand, Source};
    use crate::exit::Exit;
    use crate::mail::policy::Keep;

    fn choose(text: &str, names: &[&str], shard: Option<&str>) -> Result<Vec<Account>, Error> {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let selector = Selector {
            names: &names,
            shard: shard.map(|shard| shard.parse().expect(shard)),
        };
        let home = Some("/home/me".into());
        let config =
            Config::parse(text.as_bytes(), "f", home).expect("the text is a configuration");
        let selection = config.select(&selector, &Overrides::default())?;
        assert!(selection.unusable.is_empty());
        Ok(selection.accounts)
    }

    fn select(text: &str, names: &[&str]) -> Result<Vec<Account>, Error> {
        choose(text, names, None)
    }

    fn names(accounts: &[Account]) -> Vec<&str> {
        accounts.iter().map(|account| &*account.name).collect()
    }

    #[test]
    fn shards_share_the_enabled_accounts() {
        let of = |shard| choose(THREE, &[], Some(shard)).expect("the selection is valid");
        assert_eq!(names(&of("0/3")), [""; 0]);
        assert_eq!(names(&of("1/3")), ["me@example.com"]);
        assert_eq!(names(&of("2/3")), ["zoe"]);
        let accounts = choose(THREE, &["old"], Some("0/3")).expect("old is in this shard");
        assert_eq!(names(&accounts), ["old"]);
        let error = choose(THREE, &["zoe"], Some("1/3")).expect_err("zoe is in another shard");
        let message = "the account zoe is in shard 2/3";
        assert_eq!(error.to_string(), message);
        assert_eq!(error.exit(), Exit::Usage);
    }

    const THREE: &str = "
        [defaults]
        user = 'me'
        server = 'pop.example.com'
        keep = '14 days'
        password-command = 'pass show mail'
        [accounts.zoe]
        maildir = '~/Mail'
        [accounts.old]
        enabled = false
        password-env = 'OLD'
        [accounts.'me@example.com']
        mda = 'procmail -f %F'
        keep = true
    ";

    #[test]
    fn accounts_have_the_order_of_the_arguments_or_the_file() {
        for (selector, found) in [
            (&[][..], &["zoe", "me@example.com"][..]),
            (&["old", "zoe", "old"], &["old", "zoe"]),
        ] {
            let accounts = select(THREE, selector).expect("the accounts are there");
            assert_eq!(names(&accounts), found);
        }
    }

    #[test]
    fn a_name_that_no_account_has_is_a_usage_error() {
        let all = "Name one of zoe, old, me@example.com";
        for (name, message, hint) in [
            (
                "zoo",
                "there is no account \"zoo\"",
                "Did you mean \"zoe\"?",
            ),
            ("spam-folder", "there is no account \"spam-folder\"", all),
            ("me:hunter2@h", "there is no account with this name", all),
        ] {
            let error = select(THREE, &["old", name]).expect_err("no account has that name");
            assert_eq!(error.to_string(), message);
            assert_eq!(error.hint().as_deref(), Some(hint));
            assert_eq!(error.exit(), Exit::Usage);
        }
    }

    #[test]
    fn an_account_overrides_the_defaults() {
        let accounts =
            select(THREE, &["zoe", "old", "me@example.com"]).expect("the accounts are there");
        let fourteen_days = Duration::from_secs(14 * 86_400);
        let keeps: Vec<Keep> = accounts.iter().map(|account| account.policy.keep).collect();
        let fourteen_days = Keep::For(fourteen_days);
        assert_eq!(keeps, [fourteen_days, fourteen_days, Keep::Always]);
        let Source::Command(SecretCommand { line, .. }) = &accounts[0].password else {
            panic!("zoe has no command");
        };
        assert!(matches!(line, CommandLine::Shell(line) if line == "pass show mail"));
        assert!(matches!(&accounts[1].password, Source::Variable(name) if name == "OLD"));
        assert_eq!(*accounts[0].secret_variables, ["OLD", "MAILPULL_PASSWORD"]);
    }
}
