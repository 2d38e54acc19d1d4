//! The rules between the keys that say where messages go.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Section;
use crate::config::error::Error;
use crate::config::imap;
use crate::config::lmtp;
use crate::config::password::Source;
use crate::config::paths;
use crate::config::settings::{At, Settings, value_or, value_or_default};
use crate::config::targets::{self, Targets};
use crate::config::values::Wrong;
use crate::config::values::delivery::{TargetKind, WrittenTarget};
use crate::config::values::server::Server;
use crate::delivery::mbox::MboxOptions;
use crate::delivery::{FilterOptions, mda};
use crate::dial::DialOptions;
use crate::rules::{AccountRule, Rules};
use crate::targets::Destination;

/// The mistake of a target from which the messages would come back as new ones.
const LEADS_BACK: &str = "leads back to the mailbox that is fetched";
const MDA_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// A destination of an account.
#[derive(Clone, Debug)]
pub(crate) struct OwnDestination {
    /// The place.
    pub(crate) destination: Destination,
    /// The source of the password for it, if it is a server that wants one.
    pub(super) password: Source,
    /// The names of the targets that it is.
    pub(crate) names: Vec<String>,
    /// True if it takes messages for which no rule has chosen others.
    pub(crate) is_usual: bool,
}

impl OwnDestination {
    fn of(destination: Destination) -> Self {
        Self {
            destination,
            password: Source::NotNeeded,
            names: Vec::new(),
            is_usual: true,
        }
    }
}

/// What the destination of an account depends on, beside its own keys.
pub(super) struct Surroundings<'a> {
    /// The mailbox that is fetched.
    pub(super) dial: &'a DialOptions,
    /// The targets that the account may name.
    pub(super) targets: &'a Targets,
    /// The environment variables that hold passwords.
    pub(super) secret_variables: &'a Arc<[String]>,
    /// The home directory, which `~` means.
    pub(super) home: Option<&'a Path>,
}

