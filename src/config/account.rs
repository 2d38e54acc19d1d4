//! An account as it is meant: every rule between the keys has been checked.
//! Connects to nothing; whether a folder exists is found out later.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::connection;
use crate::config::error::Error;
use crate::config::oauth2::{self, SignIn};
use crate::config::origin::Origin;
use crate::config::overrides::Overrides;
use crate::config::password::{self, Login, ONE_SHOT_VARIABLE, Source};
use crate::config::paths;
use crate::config::settings::{Settings, value_or, value_or_default};
use crate::config::url;
use crate::config::values::delivery::Target;
use crate::delivery::{Destination, mda};
use crate::dial;
use crate::mail::policy::{Keep, Policy};
use crate::os::secret::Secret;
use crate::os::signals::Interrupt;

/// One maildrop, and what to do with its messages.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name in the file; `user@host:port` for a URL.
    pub name: String,
    /// Whether it takes part when no account is named.
    pub enabled: bool,
    /// How to reach it and log in.
    pub dial: dial::DialOptions,
    /// Where its password comes from.
    pub password: Source,
    /// How it gets a token instead.
    pub sign_in: Option<SignIn>,
    /// Environment variables that hold a password, of any account: no child may inherit them.
    pub secret_variables: Arc<[String]>,
    /// Where its messages go, where that was said; [`Account::require_destination`] insists.
    pub destination: Option<Destination>,
    /// What this run does with its messages.
    pub policy: Policy,
    /// What `keep` is without the flags of this run.
    pub configured_keep: Keep,
    /// The most connections to its host at once, its own among them.
    pub max_per_host: u64,
    /// A temporary error is worth a word when so many runs in a row have failed.
    pub report_after: u64,
    /// Whether a flag of this run asked to delete what is delivered.
    pub delete_was_asked: bool,
    origin: Origin,
}

impl Account {
    /// Makes an account of a URL and the flags alone; no file is read.
    ///
    /// # Errors
    /// A URL that is none or holds a password, flags that make no account.
    pub fn from_url(url: &str, overrides: &Overrides) -> Result<Self, Error> {
        let flags = overrides.settings().clone();
        let chosen = flags.password.as_ref().and_then(|at| at.value.variable());
        let secret_variables = [Some(ONE_SHOT_VARIABLE), chosen];
        let mut account = Draft {
            name: String::new(),
            origin: Origin::Url,
            written: url::parse(url)?,
            secret_variables: secret_variables
                .into_iter()
                .flatten()
                .map(str::to_owned)
                .collect(),
            home: dirs::home_dir().as_deref(),
            flags,
        }
        .check()?;
        account.name = format!("{}@{}", account.dial.user, account.dial.net.endpoint);
        Ok(account)
    }

    /// Whether it was made of a URL.
    pub fn is_one_shot(&self) -> bool {
        self.origin == Origin::Url
    }

    /// Where its messages go.
    ///
    /// # Errors
    /// Nothing was said about it.
    pub fn require_destination(&self) -> Result<&Destination, Error> {
        self.destination.as_ref().ok_or_else(|| Error::Incomplete {
            at: self.origin.clone(),
            what: "destination",
            advice: match self.origin {
                Origin::Url => "add --maildir DIR or --mda COMMAND",
                _ => "add \"maildir\" or \"mda\"",
            },
        })
    }

    /// Gets the password, see [`Source::obtain`].
    ///
    /// # Errors
    /// Whatever keeps it away.
    pub fn obtain_password(&self, interrupt: &Interrupt) -> Result<Secret, password::Error> {
        self.password
            .obtain(self.login(), &self.secret_variables, interrupt)
    }

    /// Gets the secret by which we prove to the provider which client we are, if there is one.
    ///
    /// # Errors
    /// Whatever keeps it away.
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

    /// Whose password it is.
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
    /// Where it begins, for what is not in it.
    pub(super) origin: Origin,
    /// What the file or the URL says.
    pub(super) written: Settings,
    /// What the flags say over it.
    pub(super) flags: Settings,
    /// What `~` means.
    pub(super) home: Option<&'a Path>,
    pub(super) secret_variables: Arc<[String]>,
}

