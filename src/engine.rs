//! One poll of one maildrop: the program's story.
//!
//! recover → connect → list → plan → fetch and settle → delete → quit. Everything that can go
//! wrong ends it early by dropping the session, which closes the connection without UPDATE: the
//! server then deletes nothing, and the next run goes on from what is recorded.

use std::io::{Read, Write};
use std::sync::mpsc::sync_channel;
use std::thread;

use crate::custody::Recorded;
use crate::delivery::Target;
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::known::{KnownMessages, State};
use crate::maildrop::{Identity, Listing, Message, MessageNumber};
use crate::moment::Moment;
use crate::plan::{self, Keep, Pick, Plan, Policy};
use crate::pop3::{self, Farewell, Sizes, Transaction};
use crate::receive::{self, Receiver};
use crate::report::{Desk, Event, Intent, Octets, Summary};
use crate::seen::{self, Ledger};
use crate::settle::{self, Settled, Settler};
use crate::text::ServerText;

/// What a poll shall do.
#[derive(Clone, Debug)]
pub struct Orders {
    /// What the account wants done with its messages.
    pub policy: Policy,
    /// `keep` as it is configured, whatever a flag says for this run.
    pub configured_keep: Keep,
    /// Whether the user asked for deletions just now, so that they need no second thought.
    pub may_delete_many: bool,
}

/// Why a poll ended early. Nothing is lost by it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no session.
    #[error(transparent)]
    Connect(Failure),
    /// A signal asked the run to end.
    #[error("interrupted")]
    Interrupted,
    /// The session failed.
    #[error("{doing}: {source}")]
    Pop3 {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: pop3::Error,
    },
    /// Messages did not arrive.
    #[error(transparent)]
    Receive(receive::Error),
    /// The database failed.
    #[error("{doing}: {source}")]
    Seen {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: seen::Error,
    },
    /// What arrived could not be settled.
    #[error("storing messages: {0}")]
    Settle(#[from] settle::Error),
    /// Messages were marked deleted, but QUIT was not answered as it should be.
    #[error("ending the session: {0}; whether the messages are deleted, the next run will see")]
    Unconfirmed(pop3::Error),
}

impl Error {
    /// The exit status that it leads to.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Connect(failure) => failure.exit,
            Self::Receive(source) => source.exit(),
            Self::Interrupted | Self::Unconfirmed(_) => Exit::Temporary,
            Self::Pop3 { source, .. } => source.exit(),
            Self::Seen { source, .. } => source.exit(),
            Self::Settle(source) => source.exit(),
        }
    }

    /// Whether the database failed: it may be damaged, and nothing more is written to it.
    pub fn is_of_database(&self) -> bool {
        matches!(
            self,
            Self::Seen { .. } | Self::Settle(settle::Error::Seen(_))
        )
    }
}

/// One account's poll.
pub struct Poll<'a> {
    /// What shall be done.
    pub orders: &'a Orders,
    /// What is known.
    pub ledger: &'a mut Ledger,
    /// Where messages go.
    pub target: &'a dyn Target,
    /// Whom it is told.
    pub desk: Desk<'a>,
    /// Whether it shall end.
    pub interrupt: &'a Interrupt,
}

