//! Stands in for the keyring in a program that is built without the feature `keyring`.

use super::{Attributes, Error};
use crate::os::secret::Secret;

pub(super) fn find(_: &Attributes) -> Result<Option<Vec<u8>>, Error> {
    Err(Error::Absent)
}

pub(super) fn remove(_: &Attributes) -> Result<bool, Error> {
    Err(Error::Absent)
}

pub(super) fn store(_: &Attributes, _: &str, _: &Secret) -> Result<(), Error> {
    Err(Error::Absent)
}
