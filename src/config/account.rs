//! An account as it is meant: every rule between the keys has been checked.
//! Connects to nothing; whether a folder exists is found out later.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::error::Error;
use crate::config::keys::{At, Settings, Slot, Target};
use crate::config::origin::Origin;
use crate::config::overrides::Overrides;
use crate::config::password::{self, Login, ONE_SHOT_VARIABLE, Source};
use crate::config::server::Host;
use crate::config::url;
use crate::delivery::{Destination, mda};
use crate::dial::{self, Auth, Security};
use crate::net::{self, Endpoint, tls};
use crate::plan::{Keep, Policy};
use crate::secret::Secret;

/// One maildrop, and what to do with its messages.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name in the file; `user@host:port` for a URL.
    pub name: String,
    /// Whether it takes part when no account is named.
    pub enabled: bool,
    /// How to reach it and log in.
    pub dial: dial::Options,
    /// Where its password comes from.
    pub password: Source,
    /// Environment variables that hold a password, of any account: no child may inherit them.
    pub secret_variables: Vec<String>,
    /// Where its messages go, where that was said; [`Account::require_destination`] insists.
    pub destination: Option<Destination>,
    /// What this run does with its messages.
    pub policy: Policy,
    /// What `keep` is without the flags of this run.
    pub configured_keep: Keep,
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
    pub fn obtain_password(
        &self,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Secret, password::Error> {
        let host = match &self.dial.net.endpoint {
            Endpoint::Tcp { host, .. } => host,
            Endpoint::Unix(_) => "localhost",
        };
        let user = &self.dial.user;
        self.password
            .obtain(Login { user, host }, &self.secret_variables, interrupted)
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
    pub(super) secret_variables: Vec<String>,
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
            dial: dial(&settings, &self.origin, self.home)?,
            password: source(&settings, &self.origin, self.home)?,
            secret_variables: self.secret_variables,
            destination: destination(&settings, self.home)?,
            policy: policy(&settings),
            configured_keep,
            delete_was_asked: asked == Some(Keep::Never),
            origin: self.origin,
        })
    }
}

fn dial(settings: &Settings, origin: &Origin, home: Option<&Path>) -> Result<dial::Options, Error> {
    let security = value_or_default(&settings.security);
    let options = dial::Options {
        net: net::Options {
            endpoint: endpoint(settings, security, origin)?,
            connect_timeout: value_or(&settings.timeout_connect, CONNECT_TIMEOUT),
            timeout: value_or(&settings.timeout, TIMEOUT),
        },
        security,
        tls: tls::Options {
            ca_file: settings
                .tls_ca_file
                .as_ref()
                .map(|at| absolute(at, &at.value, home))
                .transpose()?,
        },
        user: user(settings, origin)?,
        auth: value_or_default(&settings.auth),
    };
    refuse_cleartext(settings, &options)?;
    Ok(options)
}

fn endpoint(settings: &Settings, security: Security, origin: &Origin) -> Result<Endpoint, Error> {
    let server = settings.server.as_ref().ok_or_else(|| Error::Incomplete {
        at: origin.clone(),
        what: "\"server\"",
        advice: "add server = \"pop.example.com\"",
    })?;
    Ok(match &server.value {
        Host::Name(host) => Endpoint::Tcp {
            host: host.clone(),
            port: value_or(&settings.port, default_port(security)),
        },
        Host::Socket(path) => Endpoint::Unix(path.clone()),
    })
}

fn default_port(security: Security) -> u16 {
    match security {
        Security::None | Security::StartTls => 110,
        Security::Tls => 995,
    }
}

fn user(settings: &Settings, origin: &Origin) -> Result<String, Error> {
    let user = settings.user.as_ref().map(|at| at.value.clone());
    user.ok_or_else(|| Error::Incomplete {
        at: origin.clone(),
        what: "\"user\"",
        advice: match origin {
            Origin::Url => "write it before the host: pops://USER@HOST, with %40 for @",
            _ => "add user = \"me@example.com\"",
        },
    })
}