impl Poll<'_> {
    /// Fetches what is new and deletes what is due. The account's lock is held by the caller;
    /// `connect` is called once nothing of earlier runs is left to do.
    ///
    /// # Errors
    /// Whatever ended the poll early; what was delivered until then is in `summary`.
    pub fn run<S: Read + Write>(
        mut self,
        summary: &mut Summary,
        connect: impl FnOnce() -> Result<Transaction<S>, Failure>,
    ) -> Result<(), Error> {
        self.recover(summary)?;
        let mut session = connect().map_err(Error::Connect)?;
        let known = self.ledger.known().map_err(reading)?;
        let (listing, mut plan) = survey(&mut session, &known, &self.orders.policy)?;
        drop(known);
        self.hold_surprising_deletions(&mut plan, summary)?;
        self.tell_plan(&listing, &plan, summary)?;

        let settled = self.fetch(&mut session, &listing, &plan, summary)?;
        let due = self.due(&listing, &plan, settled)?;
        self.delete_and_quit(session, &due, summary)
    }

    /// Finishes what an earlier run began, without a server.
    fn recover(&mut self, summary: &mut Summary) -> Result<(), Error> {
        let mut settler = Settler::new(self.ledger, self.target, self.desk);
        let recovered = settler.recover();
        summary.add(&settler.finish()?.summary);
        Ok(recovered?)
    }

    /// Leaves many old messages on the server where only a change of the configuration, not the
    /// user at this moment, asks for their deletion.
    fn hold_surprising_deletions(
        &mut self,
        plan: &mut Plan,
        summary: &mut Summary,
    ) -> Result<(), Error> {
        let last = self.ledger.last_keep().map_err(reading)?;
        let has_changed = last.is_some_and(|last| last != self.orders.configured_keep.to_string());
        let deletions = plan.deletions();
        if self.orders.may_delete_many || !has_changed || deletions <= plan::UNASKED_DELETIONS {
            return Ok(());
        }
        plan.hold_deletions();
        summary.holds_deletions = true;
        self.problem(
            summary,
            &format!(
                "keep has changed, and {deletions} messages delivered by earlier runs would now \
                 be deleted from the server; they stay until you say: mailpull fetch --delete"
            ),
            Exit::Configuration,
        );
        Ok(())
    }

    /// Tells what is left alone and what is going to happen.
    fn tell_plan(
        &mut self,
        listing: &Listing,
        plan: &Plan,
        summary: &mut Summary,
    ) -> Result<(), Error> {
        for number in listing.nameless() {
            self.problem(
                summary,
                &format!("message {number} has no unique-id; it stays on the server"),
                Exit::Protocol,
            );
        }
        for pick in &plan.too_large {
            let message = listing.message(pick.position, pick.copy);
            self.tell_too_large(&message)?;
        }
        summary.kept = listing.len() + listing.nameless().len();
        summary.postponed = plan.postponed;
        let picks = || plan.fetch.iter().chain(&plan.compare);
        self.desk.tell(Event::Begun {
            messages: picks().count(),
            octets: picks().map(|pick| listing.size(pick.position)).sum(),
        });
        Ok(())
    }

    /// Says once that a message is over the limit and stays on the server.
    fn tell_too_large(&mut self, message: &Message) -> Result<(), Error> {
        if self.ledger.notice(&message.identity).map_err(recording)? {
            let size = message
                .size
                .map_or_else(String::new, |size| format!(" ({})", Octets(size)));
            self.desk.tell(Event::Warning(&format_args!(
                "message {}{size} is larger than max-size; it stays on the server",
                message.identity.unique_id
            )));
        }
        Ok(())
    }

    /// Fetches what the plan says; one thread reads the session while another settles.
    fn fetch<S: Read + Write>(
        &mut self,
        session: &mut Transaction<S>,
        listing: &Listing,
        plan: &Plan,
        summary: &mut Summary,
    ) -> Result<Settled, Error> {
        let (target, desk, interrupt) = (self.target, self.desk, self.interrupt);
        let mut settler = Settler::new(self.ledger, target, desk);
        let (batches, arriving) = sync_channel(1);
        let (received, settled) = thread::scope(|scope| {
            let settling = scope.spawn(move || {
                let settled = arriving.iter().try_for_each(|batch| settler.settle(batch));
                // Closes the channel, so that fetching stops where settling cannot go on.
                drop(arriving);
                let finished = settler.finish();
                (settled, finished)
            });
            let receiver = Receiver {
                listing,
                plan,
                intake: target.intake(),
                max_size: self.orders.policy.max_size,
                desk,
                interrupt,
                batches,
            };
            let received = receiver.run(session);
            let settled = settling
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (received, settled)
        });
        let (settling, finished) = settled;
        let settled = finished?;
        summary.add(&settled.summary);
        settling?;
        let missing = received?;
        for message in &missing.too_large {
            self.tell_too_large(message)?;
        }
        for (message, why) in &missing.refused {
            summary.failed += 1;
            self.problem(
                summary,
                &format!(
                    "retrieving message {} ({}): the server said \"{why}\"; the next run tries \
                     it again",
                    message.number, message.identity.unique_id
                ),
                Exit::Temporary,
            );
        }
        Ok(settled)
    }

    /// What may be deleted now: delivered, recorded, and its time on the server over.
    fn due(
        &mut self,
        listing: &Listing,
        plan: &Plan,
        settled: Settled,
    ) -> Result<Vec<Recorded>, Error> {
        let named = |pick: &Pick| {
            let message = listing.message(pick.position, pick.copy);
            (message.number, message.identity)
        };
        let mut due: Vec<(MessageNumber, Identity)> = plan.delete.iter().map(named).collect();
        if self.orders.policy.keep == Keep::Never {
            due.extend(plan.fetch.iter().map(named));
        }
        for (number, found) in settled.proven {
            match found.state {
                // It was deleted before and is listed again, unchanged.
                State::Gone => self
                    .ledger
                    .mark_undeletable(&found.identity)
                    .map_err(recording)?,
                _ => due.push((number, found.identity)),
            }
        }
        self.ledger.vouch(due.into_iter()).map_err(reading)
    }

    /// Marks messages deleted and ends the session; only its answer to QUIT says that they are.
    fn delete_and_quit<S: Read + Write>(
        &mut self,
        mut session: Transaction<S>,
        due: &[Recorded],
        summary: &mut Summary,
    ) -> Result<(), Error> {
        let mut marked = Vec::with_capacity(due.len());
        let mut refused = Vec::new();
        session
            .delete(due, |recorded, answer| match answer {
                Ok(()) => marked.push(recorded.clone()),
                Err(refusal) => refused.push((recorded, refusal.text)),
            })
            .map_err(while_doing("deleting"))?;
        for (recorded, why) in refused {
            self.problem(
                summary,
                &format!(
                    "deleting message {}: the server said \"{why}\"; the next run tries it again",
                    recorded.identity().unique_id
                ),
                Exit::Temporary,
            );
        }
        match session.quit() {
            Farewell::Committed => {
                self.ledger.bury(&marked).map_err(recording)?;
                for recorded in &marked {
                    let unique_id = &recorded.identity().unique_id;
                    self.desk.tell(Event::Deleted(unique_id));
                }
                summary.deleted = marked.len();
                summary.kept -= marked.len();
                Ok(())
            }
            Farewell::Unknown(_) if marked.is_empty() => Ok(()),
            Farewell::Unknown(source) => Err(Error::Unconfirmed(source)),
        }
    }

    fn problem(&self, summary: &mut Summary, what: &str, exit: Exit) {
        summary.exit = summary.exit.max(exit);
        self.desk.tell(Event::Problem(&what, exit));
    }
}

