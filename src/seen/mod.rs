//! The database: what became of every message of every account, across runs. The only module that
//! uses rusqlite.

mod account;
mod accounts;
mod causes;
mod clock;
mod connections;
mod custody;
mod database;
mod deletions;
mod deliveries;
mod error;
mod export;
mod failures;
mod former_tags;
mod freshness;
mod handovers;
mod import;
mod integrity;
mod kept_mail;
mod ledger;
mod lock;
mod messages;
mod migrations;
mod missing;
mod neighbours;
mod notices;
mod orders;
mod places;
mod read_only;
mod recognition;
pub(crate) mod record;
mod record_text;
mod runs;
mod schema;
mod size_checks;
mod state;
mod state_folder;
mod suspicions;
#[cfg(test)]
mod tests;

pub(crate) use accounts::{Accounts, KnownAccount, Verdict};
pub(crate) use causes::{Cause, FailedMessage, FailedStep, Successes, Undeleted};
pub(crate) use deliveries::Deliveries;
pub(crate) use error::Error;
pub(crate) use freshness::{Doubt, RecognitionEnd};
pub(crate) use import::{AccountImport, Imported};
pub(crate) use ledger::Ledger;
pub(crate) use lock::Lock;
pub(crate) use messages::SeenEntry;
pub(crate) use missing::{MissingContents, RenamedMessage};
pub(crate) use neighbours::Neighbour;
pub(crate) use recognition::{Headers, KnownContent, Match};
pub(crate) use runs::{LastRun, RunEnd};
pub(crate) use size_checks::{Compared, Comparison};
pub(crate) use state_folder::StateFolder;
pub(crate) use suspicions::{DeliveryMark, Suspect};
