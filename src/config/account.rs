//! A checked account: its keys go together, and defaults fill the gaps.
//! Files and folders are looked at later.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::config::connection::{self, MailService};
use crate::config::destination::{OwnDestination, Surroundings};
use crate::config::error::Error;
use crate::config::oauth2::{self, SignInOptions};
use crate::config::origin::Origin;
use crate::config::overrides::Overrides;
use crate::config::password::{self, Login, Source};
use crate::config::paths;
use crate::config::settings::{Settings, value_or, value_or_default};
use crate::config::targets::Targets;
use crate::config::url;
use crate::delivery::FilterOptions;
use crate::dial;
use crate::mail::known::RulesMark;
use crate::mail::policy::{Keep, Policy};
use crate::os::secret::Secret;
use crate::os::signals::Interrupt;
use crate::rules::Rules;
use crate::targets::Destination;
use crate::targets::imap::ImapOptions;

/// One mailbox, and what to do with its messages.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name in the configuration, or `user@host:port` for a URL.
    pub name: String,
    /// True if it is used when no account is named.
    pub enabled: bool,
    /// The server and the way to log in.
    pub dial: dial::DialOptions,
    /// The source of its password.
    pub password: Source,
    /// The sign-in that gives it a token. `None` if it has a password.
    pub sign_in: Option<SignInOptions>,
    /// The environment variables that hold the password of any account. No child process may
    /// inherit them.
    pub secret_variables: Arc<[String]>,
    /// The destinations of its messages. Only fetching needs one: see
    /// [`Account::require_destinations`].
    destinations: Vec<OwnDestination>,
    /// The rules of this run for keeping and fetching messages.
    pub policy: Policy,
    /// The rules that decide about new messages.
    pub rules: Arc<Rules>,
    /// The program that decides about messages which have arrived, if there is one.
    pub filter: Option<FilterOptions>,
    /// The value of `keep` without `--keep` and `--delete`.
    pub configured_keep: Keep,
    /// The most connections to its host at the same time, including its own.
    pub max_per_host: u64,
    /// The number of failed runs in a row after which a temporary error is reported.
    pub report_after: u64,
    /// The commands that run around a visit.
    pub hooks: HookCommands,
    /// The time between two visits, if it is set.
    pub interval: Option<Duration>,
    /// True if `--delete` asked to delete delivered messages, however many.
    pub delete_was_asked: bool,
    origin: Origin,
}

/// The commands that run around a visit, each a program and its arguments.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HookCommands {
    /// `pre-command`.
    pub before: Option<Vec<String>>,
    /// `post-command`.
    pub after: Option<Vec<String>>,
    /// `new-mail-command`.
    pub new_mail: Option<Vec<String>>,
}

impl Account {
    /// Makes an account from a URL and flags. `config` only says which environment variables hold
    /// passwords of other accounts.
    ///
    /// # Errors
    /// The URL is invalid or contains a password, or the account is incomplete.
    pub fn from_url(url: &str, overrides: &Overrides, config: &Config) -> Result<Self, Error> {
        let mut account = Draft {
            name: String::new(),
            origin: Origin::Url,
            written: url::parse(url)?,
            secret_variables: config.secret_variables(overrides),
            home: dirs::home_dir().as_deref(),
            targets: &config.targets,
            flags: overrides.settings().clone(),
        }
        .check()?;
        account.name = format!("{}@{}", account.dial.user, account.dial.net.endpoint);
        Ok(account)
    }

    /// Returns true if it was made from a URL.
    pub fn is_one_shot(&self) -> bool {
        self.origin == Origin::Url
    }

    /// Returns where its messages go. Each usual destination gets all of them for which no rule has chosen others.
    pub fn destinations(&self) -> impl ExactSizeIterator<Item = &Destination> {
        self.destinations.iter().map(|own| &own.destination)
    }

    /// Returns where its messages go.
    ///
    /// # Errors
    /// Neither `maildir`, `mda`, `mbox`, `lmtp` nor `deliver` is set.
    pub(crate) fn require_destinations(&self) -> Result<&[OwnDestination], Error> {
        if self.destinations.iter().any(|own| own.is_usual) {
            return Ok(&self.destinations);
        }
        Err(Error::Incomplete {
            at: self.origin.clone(),
            what: "destination",
            hint: match self.origin {
                Origin::Url => {
                    "Add --maildir DIR, --mbox FILE, --mda COMMAND, or --lmtp ADDRESS with --recipient WHO"
                }
                _ => "Add \"maildir\", \"mbox\", \"mda\", \"lmtp\" or \"deliver\"",
            },
        })
    }

