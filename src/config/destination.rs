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
use crate::delivery::mda;
use crate::dial::DialOptions;
use crate::targets::Destination;

/// The mistake of a target from which the messages would come back as new ones.
const LEADS_BACK: &str = "leads back to the mailbox that is fetched";
const MDA_TIMEOUT: Duration = Duration::from_secs(10 * 60);

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
    /// Returns the destination of the account, and the source of the password for it.
    ///
    /// # Errors
    /// The target does not exist or is incomplete, a path is invalid, or the messages would come back.
    pub(super) fn destination(
        &self,
        settings: &Settings,
    ) -> Result<(Option<Destination>, Source), Error> {
        let Some(at) = &settings.target else {
            return Ok((None, Source::NotNeeded));
        };
        let destination = match &at.value {
            WrittenTarget::Lmtp(server) => self.lmtp(at, server, settings)?,
            WrittenTarget::Maildir(path) => Destination::Maildir {
                path: paths::absolute(at, path, self.home)?,
                file_mode: value_or_default(&settings.file_mode),
            },
            WrittenTarget::Mbox(path) => Destination::Mbox(self.mbox(at, path, settings)?),
            WrittenTarget::Mda(words) => Destination::Mda(self.mda(at, words, settings)?),
            WrittenTarget::Named(name) => {
                let target = self.targets.find(at, name)?;
                let (destination, password) = self.named(at, target)?;
                return Ok((Some(destination), password));
            }
        };
        Ok((Some(destination), Source::NotNeeded))
    }

    /// Returns the destination that has a section of its own.
    fn named<T>(&self, at: &At<T>, target: &Section) -> Result<(Destination, Source), Error> {
        let settings = &target.settings;
        match settings.kind.as_ref().map(|kind| kind.value) {
            Some(TargetKind::Mbox) => {
                let path = settings.path.as_ref().ok_or_else(|| Error::Incomplete {
                    at: target.origin.clone(),
                    what: "\"path\"",
                    hint: "Add path = \"~/Mail/inbox\"",
                })?;
                let options = self.mbox(path, &path.value, settings)?;
                Ok((Destination::Mbox(options), Source::NotNeeded))
            }
            Some(TargetKind::Imap) | None => {
                let (options, password) = imap::options(target, self.secret_variables, self.home)?;
                if imap::leads_back(&options, self.dial) {
                    let hint = "Name another folder, or another server";
                    return Err(at.wrong_with_hint(LEADS_BACK, hint));
                }
                Ok((Destination::Imap(Box::new(options)), password))
            }
        }
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

    fn mbox<T>(&self, at: &At<T>, path: &str, settings: &Settings) -> Result<MboxOptions, Error> {
        let path = paths::absolute(at, path, self.home)?;
        if path.file_name().is_none() {
            return Err(at.wrong("names no file"));
        }
        Ok(MboxOptions {
            path,
            file_mode: value_or_default(&settings.file_mode),
            locks: value_or_default(&settings.mbox_lock),
        })
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
