//! An MDA on a simulated machine: in place of a child process, the machine decides what becomes of a message.

use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::super::Error as DeliveryError;
use super::super::folder::Folder;
use super::Options;
use super::error::{Error, StderrLine};
use crate::mail::mark::FileMarks;
use crate::os::signals::Interrupt;
use crate::os::sys::File;
use crate::os::sys::simulated::machine::{ProgramEnd, run_mail_program};
use crate::text::ServerText;

/// A message for the program.
#[derive(Debug)]
pub(super) struct StdinPipe(Vec<u8>);

impl StdinPipe {
    /// Reads the message.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn new(mut message: File, _octets: u64) -> io::Result<Self> {
        let mut octets = Vec::new();
        message.read_to_end(&mut octets)?;
        Ok(Self(octets))
    }
}

/// A slot in which one MDA at a time runs.
#[derive(Debug)]
pub(super) struct MdaSlot;

impl MdaSlot {
    /// Prepares a slot. Always succeeds.
    pub(super) fn new(
        _folder: &Folder,
        _marks: &FileMarks,
        _interrupt: &Interrupt,
    ) -> Result<Self, DeliveryError> {
        Ok(Self)
    }

    /// Runs the program on a message, and calls `meanwhile` while it runs.
    ///
    /// # Errors
    /// It did not end in time.
    pub(super) fn run(
        &self,
        options: &Options,
        _sender: &str,
        stdin: StdinPipe,
        meanwhile: impl FnOnce(),
    ) -> Result<(ExitStatus, bool), Error> {
        meanwhile();
        match run_mail_program(&stdin.0) {
            ProgramEnd::Status(status) => Ok((ExitStatus::from_raw(i32::from(status) << 8), true)),
            ProgramEnd::TimedOut => Err(Error::TimedOut {
                program: options.command.program().to_owned(),
                timeout: options.timeout,
            }),
        }
    }

    /// Returns what the program printed on standard error: nothing.
    pub(super) fn stderr_line(&self) -> StderrLine {
        StderrLine(ServerText::default())
    }
}