    /// Obtains the password; see `Source::obtain`.
    ///
    /// # Errors
    /// The errors of `Source::obtain`.
    pub fn obtain_password(&self, interrupt: &Interrupt) -> Result<Secret, password::Error> {
        self.password
            .obtain(self.login(), &self.secret_variables, interrupt)
    }

    /// Obtains the password for the server to which messages are delivered; see `Source::obtain`.
    ///
    /// # Errors
    /// The errors of `Source::obtain`.
    pub(crate) fn obtain_target_password(
        &self,
        options: &ImapOptions,
        interrupt: &Interrupt,
    ) -> Result<Secret, password::Error> {
        let login = Login {
            account: &options.name,
            user: &options.dial.user,
            host: options.dial.net.endpoint.host(),
        };
        let is_it = |own: &&OwnDestination| match &own.destination {
            Destination::Imap(other) => other.name == options.name,
            _ => false,
        };
        let own = self.destinations.iter().find(is_it);
        let password = own.map_or(&Source::NotNeeded, |own| &own.password);
        password.obtain(login, &self.secret_variables, interrupt)
    }

    /// Obtains the secret of the OAuth 2.0 client, if it has one.
    ///
    /// # Errors
    /// The errors of `Source::obtain`.
    pub fn obtain_client_secret(
        &self,
        interrupt: &Interrupt,
    ) -> Result<Option<Secret>, password::Error> {
        let source = self
            .sign_in
            .as_ref()
            .and_then(|sign_in| sign_in.client_secret.as_ref());
        source
            .map(|source| source.obtain(self.login(), &self.secret_variables, interrupt))
            .transpose()
    }

    /// Returns the login that the password is for.
    pub fn login(&self) -> Login<'_> {
        Login {
            account: &self.name,
            user: &self.dial.user,
            host: self.dial.net.endpoint.host(),
        }
    }
}

/// An account before it is checked.
pub(super) struct Draft<'a> {
    pub(super) name: String,
    /// The place where it begins, for errors about missing keys.
    pub(super) origin: Origin,
    /// The settings of the file or the URL.
    pub(super) written: Settings,
    /// The settings of the flags, which are laid over them.
    pub(super) flags: Settings,
    /// The home directory, which `~` means.
    pub(super) home: Option<&'a Path>,
    pub(super) secret_variables: Arc<[String]>,
    /// The targets that it may name.
    pub(super) targets: &'a Targets,
}

impl Draft<'_> {
    /// Checks the rules between the keys.
    ///
    /// # Errors
    /// A key is missing or has no meaning here, or the password would be sent in cleartext.
    pub(super) fn check(self) -> Result<Account, Error> {
        // What -o sets is a configuration that was typed.
        let typed_keep = self.flags.keep.as_ref();
        let configured_keep = typed_keep.filter(|at| at.is_of_flag("-o"));
        let configured_keep = configured_keep.or(self.written.keep.as_ref());
        let configured_keep = configured_keep.map_or_else(Keep::default, |at| at.value);
        let delete_was_asked = typed_keep.is_some_and(|at| at.is_of_flag("--delete"));
        let settings = self.flags.over(self.written);
        let dial = connection::options(
            &settings,
            &self.origin,
            MailService::Pop3,
            &self.secret_variables,
            self.home,
        )?;
        let surroundings = Surroundings {
            dial: &dial,
            targets: self.targets,
            secret_variables: &self.secret_variables,
            home: self.home,
        };
        let mut destinations = surroundings.destinations(&settings)?;
        let rules = rules(&settings)?;
        let filter = surroundings.filter(&settings)?;
        if let Some(at) = &settings.rules {
            surroundings.add_chosen(&mut destinations, at, &rules)?;
        }
        Ok(Account {
            name: self.name,
            enabled: settings.enabled.as_ref().is_none_or(|at| at.value),
            dial,
            password: password(&settings, &self.origin, self.home)?,
            sign_in: oauth2::options(&settings, &self.origin, self.home)?,
            destinations,
            secret_variables: self.secret_variables,
            policy: policy(
                &settings,
                rules.mark(filter.as_ref().map(|it| &*it.command)),
            ),
            filter,
            rules: Arc::new(rules),
            configured_keep,
            max_per_host: value_or(&settings.max_per_host, MAX_PER_HOST),
            hooks: HookCommands {
                before: settings.pre_command.map(|at| at.value),
                after: settings.post_command.map(|at| at.value),
                new_mail: settings.new_mail_command.map(|at| at.value),
            },
            interval: settings.interval.as_ref().map(|at| at.value),
            report_after: value_or(&settings.report_after, REPORT_AFTER),
            delete_was_asked,
            origin: self.origin,
        })
    }
}