/// Without TLS a password may only travel where nobody listens, unless the user insists and has
/// chosen the way in which it is shown.
fn refuse_cleartext(settings: &Settings, options: &dial::Options) -> Result<(), Error> {
    let endpoint = &options.net.endpoint;
    let Some(at) = &settings.security else {
        return Ok(());
    };
    if options.security != Security::None || endpoint.is_loopback() {
        return Ok(());
    }
    let problem = match (value_or_default(&settings.allow_cleartext), options.auth) {
        (true, Auth::Apop | Auth::Plain | Auth::User) => return Ok(()),
        (true, Auth::Auto) => format!(
            "with security = \"none\" to {endpoint} name how to log in: auth = \"user\", \
             \"plain\" or \"apop\""
        ),
        (false, _) => format!(
            "security = \"none\" would send the password to {endpoint} for all to read; use \
             \"tls\" or \"starttls\", or insist with allow-cleartext = true"
        ),
    };
    Err(Error::Cleartext {
        at: at.origin.clone(),
        problem,
    })
}

fn source(settings: &Settings, origin: &Origin, home: Option<&Path>) -> Result<Source, Error> {
    let Some(at) = &settings.password else {
        return Ok(match origin {
            Origin::Url => Source::OneShot,
            _ => Source::Ask,
        });
    };
    Ok(match &at.value {
        Source::File(path) => Source::File(absolute(at, path, home)?),
        Source::Program(words) => Source::Program(program(at, words, home)?),
        other => other.clone(),
    })
}

fn destination(settings: &Settings, home: Option<&Path>) -> Result<Option<Destination>, Error> {
    let Some(at) = &settings.target else {
        return Ok(None);
    };
    Ok(Some(match &at.value {
        Target::Maildir(path) => Destination::Maildir(absolute(at, path, home)?),
        Target::Mda(words) => {
            let words = program(at, words, home)?;
            Destination::Mda(mda::Options {
                command: mda::Template::new(words).map_err(|problem| wrong(at, problem))?,
                timeout: value_or(&settings.mda_timeout, MDA_TIMEOUT),
                allow_root: value_or_default(&settings.mda_allow_root),
                may_ignore_input: value_or_default(&settings.mda_may_ignore_input),
                user: value_or_default(&settings.user),
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

/// A path that means the same wherever the program is started: `~/` is the home directory, and
/// only on the command line may a path be relative.
fn absolute<T>(at: &At<T>, path: impl AsRef<Path>, home: Option<&Path>) -> Result<PathBuf, Error> {
    let path = expand(at, path.as_ref(), home)?;
    if at.origin.was_typed() {
        return std::path::absolute(&path).map_err(|problem| wrong(at, problem));
    }
    match path.is_absolute() {
        true => Ok(path),
        false => Err(wrong(at, "must begin with / or ~/")),
    }
}

/// An argument vector whose program may begin with `~/`.
fn program<T>(at: &At<T>, words: &[String], home: Option<&Path>) -> Result<Vec<String>, Error> {
    let mut words = words.to_vec();
    if let Some(program) = words.first_mut() {
        let path = expand(at, Path::new(program), home)?;
        *program = path
            .into_os_string()
            .into_string()
            .map_err(|_| wrong(at, "is below a home directory whose name is no UTF-8"))?;
    }
    Ok(words)
}

fn expand<T>(at: &At<T>, path: &Path, home: Option<&Path>) -> Result<PathBuf, Error> {
    match path.strip_prefix("~") {
        Err(_) => Ok(path.to_owned()),
        Ok(rest) => home.map(|home| home.join(rest)).ok_or_else(|| {
            wrong(
                at,
                "begins with ~, and there is no home directory; set HOME",
            )
        }),
    }
}

fn wrong<T>(at: &At<T>, problem: impl ToString) -> Error {
    Error::Value {
        at: at.origin.clone(),
        key: at.key,
        problem: problem.to_string(),
    }
}

fn value_or<T: Clone>(slot: &Slot<T>, default: T) -> T {
    slot.as_ref().map_or(default, |at| at.value.clone())
}

fn value_or_default<T: Clone + Default>(slot: &Slot<T>) -> T {
    value_or(slot, T::default())
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
const MDA_TIMEOUT: Duration = Duration::from_secs(10 * 60);
const TIMEOUT: Duration = Duration::from_secs(180);
