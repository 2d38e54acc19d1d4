//! Targets that have a section of their own, `[targets.NAME]`, and the accounts that deliver to them.

use std::collections::HashSet;

use crate::config::document::{WrittenSection, WrittenValue};
use crate::config::error::Error;
use crate::config::keys::{KEYS, SectionKind};
use crate::config::nearest::nearest;
use crate::config::settings::{At, Settings};
use crate::config::values::delivery::WrittenTarget;
use crate::config::values::quoted;
use crate::config::{Scope, Section, target_keys};
use crate::dial::DialOptions;
use crate::net::{Endpoint, Route};
use crate::rules::AccountRule;

/// The targets of a configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct Targets(pub(super) Vec<Section>);

impl Targets {
    /// Reads the sections of targets.
    ///
    /// # Errors
    /// A target has no kind, a key that does not exist, or one that means nothing for its kind.
    pub(super) fn read(written: Vec<WrittenSection>) -> Result<Self, Error> {
        written
            .into_iter()
            .map(section)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Finds the target that an account names.
    ///
    /// # Errors
    /// There is none with this name.
    pub(super) fn find<T>(&self, at: &At<T>, name: &str) -> Result<&Section, Error> {
        let found = self.0.iter().find(|target| target.name == name);
        found.ok_or_else(|| {
            let names = self.0.iter().map(|target| target.name.as_str());
            let near = match self.0.is_empty() {
                true => Some("Add a section [targets.NAME]".to_owned()),
                false => nearest(name, names),
            };
            let problem = format!("names {}, and there is no such target", quoted(name));
            at.wrong_with_hint(&problem, &near.unwrap_or_default())
        })
    }

    /// Requires that each target is the destination of an account: if its name is mistyped there, mail goes
    /// where nobody looks for it.
    ///
    /// # Errors
    /// No account names a target.
    pub(super) fn require_used<'a>(
        &self,
        accounts: impl Iterator<Item = &'a Settings>,
    ) -> Result<(), Error> {
        let mut names = HashSet::new();
        for settings in accounts {
            if let Some(WrittenTarget::Named(usual)) = settings.target.as_ref().map(|at| &at.value)
            {
                names.extend(usual);
            }
            let rules = settings.rules.iter().flat_map(|at| &at.value);
            names.extend(rules.flat_map(AccountRule::targets));
        }
        let mut targets = self.0.iter();
        match targets.find(|target| !names.contains(&target.name)) {
            None => Ok(()),
            Some(target) => Err(Error::Syntax {
                at: target.origin.clone(),
                problem: format!("no account delivers to the target {}", quoted(&target.name)),
                hint: Some("Add deliver = \"NAME\" to an account, or remove the section"),
            }),
        }
    }
}

/// Reads the section of a target.
fn section(written: WrittenSection) -> Result<Section, Error> {
    let WrittenSection {
        name,
        origin,
        entries,
    } = written;
    let place = |entry: &WrittenValue| (entry.key.clone(), entry.origin.clone());
    let places: Vec<_> = entries.iter().map(place).collect();
    let settings = Settings::read(SectionKind::Target, entries)?;
    let kind = settings.kind.as_ref().ok_or_else(|| Error::Incomplete {
        at: origin.clone(),
        what: "\"kind\"",
        hint: "Add kind = \"imap\", \"lmtp\", \"maildir\" or \"mbox\"",
    })?;
    for (written, at) in places {
        let key = KEYS.iter().find(|key| key.name == written);
        if let Some(key) = key.filter(|key| !target_keys::fits_kind(key, kind.value)) {
            return Err(Error::Value {
                at,
                key: key.name,
                problem: "means nothing for a target of this kind".to_owned(),
                hint: None,
            });
        }
    }
    Ok(Section {
        name,
        origin,
        settings,
        scope: Scope::All,
    })
}

/// Returns true if an account would deliver its messages into the very mailbox that it fetches, as far as
/// spelling shows: each would come back as a new message, for ever. A port of this machine may be a
/// tunnel to anywhere, unless it is one that only root can listen at.
pub(super) fn leads_back(there: &Endpoint, user: &str, dial: &DialOptions) -> bool {
    let net = &dial.net;
    let is_same_host = match &net.endpoint {
        _ if !matches!(net.route, Route::Direct(_)) => false,
        Endpoint::Tcp { port, .. } if net.endpoint.is_loopback() => {
            POP3_PORTS.contains(port) && there.is_loopback()
        }
        Endpoint::Unix(_) => there.is_loopback(),
        Endpoint::Tcp { host, .. } => host.eq_ignore_ascii_case(there.host()),
    };
    is_same_host && is_same_user(&dial.user, user)
}

/// Returns true if two names are equal, or one is the other without its domain.
fn is_same_user(one: &str, other: &str) -> bool {
    let local = |name: &str| name.split('@').next().unwrap_or_default().to_owned();
    let has_domain = |name: &str| name.contains('@');
    match has_domain(one) && has_domain(other) {
        true => one.eq_ignore_ascii_case(other),
        false => local(one).eq_ignore_ascii_case(&local(other)),
    }
}

const POP3_PORTS: [u16; 2] = [110, 995];
