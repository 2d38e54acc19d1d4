//! The keyring of the desktops of Linux and the BSDs: the Secret Service, over D-Bus. It waits
//! without a deadline until the user unlocks it.

use std::collections::HashMap;

use dbus_secret_service::{EncryptionType, Error as Cause, SecretService};

use super::{Attributes, Error};
use crate::os::secret::Secret;
use crate::text::ServerText;

/// Connects to the keyring. Secrets cross the bus unencrypted: a process that can listen on the
/// user's bus can ask the keyring itself.
fn connect() -> Result<SecretService, Error> {
    SecretService::connect(EncryptionType::Plain).map_err(|cause| Error::Unreachable(text(&cause)))
}

fn borrowed(attributes: &Attributes) -> HashMap<&str, &str> {
    let borrowed = attributes.iter().map(|(name, value)| (&**name, &**value));
    borrowed.collect()
}

pub(super) fn find(attributes: &Attributes) -> Result<Option<Vec<u8>>, Error> {
    let service = connect()?;
    let found = service
        .search_items(borrowed(attributes))
        .map_err(explain)?;
    let item = match (found.unlocked.first(), found.locked.first()) {
        (Some(item), _) => item,
        (None, Some(item)) => {
            item.unlock().map_err(explain)?;
            item
        }
        (None, None) => return Ok(None),
    };
    item.get_secret().map(Some).map_err(explain)
}

/// Removes all secrets with these attributes: the user may have stored one in several collections.
pub(super) fn remove(attributes: &Attributes) -> Result<bool, Error> {
    let service = connect()?;
    let found = service
        .search_items(borrowed(attributes))
        .map_err(explain)?;
    let items = || found.unlocked.iter().chain(&found.locked);
    for item in items() {
        item.ensure_unlocked().map_err(explain)?;
        item.delete().map_err(explain)?;
    }
    Ok(items().next().is_some())
}

pub(super) fn store(attributes: &Attributes, label: &str, secret: &Secret) -> Result<(), Error> {
    let service = connect()?;
    let collection = service.get_default_collection().map_err(explain)?;
    collection.ensure_unlocked().map_err(explain)?;
    collection
        .create_item(
            label,
            borrowed(attributes),
            secret.expose(),
            true,
            "text/plain",
        )
        .map(drop)
        .map_err(explain)
}

fn explain(cause: Cause) -> Error {
    match cause {
        Cause::Locked | Cause::Prompt => Error::Locked,
        Cause::Unavailable => Error::Unreachable(text(&cause)),
        cause => Error::Failed(text(&cause)),
    }
}

fn text(cause: &Cause) -> String {
    ServerText::from(&*cause.to_string()).to_string()
}