/// Lists the maildrop and decides about every message. Sizes are asked for in the same flight
/// where they decide something, and else only if there is something to fetch: they are what a
/// later run recognises a message by before it deletes it.
///
/// # Errors
/// The server refused or its answer cannot be believed.
pub fn survey<S: Read + Write>(
    session: &mut Transaction<S>,
    known: &KnownMessages,
    policy: &Policy,
) -> Result<(Listing, Plan), Error> {
    let listing_failed = while_doing("listing the messages");
    let now = Moment::now();
    let is_needed = known.is_empty() || policy.needs_sizes() || policy.has_due(known, now);
    let sizes = if is_needed {
        Sizes::Needed
    } else {
        Sizes::Needless
    };
    let mut listing = session.list(sizes).map_err(&listing_failed)?;
    let plan = plan::plan(&listing, known, policy, now);
    if !is_needed && !plan.fetch.is_empty() {
        session.add_sizes(&mut listing).map_err(&listing_failed)?;
    }
    Ok((listing, plan))
}

/// Tells what a poll would do, without doing it.
pub fn rehearse(listing: &Listing, plan: &Plan, desk: Desk<'_>) -> Summary {
    let actions = [
        ("fetch", &plan.fetch),
        ("compare", &plan.compare),
        ("delete", &plan.delete),
    ];
    for (action, picks) in actions {
        for pick in picks {
            desk.tell(Event::Would(&Intent {
                action,
                number: listing.number(pick.position).value(),
                unique_id: &ServerText::new(listing.unique_id(pick.position)),
                size: listing.size(pick.position),
            }));
        }
    }
    let sizes = plan
        .fetch
        .iter()
        .filter_map(|pick| listing.size(pick.position));
    Summary {
        delivered: plan.fetch.len(),
        octets: sizes.sum(),
        deleted: plan.delete.len(),
        kept: plan.kept + plan.too_large.len(),
        postponed: plan.postponed,
        is_dry: true,
        ..Summary::default()
    }
}

fn while_doing(doing: &'static str) -> impl Fn(pop3::Error) -> Error {
    move |source| {
        if source.is_interrupt() {
            Error::Interrupted
        } else {
            Error::Pop3 { doing, source }
        }
    }
}

impl From<receive::Error> for Error {
    fn from(error: receive::Error) -> Self {
        match error {
            receive::Error::Interrupted => Self::Interrupted,
            error => Self::Receive(error),
        }
    }
}

fn reading(source: seen::Error) -> Error {
    Error::Seen {
        doing: "reading what is known",
        source,
    }
}

fn recording(source: seen::Error) -> Error {
    Error::Seen {
        doing: "recording",
        source,
    }
}