fn password(settings: &Settings, origin: &Origin, home: Option<&Path>) -> Result<Source, Error> {
    if !value_or_default(&settings.auth).needs_secret() {
        return Ok(Source::NotNeeded);
    }
    match (&settings.password, origin) {
        (Some(at), _) => paths::source(at, home),
        (None, Origin::Url) => Ok(Source::OneShot),
        (None, _) => Ok(Source::Ask),
    }
}

/// Returns the rules of the account.
///
/// # Errors
/// A rule can never match.
fn rules(settings: &Settings) -> Result<Rules, Error> {
    let Some(at) = &settings.rules else {
        return Ok(Rules::default());
    };
    let rules = Rules::new(at.value.clone());
    match rules.unreachable() {
        None => Ok(rules),
        Some(index) => {
            let number = index + 1;
            let problem = format!("has a rule that can never match, number {number}");
            let hint = "A rule before it takes every message, or its sizes exclude each other";
            Err(at.wrong_with_hint(&problem, hint))
        }
    }
}

fn policy(settings: &Settings, rules: RulesMark) -> Policy {
    Policy {
        keep: value_or_default(&settings.keep),
        max_messages: settings.max_messages.as_ref().map(|at| at.value),
        max_size: settings.max_size.as_ref().map(|at| at.value),
        max_total: settings.max_total.as_ref().map(|at| at.value),
        order: value_or_default(&settings.order),
        rules,
    }
}

