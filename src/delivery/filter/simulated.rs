//! A filter on a simulated machine. No history has one.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::super::Error as DeliveryError;
use super::super::folder::Folder;
use super::super::mda::{Error, StderrLine};
use super::FilterOptions;
use crate::mail::mark::FileMarks;
use crate::os::signals::Interrupt;
use crate::os::sys::File;

/// A filter that takes everything.
#[derive(Debug)]
pub(super) struct FilterProcess;

impl FilterProcess {
    /// Always succeeds.
    pub(super) fn new(
        _folder: &Folder,
        _marks: &FileMarks,
        _interrupt: &Interrupt,
    ) -> Result<Self, DeliveryError> {
        Ok(Self)
    }

    /// Always succeeds.
    pub(super) fn run(
        &self,
        _options: &FilterOptions,
        _message: File,
    ) -> Result<ExitStatus, Error> {
        Ok(ExitStatus::from_raw(0))
    }

    /// Returns nothing.
    pub(super) fn output(&self) -> Option<File> {
        None
    }

    /// Returns an empty line.
    pub(super) fn stderr_line(&self) -> StderrLine {
        StderrLine::default()
    }
}