impl Draft<'_> {
    /// Checks what the keys say together.
    ///
    /// # Errors
    /// Whatever is missing, out of place, or would show the password to the network.
    pub(super) fn check(self) -> Result<Account, Error> {
        let configured_keep = value_or_default(&self.written.keep);
        let asked = self.flags.keep.as_ref().map(|at| at.value);
        let settings = self.flags.over(self.written);
        Ok(Account {
            name: self.name,
            enabled: settings.enabled.as_ref().is_none_or(|at| at.value),
            dial: connection::options(&settings, &self.origin, &self.secret_variables, self.home)?,
            password: password(&settings, &self.origin, self.home)?,
            sign_in: oauth2::options(&settings, &self.origin, self.home)?,
            destination: destination(&settings, &self.secret_variables, self.home)?,
            secret_variables: self.secret_variables,
            policy: policy(&settings),
            configured_keep,
            max_per_host: value_or(&settings.max_per_host, MAX_PER_HOST),
            report_after: value_or(&settings.report_after, REPORT_AFTER),
            delete_was_asked: asked == Some(Keep::Never),
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

fn destination(
    settings: &Settings,
    secret_variables: &Arc<[String]>,
    home: Option<&Path>,
) -> Result<Option<Destination>, Error> {
    let Some(at) = &settings.target else {
        return Ok(None);
    };
    Ok(Some(match &at.value {
        Target::Maildir(path) => Destination::Maildir(paths::absolute(at, path, home)?),
        Target::Mda(words) => {
            let words = paths::program(at, words, home)?;
            let user = value_or_default(&settings.user);
            if user.starts_with('-') && words.iter().any(|word| word.starts_with("%T")) {
                return Err(
                    at.wrong("would make an option of the user; write %T behind other text")
                );
            }
            Destination::Mda(mda::Options {
                command: mda::Template::new(words).map_err(|problem| at.wrong(problem))?,
                timeout: value_or(&settings.mda_timeout, MDA_TIMEOUT),
                jobs: value_or(&settings.mda_jobs, 1) as usize,
                allow_root: value_or_default(&settings.mda_allow_root),
                may_ignore_input: value_or_default(&settings.mda_may_ignore_input),
                user,
                hidden_variables: Arc::clone(secret_variables),
            })
        }
    }))
}

fn policy(settings: &Settings) -> Policy {
    Policy {
        keep: value_or_default(&settings.keep),
        max_messages: settings.max_messages.as_ref().map(|at| at.value),
        max_size: settings.max_size.as_ref().map(|at| at.value),
        max_total: settings.max_total.as_ref().map(|at| at.value),
        order: value_or_default(&settings.order),
    }
}

const MDA_TIMEOUT: Duration = Duration::from_secs(10 * 60);
const MAX_PER_HOST: u64 = 8;
const REPORT_AFTER: u64 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::Document;
    use crate::dial::{Auth, Security};
    use crate::exit::Exit;

    const COMPLETE: &str = "server = 'pop.example.com'\nuser = 'me'\nmaildir = '/m'";

    /// Checks an account of these lines, which begin on line 2 of the file `f`, in a home `/home/me`.
    fn check(text: &str) -> Result<Account, Error> {
        let home = Path::new("/home/me");
        draft(text, Settings::default(), Some(home)).check()
    }

    fn draft<'a>(text: &str, flags: Settings, home: Option<&'a Path>) -> Draft<'a> {
        let text = format!("[accounts.w]\n{text}");
        let document = Document::parse(text.as_bytes(), "f").expect("it is TOML");
        let section = document.accounts.into_iter().next().expect("there is one");
        Draft {
            name: section.name,
            origin: section.origin,
            written: Settings::read(section.entries).expect("its keys are known"),
            flags,
            home,
            secret_variables: [].into(),
        }
    }

    fn flags(options: &[&str]) -> Overrides {
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        Overrides::new([], &options).expect("they are all right")
    }

    #[test]
    fn what_is_not_said_is_the_safe_choice() {
        let account = check(COMPLETE).expect("it is complete");
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
    fn a_path_on_the_command_line_begins_where_the_user_is() {
        let overrides = flags(&["maildir=Mail"]);
        let account = Account::from_url("pops://me@h", &overrides).expect("it is complete");
        let here = std::env::current_dir().expect("there is one");
        let destination = account.require_destination().expect("it was said");
        assert!(matches!(destination, Destination::Maildir(path) if *path == here.join("Mail")));
    }

    #[test]
    fn what_is_missing_or_impossible_is_said_with_the_line() {
        for (text, message) in [
            (
                "user = 'me'",
                "f:1: there is no \"server\"; add server = \"pop.example.com\"",
            ),
            (
                "server = 'h'",
                "f:1: there is no \"user\"; add user = \"me@example.com\"",
            ),
            (
                "server = 'h'\nuser = 'me'\nmda = 'x %s'",
                "f:4: \"mda\" contains %s; only %F (sender), %T (user) and %% are known",
            ),
            (
                "server = 'h'\nuser = 'me'\nmda = ''",
                "f:4: \"mda\" names no program",
            ),
            (
                "server = 'h'\nuser = 'me'\nmda = []",
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
        let account = check("server = 'h'\nuser = 'me'").expect("it is enough for a check");
        let error = account.require_destination().expect_err("there is none");
        assert_eq!(
            error.to_string(),
            "f:1: there is no destination; add \"maildir\" or \"mda\""
        );
        assert_eq!(error.exit(), Exit::Configuration);
    }

    #[test]
    fn a_flag_changes_what_is_kept_and_leaves_what_is_configured() {
        for (option, keep, delete_was_asked) in [
            ("keep=false", Keep::Never, true),
            ("keep=true", Keep::Always, false),
            (
                "order=newest-first",
                Keep::For(Duration::from_secs(86_400)),
                false,
            ),
        ] {
            let text = format!("{COMPLETE}\nkeep = '1 day'");
            let flags = flags(&[option]).settings().clone();
            let account = draft(&text, flags, None).check().expect("it is complete");
            assert_eq!(account.policy.keep, keep);
            assert_eq!(account.delete_was_asked, delete_was_asked);
            let day = Keep::For(Duration::from_secs(86_400));
            assert_eq!(account.configured_keep, day);
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
            let account = Account::from_url(url, &flags(options)).expect(url);
            assert_eq!(account.name, name);
            assert_eq!(account.dial.security, security);
            assert!(matches!(account.password, Source::OneShot));
        }
    }

    #[test]
    fn a_url_needs_a_user_and_never_sends_a_password_in_the_clear() {
        for (url, options, exit) in [
            ("pops://h", &[][..], Exit::Usage),
            ("pop://me@h", &["security=none"], Exit::Configuration),
        ] {
            let error = Account::from_url(url, &flags(options)).expect_err(url);
            assert_eq!(error.exit(), exit);
        }
    }
}
