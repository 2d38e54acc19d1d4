//! No keyring: what there is without the feature.
//! Waits for nothing.

use super::{Attributes, Error};
use crate::os::secret::Secret;

pub(super) fn find(_: &Attributes) -> Result<Option<Vec<u8>>, Error> {
    Err(Error::Absent)
}

pub(super) fn store(_: &Attributes, _: &str, _: &Secret) -> Result<(), Error> {
    Err(Error::Absent)
}
