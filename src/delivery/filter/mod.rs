//! A filter: a program that reads a message which has arrived, and says by its exit status what becomes of it.
//! It may print another message in its place.

use std::sync::Arc;
use std::time::Duration;

use rustix::process::geteuid;

use super::intake::Intake;
use super::mda::{Error, find_program};
use super::{Arrivals, Error as DeliveryError};
use crate::mail::custody::Receipt;
use crate::mail::mark::FileMarks;
use crate::os::child::Ending;
use crate::os::signals::Interrupt;

#[cfg(not(all(feature = "simulation", not(test))))]
mod process;
#[cfg(all(feature = "simulation", not(test)))]
mod simulated;

#[cfg(not(all(feature = "simulation", not(test))))]
use process::FilterProcess;
#[cfg(all(feature = "simulation", not(test)))]
use simulated::FilterProcess;

/// The statuses of getmail's filters: discard the message, or leave it on the server.
const DISCARD: i32 = 99;
const LEAVE: i32 = 100;

/// The configured filter.
#[derive(Clone, Debug)]
pub struct FilterOptions {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The time that it has for one message.
    pub timeout: Duration,
    /// True if what it prints takes the place of the message.
    pub rewrites: bool,
    /// True if it may run as root.
    pub allow_root: bool,
    /// The environment variables that hold passwords, which the filter does not inherit.
    pub hidden_variables: Arc<[String]>,
}

/// A filter that can run.
#[derive(Debug)]
pub(crate) struct Filter {
    options: FilterOptions,
    process: FilterProcess,
}

/// The judgement of a filter about a message.
#[derive(Debug)]
pub(crate) enum Filtered {
    /// It is delivered, perhaps as another one.
    Taken(Receipt),
    /// It is thrown away, and counts as delivered.
    Discarded(Receipt),
    /// It stays on the server.
    Left(Receipt),
    /// The filter has failed, so nobody knows.
    Failed(Receipt, Error),
}

impl Filter {
    /// Checks that the filter can run. The names of its files get the account's marks.
    ///
    /// # Errors
    /// The program cannot be run, it would run as root, or a file cannot be created.
    pub(crate) fn open(
        options: &FilterOptions,
        arrivals: &dyn Arrivals,
        marks: &FileMarks,
        interrupt: &Interrupt,
    ) -> Result<Self, DeliveryError> {
        let program = &options.command[0];
        if geteuid().is_root() && !options.allow_root {
            return Err(Error::Root(program.clone()).into());
        }
        find_program(program)?;
        let folder = arrivals.intake().folder();
        Ok(Self {
            process: FilterProcess::new(folder, marks, interrupt)?,
            options: options.clone(),
        })
    }

    /// Returns the name of the program.
    pub(crate) fn program(&self) -> &str {
        &self.options.command[0]
    }

    /// Runs the filter on a message.
    ///
    /// # Errors
    /// The message cannot be read, or the one that the filter has printed cannot be stored.
    pub(crate) fn judge(
        &self,
        intake: &Intake,
        receipt: Receipt,
    ) -> Result<Filtered, DeliveryError> {
        let message = intake.open(&receipt)?;
        let ended = match self.process.run(&self.options, message) {
            Ok(ended) => ended,
            Err(error) => return Ok(Filtered::Failed(receipt, error)),
        };
        Ok(match ended.code() {
            Some(0) if self.options.rewrites => match self.process.output() {
                Some(mut other) => Filtered::Taken(intake.rewrite(receipt, &mut other)?),
                None => Filtered::Taken(receipt),
            },
            Some(0) => Filtered::Taken(receipt),
            Some(DISCARD) => Filtered::Discarded(receipt),
            Some(LEAVE) => Filtered::Left(receipt),
            _ => {
                let error = Error::Refused {
                    program: self.program().to_owned(),
                    status: Ending(ended),
                    output: self.process.stderr_line(),
                };
                Filtered::Failed(receipt, error)
            }
        })
    }
}
