//! The rules between the keys of a target on an IMAP server.

use std::path::Path;

use crate::config::Section;
use crate::config::connection::{self, MailService};
use crate::config::error::Error;
use crate::config::password::Source;
use crate::config::paths;
use crate::config::settings::{value_or, value_or_default};
use crate::config::targets;
use crate::dial::DialOptions;
use crate::targets::imap::{INBOX, ImapOptions};

/// Checks the keys of a target. Also returns the source of its password.
///
/// # Errors
/// There is no server or no user, a path is invalid, or the password would be sent in cleartext.
pub(super) fn options(
    target: &Section,
    secret_variables: &[String],
    home: Option<&Path>,
) -> Result<(ImapOptions, Source), Error> {
    let Section {
        name,
        origin,
        settings,
        ..
    } = target;
    let dial = connection::options(settings, origin, MailService::Imap, secret_variables, home)?;
    let password = match &settings.password {
        Some(at) => paths::source(at, home)?,
        None => Source::Ask,
    };
    let options = ImapOptions {
        name: name.clone(),
        dial,
        folder: value_or(&settings.folder, INBOX.to_owned()),
        creates_folder: value_or_default(&settings.create_folder),
    };
    Ok((options, password))
}

/// Returns true if an account would deliver its messages into the very mailbox that it fetches, as far as
/// spelling shows.
pub(super) fn leads_back(options: &ImapOptions, dial: &DialOptions) -> bool {
    let there = &options.dial;
    options.is_inbox() && targets::leads_back(&there.net.endpoint, &there.user, dial)
}
