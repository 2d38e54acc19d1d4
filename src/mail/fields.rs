//! The fields of a header that the rules of an account look at.

use crate::moment::Moment;

/// Header fields, decoded and unfolded.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Fields {
    /// Names in lower case, with values. A name may be there several times.
    pub values: Vec<(String, String)>,
    /// The time at which the message arrived at its last server, or else was written, if it is a possible one.
    pub arrived: Option<Moment>,
}

impl Fields {
    /// Returns the values of all fields of a name, which is in lower case.
    pub fn named<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        let values = self.values.iter();
        values
            .filter(move |(other, _)| other == name)
            .map(|(_, value)| &**value)
    }
}
