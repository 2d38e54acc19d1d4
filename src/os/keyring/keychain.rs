//! The keyring of macOS: the keychain. It waits for its user without a deadline.

use security_framework::passwords::{
    delete_generic_password, get_generic_password, set_generic_password,
};

use super::{Attributes, Error};
use crate::os::secret::Secret;

/// The error `errSecItemNotFound`.
const NOT_FOUND: i32 = -25_300;

/// Returns the service and the account by which the keychain finds a secret. It has no other
/// attributes, so all but the user become the service.
fn service_and_user(attributes: &Attributes) -> (String, &str) {
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
    let (service, user) = service_and_user(attributes);
    match get_generic_password(&service, user) {
        Ok(secret) => Ok(Some(secret)),
        Err(error) if error.code() == NOT_FOUND => Ok(None),
        Err(error) => Err(Error::Failed(error.to_string())),
    }
}

pub(super) fn remove(attributes: &Attributes) -> Result<bool, Error> {
    let (service, user) = service_and_user(attributes);
    match delete_generic_password(&service, user) {
        Ok(()) => Ok(true),
        Err(error) if error.code() == NOT_FOUND => Ok(false),
        Err(error) => Err(Error::Failed(error.to_string())),
    }
}

pub(super) fn store(attributes: &Attributes, _: &str, secret: &Secret) -> Result<(), Error> {
    let (service, user) = service_and_user(attributes);
    set_generic_password(&service, user, secret.expose())
        .map_err(|error| Error::Failed(error.to_string()))
}
