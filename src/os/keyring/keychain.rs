//! The keyring as macOS has it. The only door to security-framework.
//! Waits for as long as it takes.

use security_framework::passwords::{get_generic_password, set_generic_password};

use super::{Attributes, Error};
use crate::os::secret::Secret;

/// `errSecItemNotFound`.
const NOT_FOUND: i32 = -25_300;

/// The keychain knows a service and an account; what else there is belongs to the service.
fn names(attributes: &Attributes) -> (String, &str) {
    let mut others: Vec<_> = attributes
        .iter()
        .filter(|(name, _)| *name != "user")
        .collect();
    others.sort();
    let values: Vec<_> = others.iter().map(|(_, value)| value.as_str()).collect();
    let user = attributes.get("user").map_or("", String::as_str);
    (values.join(" "), user)
}

pub(super) fn find(attributes: &Attributes) -> Result<Option<Vec<u8>>, Error> {
    let (service, user) = names(attributes);
    match get_generic_password(&service, user) {
        Ok(secret) => Ok(Some(secret)),
        Err(error) if error.code() == NOT_FOUND => Ok(None),
        Err(error) => Err(Error::Failed(error.to_string())),
    }
}

pub(super) fn store(attributes: &Attributes, _: &str, secret: &Secret) -> Result<(), Error> {
    let (service, user) = names(attributes);
    set_generic_password(&service, user, secret.expose())
        .map_err(|error| Error::Failed(error.to_string()))
}