impl Surroundings<'_> {
    /// Returns the destinations of the account.
    ///
    /// # Errors
    /// A target does not exist or is incomplete, a path is invalid, or the messages would come back.
    pub(super) fn destinations(&self, settings: &Settings) -> Result<Vec<OwnDestination>, Error> {
        let Some(at) = &settings.target else {
            return Ok(Vec::new());
        };
        let destination = match &at.value {
            WrittenTarget::Lmtp(server) => self.lmtp(at, server, settings)?,
            WrittenTarget::Maildir(path) => self.maildir(at, path, settings)?,
            WrittenTarget::Mbox(path) => self.mbox(at, path, settings)?,
            WrittenTarget::Mda(words) => Destination::Mda(self.mda(at, words, settings)?),
            WrittenTarget::Named(names) => return self.named(at, names),
        };
        Ok(vec![OwnDestination::of(destination)])
    }

    /// Returns the destinations that have sections of their own.
    fn named(
        &self,
        at: &At<WrittenTarget>,
        names: &[String],
    ) -> Result<Vec<OwnDestination>, Error> {
        let mut named: Vec<OwnDestination> = Vec::with_capacity(names.len());
        for name in names {
            let target = self.targets.find(at, name)?;
            let new = OwnDestination {
                names: vec![name.clone()],
                ..self.section(at, target)?
            };
            let text = new.destination.to_string();
            let is_same = |other: &OwnDestination| other.destination.to_string() == text;
            if named.iter().any(is_same) {
                return Err(at.wrong(format!("names {text} twice")));
            }
            named.push(new);
        }
        Ok(named)
    }

    /// Adds the targets that rules choose to the usual destinations.
    ///
    /// # Errors
    /// A target does not exist or is incomplete, or the messages would come back.
    pub(super) fn add_chosen<T>(
        &self,
        destinations: &mut Vec<OwnDestination>,
        at: &At<T>,
        rules: &Rules,
    ) -> Result<(), Error> {
        for name in rules.iter().flat_map(AccountRule::targets) {
            let target = self.targets.find(at, name)?;
            let new = self.section(at, target)?;
            let text = new.destination.to_string();
            let is_same = |other: &&mut OwnDestination| other.destination.to_string() == text;
            match destinations.iter_mut().find(is_same) {
                Some(same) if same.names.contains(name) => {}
                Some(same) => same.names.push(name.clone()),
                None => destinations.push(OwnDestination {
                    names: vec![name.clone()],
                    is_usual: false,
                    ..new
                }),
            }
        }
        Ok(())
    }

    fn section<T>(&self, at: &At<T>, target: &Section) -> Result<OwnDestination, Error> {
        let settings = &target.settings;
        let missing = |what, hint| Error::Incomplete {
            at: target.origin.clone(),
            what,
            hint,
        };
        let path = || {
            let path = settings.path.as_ref();
            path.ok_or_else(|| missing("\"path\"", "Add path = \"~/Mail/inbox\""))
        };
        let destination = match settings.kind.as_ref().map(|kind| kind.value) {
            Some(TargetKind::Maildir) => self.maildir(path()?, &path()?.value, settings)?,
            Some(TargetKind::Mbox) => self.mbox(path()?, &path()?.value, settings)?,
            Some(TargetKind::Lmtp) => {
                let host = settings
                    .server
                    .as_ref()
                    .ok_or_else(|| missing("\"server\"", "Add server = \"/run/dovecot/lmtp\""))?;
                let server = Server {
                    host: host.value.clone(),
                    port: settings.port.as_ref().map(|port| port.value),
                };
                self.lmtp(host, &server, settings)?
            }
            Some(TargetKind::Imap) | None => {
                let (options, password) = imap::options(target, self.secret_variables, self.home)?;
                if imap::leads_back(&options, self.dial) {
                    let hint = "Name another folder, or another server";
                    return Err(at.wrong_with_hint(LEADS_BACK, hint));
                }
                return Ok(OwnDestination {
                    password,
                    ..OwnDestination::of(Destination::Imap(Box::new(options)))
                });
            }
        };
        Ok(OwnDestination::of(destination))
    }

    fn maildir<T>(
        &self,
        at: &At<T>,
        path: &str,
        settings: &Settings,
    ) -> Result<Destination, Error> {
        Ok(Destination::Maildir {
            path: paths::absolute(at, path, self.home)?,
            file_mode: value_or_default(&settings.file_mode),
        })
    }

    fn lmtp<T>(
        &self,
        at: &At<T>,
        server: &Server,
        settings: &Settings,
    ) -> Result<Destination, Error> {
        let options = lmtp::options(settings, server, &at.origin)?;
        let recipient = options.recipient.to_string();
        if targets::leads_back(&options.endpoint, &recipient, self.dial) {
            let hint = "Name another recipient, or another account's server";
            return Err(at.wrong_with_hint(LEADS_BACK, hint));
        }
        Ok(Destination::Lmtp(options))
    }

    fn mbox<T>(&self, at: &At<T>, path: &str, settings: &Settings) -> Result<Destination, Error> {
        let path = paths::absolute(at, path, self.home)?;
        if path.file_name().is_none() {
            return Err(at.wrong("names no file"));
        }
        Ok(Destination::Mbox(MboxOptions {
            path,
            file_mode: value_or_default(&settings.file_mode),
            locks: value_or_default(&settings.mbox_lock),
        }))
    }

    /// Returns the filter of the account, if it has one.
    ///
    /// # Errors
    /// The path of the program is invalid.
    pub(super) fn filter(&self, settings: &Settings) -> Result<Option<FilterOptions>, Error> {
        let Some(at) = &settings.filter_command else {
            return match &settings.filter_rewrites {
                Some(at) if at.value => Err(at.wrong("needs \"filter-command\"")),
                _ => Ok(None),
            };
        };
        Ok(Some(FilterOptions {
            command: paths::program(at, &at.value, self.home)?,
            timeout: value_or(&settings.mda_timeout, MDA_TIMEOUT),
            rewrites: value_or_default(&settings.filter_rewrites),
            allow_root: value_or_default(&settings.mda_allow_root),
            hidden_variables: Arc::clone(self.secret_variables),
        }))
    }

    fn mda<T>(
        &self,
        at: &At<T>,
        words: &[String],
        settings: &Settings,
    ) -> Result<mda::Options, Error> {
        let words = paths::program(at, words, self.home)?;
        let local_user = settings.local_user.as_ref().map(|at| at.value.as_str());
        let command = mda::Template::new(words, local_user).map_err(|bad| {
            at.error(Wrong {
                problem: bad.to_string(),
                hint: bad.hint().map(str::to_owned),
            })
        })?;
        Ok(mda::Options {
            command,
            timeout: value_or(&settings.mda_timeout, MDA_TIMEOUT),
            jobs: value_or(&settings.mda_jobs, 1) as usize,
            allow_root: value_or_default(&settings.mda_allow_root),
            may_ignore_input: value_or_default(&settings.mda_may_ignore_input),
            hidden_variables: Arc::clone(self.secret_variables),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Overrides, Selector};

    const ACCOUNT: &str = "\n[accounts.w]\nserver = 'h'\nuser = 'me'\ndeliver = ";

    /// Returns the destinations of an account beside these sections, or the mistake.
    fn deliver(targets: &str, names: &str) -> Result<Vec<String>, String> {
        let text = format!("{targets}{ACCOUNT}{names}\n");
        let home = Some("/home/me".into());
        let config = Config::parse(text.as_bytes(), "f", home).map_err(|it| it.to_string())?;
        let selected = config.select(&Selector::default(), &Overrides::default());
        let selection = selected.map_err(|error| error.to_string())?;
        let account = &selection.accounts[0];
        Ok(account.destinations().map(ToString::to_string).collect())
    }

    #[test]
    fn each_kind_of_target_has_its_keys() {
        for (keys, destination) in [
            ("kind = 'maildir'\npath = '~/m'", "/home/me/m"),
            ("kind = 'mbox'\npath = '/m'\nmbox-lock = 'fcntl'", "mbox /m"),
            ("kind = 'lmtp'\nserver = '/s'\nrecipient = 'you'", "LMTP /s"),
            (
                "kind = 'lmtp'\nserver = 'h:24'\nrecipient = 'you'",
                "LMTP h:24",
            ),
            (
                "kind = 'imap'\nserver = 'i'\nuser = 'u'",
                "IMAP i INBOX (u)",
            ),
        ] {
            let targets = format!("[targets.t]\n{keys}");
            let expected = Ok(vec![destination.to_owned()]);
            assert_eq!(deliver(&targets, "'t'"), expected, "{keys}");
        }
    }

    #[test]
    fn a_target_that_is_incomplete_or_overfull_is_refused() {
        for (keys, mistake) in [
            ("path = '/m'", "f:1: there is no \"kind\""),
            ("kind = 'mbox'", "f:1: there is no \"path\""),
            (
                "kind = 'lmtp'\nserver = '/s'",
                "f:3: there is no \"recipient\", which lmtp needs",
            ),
            (
                "kind = 'maildir'\npath = '/m'\nserver = 'h'",
                "f:4: \"server\" means nothing for a target of this kind",
            ),
            (
                "kind = 'smtp'",
                "f:2: \"kind\" must be \"imap\", \"lmtp\", \"maildir\" or \"mbox\", not \"smtp\"",
            ),
        ] {
            let targets = format!("[targets.t]\n{keys}");
            let expected = Err(mistake.to_owned());
            assert_eq!(deliver(&targets, "'t'"), expected, "{keys}");
        }
    }

    #[test]
    fn several_targets_are_different_ones() {
        let targets = "[targets.a]\nkind = 'mbox'\npath = '/a'\n[targets.b]\nkind = 'mbox'\npath = '/b'\n\
                       [targets.c]\nkind = 'mbox'\npath = '/a'";
        let both = Ok(vec!["mbox /b".to_owned(), "mbox /a".to_owned()]);
        assert_eq!(deliver(targets, "['b', 'a']"), both);
        for (names, mistake) in [
            ("['a', 'a']", "\"deliver\" names \"a\" twice"),
            ("['a', 'c']", "\"deliver\" names mbox /a twice"),
            ("[]", "\"deliver\" names no target"),
            (
                "['d']",
                "\"deliver\" names \"d\", and there is no such target",
            ),
        ] {
            let found = deliver(targets, names).expect_err(names);
            assert_eq!(found, format!("f:13: {mistake}"), "{names}");
        }
    }
}