const MAX_PER_HOST: u64 = 8;
const REPORT_AFTER: u64 = 3;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::document::Document;
    use crate::config::keys::SectionKind;
    use crate::dial::{Auth, Security};
    use crate::exit::Exit;

    static NO_TARGETS: Targets = Targets(Vec::new());

    const COMPLETE: &str = "server = 'pop.example.com'\nuser = 'me'\nmaildir = '/m'";

    /// Checks an account of these lines, which begin on line 2 of the file `f`, in a home `/home/me`.
    fn check(text: &str) -> Result<Account, Error> {
        let home = Path::new("/home/me");
        draft(text, Settings::default(), Some(home)).check()
    }

    fn draft<'a>(text: &str, flags: Settings, home: Option<&'a Path>) -> Draft<'a> {
        let text = format!("[accounts.w]\n{text}");
        let document = Document::parse(text.as_bytes(), "f").expect("the text is TOML");
        let section = document
            .accounts
            .into_iter()
            .next()
            .expect("there is one account");
        Draft {
            name: section.name,
            origin: section.origin,
            written: Settings::read(SectionKind::Account, section.entries)
                .expect("the keys are known"),
            flags,
            home,
            targets: &NO_TARGETS,
            secret_variables: [].into(),
        }
    }

    fn flags(options: &[&str]) -> Overrides {
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        Overrides::new([], &options).expect("the options are valid")
    }

    #[test]
    fn the_defaults_are_safe() {
        let account = check(COMPLETE).expect("the account is complete");
        assert!(account.enabled);
        assert_eq!(account.dial.net.endpoint.to_string(), "pop.example.com:995");
        assert_eq!(account.dial.net.connect_timeout, Duration::from_secs(30));
        assert_eq!(account.dial.net.timeout, Duration::from_secs(180));
        assert_eq!(account.dial.security, Security::Tls);
        assert_eq!(account.dial.auth, Auth::Auto);
        assert!(matches!(account.password, Source::Ask));
        assert_eq!(account.policy, Policy::default());
        assert_eq!(account.configured_keep, Keep::Always);
        assert_eq!(account.max_per_host, 8);
        assert_eq!(account.report_after, 3);
        assert!(!account.delete_was_asked);
    }

    #[test]
    fn a_typed_path_begins_in_the_current_folder() {
        let overrides = flags(&["maildir=Mail"]);
        let account = Account::from_url("pops://me@h", &overrides, &Config::default())
            .expect("the account is complete");
        let here = std::env::current_dir().expect("there is one account");
        let destination = account.destinations().next().expect("maildir is set");
        assert!(
            matches!(destination, Destination::Maildir { path, .. } if *path == here.join("Mail"))
        );
    }

    #[test]
    fn a_missing_or_impossible_key_is_reported_with_its_line() {
        for (text, message) in [
            ("user = 'me'", "f:1: there is no \"server\""),
            ("server = 'h'", "f:1: there is no \"user\""),
            (
                "server = 'h'\nuser = 'me'\nmda = 'x %s'",
                "f:4: \"mda\" contains %s; only %F (sender), %L (local user) and %% are known",
            ),
            (
                "server = 'h'\nuser = 'me'\nmda = 'procmail -d %T'",
                "f:4: \"mda\" contains %T, which is the local user in other fetchers, but was the user at \
                 the server here",
            ),
            (
                "server = 'h'\nuser = 'me'\nmda = 'procmail -d %L'",
                "f:4: \"mda\" contains %L, but there is no local-user",
            ),
            (
                "server = 'h'\nuser = 'me'\nmda = ''",
                "f:4: \"mda\" names no program",
            ),
        ] {
            let error = check(text).expect_err(text);
            assert_eq!(error.to_string(), message);
            assert_eq!(error.exit(), Exit::Configuration);
        }
    }

    #[test]
    fn only_fetching_needs_a_destination() {
        let account = check("server = 'h'\nuser = 'me'").expect("a check needs no destination");
        let error = account
            .require_destinations()
            .expect_err("there is no destination");
        assert_eq!(error.to_string(), "f:1: there is no destination");
        assert_eq!(error.exit(), Exit::Configuration);
    }

    #[test]
    fn only_an_option_of_a_key_changes_the_configured_keep() {
        let day = Keep::For(Duration::from_secs(86_400));
        let flag = |flag, value| Overrides::new([(flag, "keep", value)], &[]).expect(flag);
        for (overrides, keep, configured_keep, delete_was_asked) in [
            (flag("--delete", "false"), Keep::Never, day, true),
            (flag("--keep", "false"), Keep::Never, day, false),
            (flag("--keep", "true"), Keep::Always, day, false),
            (flags(&["keep=false"]), Keep::Never, Keep::Never, false),
            (flags(&["keep=true"]), Keep::Always, Keep::Always, false),
            (flags(&["order=newest-first"]), day, day, false),
        ] {
            let text = format!("{COMPLETE}\nkeep = '1 day'");
            let account = draft(&text, overrides.settings().clone(), None)
                .check()
                .expect("the account is complete");
            assert_eq!(account.policy.keep, keep);
            assert_eq!(account.delete_was_asked, delete_was_asked);
            assert_eq!(account.configured_keep, configured_keep);
        }
    }

    #[test]
    fn a_url_makes_an_account_without_any_file() {
        for (url, options, name, security) in [
            (
                "pops://me%40example.com@h",
                &[][..],
                "me@example.com@h:995",
                Security::Tls,
            ),
            ("pop://me@h", &[], "me@h:110", Security::StartTls),
            (
                "pop://me@[::1]:99",
                &["security=none"],
                "me@[::1]:99",
                Security::None,
            ),
            ("pops://h", &["user=you"], "you@h:995", Security::Tls),
        ] {
            let account = Account::from_url(url, &flags(options), &Config::default()).expect(url);
            assert_eq!(account.name, name);
            assert_eq!(account.dial.security, security);
            assert!(matches!(account.password, Source::OneShot));
        }
    }

    #[test]
    fn a_url_needs_a_user_and_encryption() {
        for (url, options, exit) in [
            ("pops://h", &[][..], Exit::Usage),
            ("pop://me@h", &["security=none"], Exit::Configuration),
        ] {
            let error = Account::from_url(url, &flags(options), &Config::default()).expect_err(url);
            assert_eq!(error.exit(), exit);
        }
    }
}
