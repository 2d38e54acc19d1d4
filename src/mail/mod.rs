//! The vocabulary that the steps of a poll and the services share.

pub(crate) mod clock;
pub(crate) mod custody;
#[cfg(test)]
mod custody_model;
pub(crate) mod deletable;
pub mod fields;
pub(crate) mod handover;
pub mod headers;
pub mod known;
pub(crate) mod listing;
pub mod maildrop;
pub mod mark;
pub mod memory;
pub(crate) mod order;
pub mod policy;
pub mod reader;
pub(crate) mod refusals;
pub mod same;
pub mod same_header;
pub(crate) mod status;
pub(crate) mod streak;
pub mod suspicion;
pub mod total;
pub mod unique_id;
pub mod wire_form;
