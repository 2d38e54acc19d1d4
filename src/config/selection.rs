//! Which accounts a command is about: those that it names, or all, of one shard or of all.
//! Reads no file.

use std::sync::Arc;

use crate::config::account::{Account, Draft};
use crate::config::document;
use crate::config::error::Error;
use crate::config::overrides::Overrides;
use crate::config::password::ONE_SHOT_VARIABLE;
use crate::config::settings::{self, Settings};
use crate::config::shard::Shard;
use crate::config::values::quoted;
use crate::config::{Config, Scope, Section};

/// What was said about the accounts of a command.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// The accounts that were named; none: all that are enabled.
    pub names: &'a [String],
    /// Only those of this shard.
    pub shard: Option<Shard>,
}

/// The accounts of a command.
#[derive(Debug, Default)]
pub struct Choice {
    /// Those that can be worked with.
    pub accounts: Vec<Account>,
    /// Those that cannot.
    pub unusable: Vec<Unusable>,
}

/// An account that cannot be used, which is no reason for others not to be.
#[derive(Debug)]
pub struct Unusable {
    /// What its file calls it, which may be no account's name.
    pub name: String,
    /// What is wrong with it.
    pub error: Error,
}

impl Choice {
    /// The one account that was named.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn one(mut self) -> Result<Account, Error> {
        match (self.unusable.pop(), self.accounts.pop()) {
            (None, Some(account)) => Ok(account),
            (Some(unusable), _) => Err(unusable.error),
            (None, None) => Err(Error::Usage("no account is named".to_owned())),
        }
    }
}

impl Config {
    /// Checks the named accounts, in the order of their names, or all enabled ones, in the order
    /// of the files. In a shard there may be none.
    ///
    /// # Errors
    /// A name that no account has or that is in another shard; no account at all; an account of
    /// the configuration file whose keys do not go together.
    pub fn select(mut self, wanted: &Wanted<'_>, overrides: &Overrides) -> Result<Choice, Error> {
        if self.names().next().is_none() {
            return Err(Error::NoAccount { path: self.path });
        }
        for name in wanted.names {
            self.require(name, wanted)?;
        }
        let mut choice = Choice::default();
        for unusable in std::mem::take(&mut self.unusable) {
            if wanted.includes(&unusable.name) {
                choice.unusable.push(unusable);
            }
        }
        let secret_variables = self.secret_variables(overrides);
        for section in &self.accounts {
            let takes_part =
                !wanted.names.is_empty() || section.is_enabled(&self.defaults, overrides);
            if !takes_part || !wanted.includes(&section.name) {
                continue;
            }
            let draft = self.draft(section, overrides, &secret_variables);
            match (draft.check(), section.scope) {
                (Ok(account), _) => choice.accounts.push(account),
                (Err(error), Scope::All) => return Err(error),
                (Err(error), Scope::Own) => {
                    let name = section.name.clone();
                    choice.unusable.push(Unusable { name, error });
                }
            }
        }
        let order = |account: &Account| wanted.names.iter().position(|name| *name == account.name);
        choice.accounts.sort_by_key(order);
        Ok(choice)
    }

    /// Insists that an account with this name can take part.
    fn require(&self, name: &str, wanted: &Wanted<'_>) -> Result<(), Error> {
        if self.names().all(|known| known != name) {
            return Err(Error::Account {
                // What is no name at all may be a mistyped URL with a password in it.
                name: match document::is_account_name(name) {
                    true => quoted(name),
                    false => "of such a name".to_owned(),
                },
                hint: settings::hint(name, self.accounts.iter().map(|section| &*section.name)),
            });
        }
        match wanted.shard {
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

impl Wanted<'_> {
    /// Whether an account may take part, by its name.
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
    use super::*;
    use crate::config::password::{CommandLine, SecretCommand, Source};
    use crate::exit::Exit;
    use crate::mail::policy::Keep;

    fn choose(text: &str, names: &[&str], shard: Option<&str>) -> Result<Vec<Account>, Error> {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let wanted = Wanted {
            names: &names,
            shard: shard.map(|shard| shard.parse().expect(shard)),
        };
        let home = Some("/home/me".into());
        let config = Config::parse(text.as_bytes(), "f", home).expect("it can be read");
        let choice = config.select(&wanted, &Overrides::default())?;
        assert!(choice.unusable.is_empty());
        Ok(choice.accounts)
    }

    fn select(text: &str, names: &[&str]) -> Result<Vec<Account>, Error> {
        choose(text, names, None)
    }

    fn names(accounts: &[Account]) -> Vec<&str> {
        accounts.iter().map(|account| &*account.name).collect()
    }

    #[test]
    fn shards_share_the_enabled_accounts_and_a_name_in_another_one_is_a_usage_error() {
        let of = |shard| choose(THREE, &[], Some(shard)).expect("it can be");
        assert_eq!(names(&of("0/3")), [""; 0]);
        assert_eq!(names(&of("1/3")), ["me@example.com"]);
        assert_eq!(names(&of("2/3")), ["zoe"]);
        let accounts = choose(THREE, &["old"], Some("0/3")).expect("it is in this one");
        assert_eq!(names(&accounts), ["old"]);
        let error = choose(THREE, &["zoe"], Some("1/3")).expect_err("it is in another");
        let message = "the account zoe is in shard 2/3; name it there, or leave --shard away";
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
        mda = 'procmail -d %T'
        keep = true
    ";

    #[test]
    fn accounts_come_as_they_are_named_or_as_the_file_has_the_enabled_ones() {
        for (wanted, found) in [
            (&[][..], &["zoe", "me@example.com"][..]),
            (&["old", "zoe", "old"], &["old", "zoe"]),
        ] {
            let accounts = select(THREE, wanted).expect("they are there");
            assert_eq!(names(&accounts), found);
        }
    }

    #[test]
    fn a_name_that_no_account_has_is_a_usage_error() {
        for (name, message) in [
            ("zoo", "there is no account \"zoo\"; did you mean \"zoe\"?"),
            (
                "spam-folder",
                "there is no account \"spam-folder\"; known are zoe, old, me@example.com",
            ),
            (
                "me:hunter2@h",
                "there is no account of such a name; known are zoe, old, me@example.com",
            ),
        ] {
            let error = select(THREE, &["old", name]).expect_err("nobody has that name");
            assert_eq!(error.to_string(), message);
            assert_eq!(error.exit(), Exit::Usage);
        }
    }

    #[test]
    fn an_account_replaces_what_the_defaults_say() {
        let accounts = select(THREE, &["zoe", "old", "me@example.com"]).expect("they are there");
        let fourteen_days = std::time::Duration::from_secs(14 * 86_400);
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
