//! Opens the way of an account's messages: where they arrive, and the targets that take them.

use std::path::Path;
use std::sync::Arc;

use super::FetchAccount;
use crate::delivery::{
    FileMode, Maildir, MaildirCopy, Mbox, Mda, OpenRoute, OpenTarget, Spool, Target,
    UnavailableTarget,
};
use crate::exit::{Exit, Failure};
use crate::os::walk::require_safe_program;
use crate::seen::Ledger;
use crate::targets::Destination;
use crate::targets::imap::Imap;
use crate::targets::lmtp::Lmtp;

impl FetchAccount<'_> {
    /// Opens the way of the account's messages.
    ///
    /// # Errors
    /// There is no destination, or the only one cannot be used.
    pub(super) fn open_route(&self, ledger: &Ledger) -> Result<OpenRoute<'_>, Failure> {
        let marks = ledger.marks();
        let destinations = self.account.require_destinations()?;
        if let [own] = destinations
            && let Destination::Maildir { path, file_mode } = &own.destination
        {
            let maildir = open_maildir(path, *file_mode, ledger)?;
            return Ok(OpenRoute::into_maildir(maildir));
        }
        let names = destinations.iter().map(|own| own.destination.to_string());
        let names: Vec<_> = names.collect();
        let spool = Spool::open(&self.folder.spool(), marks, names.join(", "))?;
        let spool = Arc::new(spool);
        let is_alone = destinations.len() == 1;
        let mut targets = Vec::with_capacity(destinations.len());
        for own in destinations {
            let destination = &own.destination;
            let opened = self.open_target(destination, Arc::clone(&spool), ledger);
            let target = match opened {
                Err(failure) if !is_alone => {
                    // The other targets get their messages nevertheless.
                    let name = destination.to_string();
                    Arc::new(UnavailableTarget::new(&spool, name, failure)) as Arc<dyn Target>
                }
                opened => opened?,
            };
            targets.push(OpenTarget {
                target,
                names: &own.names,
                is_usual: own.is_usual,
            });
        }
        Ok(OpenRoute::through(spool, targets))
    }

    /// Opens a target that takes messages from the spool.
    fn open_target<'a>(
        &'a self,
        destination: &'a Destination,
        spool: Arc<Spool>,
        ledger: &Ledger,
    ) -> Result<Arc<dyn Target + 'a>, Failure> {
        let (marks, interrupt) = (ledger.marks(), self.context.interrupt.clone());
        Ok(match destination {
            Destination::Maildir { path, file_mode } => {
                let maildir = open_maildir(path, *file_mode, ledger)?;
                ledger.places().note(Target::place(&maildir))?;
                Arc::new(MaildirCopy::new(maildir, spool))
            }
            Destination::Mbox(options) => Arc::new(Mbox::open(options.clone(), spool, interrupt)?),
            Destination::Mda(options) => {
                require_safe_mda(options.command.program())?;
                Arc::new(Mda::open(options.clone(), spool, marks, interrupt)?)
            }
            Destination::Imap(options) => {
                let dialer = self.context.imap_dialer(self.account, options);
                Arc::new(Imap::new(dialer, spool))
            }
            Destination::Lmtp(options) => {
                let dialer = self.context.lmtp_dialer(self.account, options);
                Arc::new(Lmtp::new(dialer, spool, marks.own))
            }
        })
    }
}

/// Requires that nobody else can exchange the MDA, before anything is fetched for it.
fn require_safe_mda(program: &str) -> Result<(), Failure> {
    require_safe_program(program.as_ref()).map_err(|path| {
        let what = format!("cannot run the mda {program}: {path}");
        Failure::new(what, Exit::Configuration).with_hint(path.hint())
    })
}

/// Opens a Maildir. If messages were delivered to it before, it must be there.
fn open_maildir(path: &Path, file_mode: FileMode, ledger: &Ledger) -> Result<Maildir, Failure> {
    let earlier = ledger.places().find(path)?;
    Ok(Maildir::open(
        path,
        ledger.marks(),
        earlier.as_ref(),
        file_mode,
    )?)
}
