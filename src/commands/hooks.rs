//! The commands that run around the visit of an account.

use std::io;
use std::os::fd::AsFd;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::config::Account;
use crate::exit::{Exit, Failure};
use crate::os::child::{
    self, ChildWatch, Ending, ProcessGroup, RunningChild, Unfinished, unsafe_program,
};
use crate::os::signals::Interrupt;
use crate::os::walk::UnsafePath;
use crate::report::{AccountReporter, Event, Summary};

/// The time that a command has.
const HOOK_TIME: Duration = Duration::from_secs(60);
/// The time that a command has after a signal.
const GRACE: Duration = Duration::from_secs(2);

/// Runs the commands of one account.
pub(super) struct Hooks<'a> {
    pub(super) account: &'a Account,
    pub(super) interrupt: &'a Interrupt,
    pub(super) reporter: AccountReporter<'a>,
}

impl Hooks<'_> {
    /// Runs `pre-command`.
    ///
    /// # Errors
    /// It failed: the account is not visited now.
    pub(super) fn before(&self) -> Result<(), Failure> {
        let Some(command) = &self.account.hooks.before else {
            return Ok(());
        };
        self.run("pre-command", command, None).map_err(|failure| {
            let what = format!("{failure}; the account is left out");
            Failure { what, ..failure }
        })
    }

    /// Runs `new-mail-command` if mail was delivered, and `post-command`. The mail is delivered in any case,
    /// so that a failure is only a warning.
    pub(super) fn after(&self, summary: &Summary, exit: Exit) {
        let hooks = &self.account.hooks;
        let new_mail = hooks.new_mail.as_ref().filter(|_| summary.delivered > 0);
        let due = [
            ("new-mail-command", new_mail),
            ("post-command", hooks.after.as_ref()),
        ];
        for (key, command) in due {
            if let Some(command) = command
                && let Err(failure) = self.run(key, command, Some((summary, exit)))
            {
                self.reporter.report(Event::Warning(&failure));
            }
        }
    }

    fn run(
        &self,
        key: &str,
        command: &[String],
        result: Option<(&Summary, Exit)>,
    ) -> Result<(), Failure> {
        let failed = |how: String| Failure::new(format!("{key} {how}"), Exit::Temporary);
        let [program, arguments @ ..] = command else {
            return Ok(());
        };
        let mut command = child::command(program, arguments, &self.account.secret_variables);
        self.describe(&mut command, result);
        let ended = self
            .wait_for(&mut command)
            .map_err(|unfinished| match unfinished {
                Unfinished::TimedOut => failed(format!(
                    "did not end within {} s and was killed",
                    HOOK_TIME.as_secs()
                )),
                Unfinished::Interrupted => failed("was ended by a signal to mailpull".to_owned()),
                Unfinished::Pipe(error) | Unfinished::Unknown(error) => Failure {
                    hint: unsafe_program(&error).map(UnsafePath::hint),
                    ..Failure::new(
                        format!("cannot run the {key} {program}: {error}"),
                        Exit::Temporary,
                    )
                },
            })?;
        match ended.success() {
            true => Ok(()),
            false => Err(failed(Ending(ended).to_string())),
        }
    }

    /// Sets the environment that the manual describes.
    fn describe(&self, command: &mut Command, result: Option<(&Summary, Exit)>) {
        command.env("MAILPULL_ACCOUNT", &self.account.name);
        if let Some((summary, exit)) = result {
            for (name, value) in [
                ("MAILPULL_STATUS", u64::from(exit.code())),
                ("MAILPULL_DELIVERED", summary.delivered as u64),
                ("MAILPULL_DELETED", summary.deleted as u64),
                ("MAILPULL_FAILED", summary.failed as u64),
                ("MAILPULL_OCTETS", summary.octets),
            ] {
                command.env(name, value.to_string());
            }
        }
    }

    /// Runs a command in a process group of its own. What it prints goes to our standard error: standard
    /// output may be read by a program.
    fn wait_for(&self, command: &mut Command) -> Result<ExitStatus, Unfinished> {
        let output = io::stderr().as_fd().try_clone_to_owned();
        let output = output.map_err(Unfinished::Unknown)?;
        command.stdin(Stdio::null()).stdout(Stdio::from(output));
        let watch = ChildWatch::new(self.interrupt).map_err(Unfinished::Unknown)?;
        let child = RunningChild::start(command, ProcessGroup::Own);
        let mut child = child.map_err(Unfinished::Unknown)?;
        child.wait(&watch, &mut (), Instant::now() + HOOK_TIME, GRACE)
    }
}
