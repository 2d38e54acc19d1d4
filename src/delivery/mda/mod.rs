//! Delivery by a program (MDA), such as procmail or maildrop, which reads one message on its
//! standard input. No shell is involved.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{env, io};

use rustix::process::geteuid;

use super::envelope_sender::envelope_sender;
use super::spool::Spool;
use super::{Error as DeliveryError, Target};
use crate::digest::Digest;
use crate::mail::custody::{Delivered, Outcome, Staged, TargetPlace};
use crate::mail::mark::FileMarks;
use crate::os::child::Ending;
use crate::os::signals::Interrupt;
use crate::os::sys::{self, File, thread};
use crate::text::ServerText;

#[cfg_attr(
    all(feature = "simulation", not(test)),
    allow(dead_code, reason = "the simulated program has fewer ways to fail")
)]
mod error;
#[cfg(not(all(feature = "simulation", not(test))))]
mod process;
#[cfg(all(feature = "simulation", not(test)))]
mod simulated;
#[cfg(not(all(feature = "simulation", not(test))))]
mod stdin;
#[cfg_attr(
    all(feature = "simulation", not(test)),
    allow(dead_code, reason = "the simulated program has no command line")
)]
mod template;

pub(crate) use error::Error;
pub(in crate::delivery) use error::StderrLine;
pub(crate) use template::Template;

#[cfg(not(all(feature = "simulation", not(test))))]
use process::MdaSlot;
#[cfg(all(feature = "simulation", not(test)))]
use simulated::{MdaSlot, StdinPipe};
#[cfg(not(all(feature = "simulation", not(test))))]
use stdin::StdinPipe;

/// The time after a signal during which an MDA may still be started.
const START_TIMEOUT: Duration = Duration::from_secs(1);
/// The value of `%F` for a message without a plain sender.
const NOBODY: &str = "MAILER-DAEMON";

/// The configured MDA.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program and its arguments.
    pub command: Template,
    /// The time that it has for one message.
    pub timeout: Duration,
    /// The number of messages that are handed over at once, each to a process of its own.
    pub jobs: usize,
    /// True if it may run as root (CVE-2004-0880).
    pub allow_root: bool,
    /// True if exit status 0 counts although the message was not read to its end.
    pub may_ignore_input: bool,
    /// The environment variables that hold passwords, which the MDA does not inherit.
    pub hidden_variables: Arc<[String]>,
}

/// A program that takes messages from a spool.
///
/// A message is complete and durable in the spool before the program starts, so a message that it
/// refuses is not downloaded again. The program gets half a message only if the message is larger
/// than 1 MiB and we are killed meanwhile. Then the next run hands the whole message over.
#[derive(Debug)]
pub(crate) struct Mda {
    spool: Arc<Spool>,
    place: TargetPlace,
    options: Options,
    /// One slot for each of the messages that are handed over at once.
    slots: Vec<MdaSlot>,
    interrupt: Interrupt,
}

impl Mda {
    /// Checks that the program can run. The names of files get the account's marks.
    ///
    /// # Errors
    /// The program cannot be run, or it would run as root.
    pub(crate) fn open(
        options: Options,
        spool: Arc<Spool>,
        marks: &FileMarks,
        interrupt: Interrupt,
    ) -> Result<Self, DeliveryError> {
        let program = options.command.program();
        if geteuid().is_root() && !options.allow_root {
            return Err(Error::Root(program.to_owned()).into());
        }
        find_program(program)?;
        let place = spool.place_of(program.to_owned());
        let folder = spool.folder();
        let slots = (0..options.jobs).map(|_| MdaSlot::new(folder, marks, &interrupt));
        let slots = slots.collect::<Result<_, _>>()?;
        Ok(Self {
            spool,
            place,
            options,
            slots,
            interrupt,
        })
    }

    /// Hands one message over. Returns what the program printed although it took the message, or
    /// `None` if the message is not in the spool.
    fn hand_over(
        &self,
        staged: &Staged,
        slot: &MdaSlot,
    ) -> Result<Option<ServerText>, DeliveryError> {
        let Some(mut message) = self.spool.read(staged)? else {
            return Ok(None);
        };
        let program = || self.options.command.program().to_owned();
        let not_fed = |source| Error::NotFed {
            program: program(),
            source,
        };
        let sender = self.sender(&mut message).map_err(not_fed)?;
        let stdin = StdinPipe::new(message, staged.stored().octets).map_err(not_fed)?;
        let tidy = || self.spool.remove_forgotten();
        let (ended, was_read) = slot.run(&self.options, &sender, stdin, tidy)?;
        if !ended.success() {
            return Err(Error::Refused {
                program: program(),
                status: Ending(ended),
                output: slot.stderr_line(),
            }
            .into());
        }
        // procmail and maildrop read everything. Status 0 without that is mostly a mistake in the
        // configuration, such as a program that ignores its input: the mail would be lost.
        if !was_read && !self.options.may_ignore_input {
            return Err(Error::IgnoredInput(program()).into());
        }
        Ok(Some(slot.stderr_line().0))
    }

    fn outcome(&self, staged: Staged, slot: &MdaSlot) -> Outcome {
        match self.hand_over(&staged, slot) {
            Ok(Some(output)) => Outcome::Delivered(Delivered::new(staged, output)),
            Ok(None) => staged.lost(),
            Err(DeliveryError::Mda(error)) if error.is_in_doubt() => {
                let hint = error.hint().map(str::to_owned);
                staged.kept_in_doubt(error, hint)
            }
            Err(error) => staged.kept(error.not_delivered()),
        }
    }

    /// Hands messages over, as many at once as there are slots.
    fn deliver_at_once(&self, staged: Vec<Staged>) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(staged.len());
        let mut staged = staged.into_iter().peekable();
        while staged.peek().is_some() {
            // The slots come first: zip asks the messages only after it has a slot, so no message
            // is taken out and then dropped.
            let group = self.slots.iter().zip(staged.by_ref());
            outcomes.extend(thread::scope(|scope| {
                let running: Vec<_> = group
                    .map(|(slot, staged)| scope.spawn(move || self.outcome(staged, slot)))
                    .collect();
                let join = |running: thread::ScopedJoinHandle<'_, Outcome>| {
                    let ended = running.join();
                    ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                };
                running.into_iter().map(join).collect::<Vec<_>>()
            }));
        }
        outcomes
    }

    /// Returns the envelope sender, if the command line asks for it.
    fn sender(&self, message: &mut File) -> io::Result<String> {
        if !self.options.command.asks_for_sender() {
            return Ok(String::new());
        }
        let sender = envelope_sender(message)?;
        Ok(sender.unwrap_or_else(|| NOBODY.to_owned()))
    }
}

impl Target for Mda {
    fn place(&self) -> &TargetPlace {
        &self.place
    }

    fn configuration(&self) -> Digest {
        Digest::of(format!("{:?}", self.options.command).as_bytes())
    }

    fn deliver(&self, staged: Vec<Staged>) -> Vec<Outcome> {
        let [slot] = &*self.slots else {
            return self.deliver_at_once(staged);
        };
        staged
            .into_iter()
            .map(|staged| self.outcome(staged, slot))
            .collect()
    }

    fn group_size(&self) -> usize {
        self.options.jobs
    }

    fn accepts_more(&self) -> bool {
        !self.interrupt.is_over(START_TIMEOUT)
    }
}

/// Looks for a program as execvp(3) would, so that a wrong name is noticed before anything is
/// fetched.
pub(in crate::delivery) fn find_program(program: &str) -> Result<(), Error> {
    let found = if program.contains('/') {
        sys::can_run(Path::new(program))
    } else {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).any(|folder| sys::can_run(&folder.join(program)))
    };
    if found {
        Ok(())
    } else {
        Err(Error::NoProgram(program.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::delivery::Arrivals;
    use crate::mail::handover::DeliveryKey;
    use crate::mail::maildrop::{Identity, Message, MessageNumber, UniqueId};

    /// An MDA with a spool of its own.
    struct TestMda {
        folder: tempfile::TempDir,
        mda: Mda,
    }

    impl TestMda {
        fn new(script: &str, jobs: usize) -> Self {
            let folder = tempfile::tempdir().expect("a folder can be made");
            let argv = ["/bin/sh", "-c", script].map(str::to_owned);
            let options = Options {
                command: Template::new(argv.to_vec(), None).expect("the template is valid"),
                timeout: Duration::from_secs(60),
                jobs,
                allow_root: true,
                may_ignore_input: false,
                hidden_variables: Arc::new([]),
            };
            let interrupt = Interrupt::never().expect("a pair of sockets");
            let marks = FileMarks::default();
            let spool = Spool::open(folder.path(), &marks, "sh".to_owned());
            let spool = Arc::new(spool.expect("the folder is ours"));
            let mda = Mda::open(options, spool, &marks, interrupt);
            let mda = mda.expect("sh can be run");
            Self { folder, mda }
        }

        /// Takes custody steps 1 to 3 for messages.
        fn stage(&self, count: usize) -> Vec<Staged> {
            let receipts = (0..count).map(|n| {
                let message = Message {
                    number: MessageNumber::new(1).expect("1 is a message number"),
                    identity: Identity {
                        unique_id: UniqueId::new(&[b'a' + n as u8]).expect("a letter is valid"),
                        copy: 0,
                    },
                    size: None,
                };
                let incoming = self.mda.spool.intake().accept(&message);
                let mut incoming = incoming.expect("a file can be created");
                incoming
                    .write(b"Return-Path: <joe@x>\r\n\r\n")
                    .expect("there is room");
                incoming.finish(message)
            });
            let durable = self
                .mda
                .spool
                .intake()
                .flush(receipts.collect())
                .expect("a flush");
            let place = self.mda.place();
            durable
                .into_iter()
                .map(|durable| Staged::new(DeliveryKey(1), durable, place.clone()))
                .collect()
        }

        /// Returns the number of files in the spool.
        fn spooled(&self) -> usize {
            let files = fs::read_dir(self.folder.path());
            files.expect("the spool can be read").count()
        }
    }

    #[test]
    fn a_file_leaves_the_spool_once_its_delivery_is_recorded() {
        let sandbox = TestMda::new("cat >/dev/null", 1);
        let outcomes = sandbox.mda.deliver(sandbox.stage(1));
        assert!(
            matches!(outcomes[..], [Outcome::Delivered(_)]),
            "{outcomes:?}"
        );
        assert_eq!(sandbox.spooled(), 1);
        let [Outcome::Delivered(delivered)] = &outcomes[..] else {
            panic!("{outcomes:?}");
        };
        let name = delivered.stored().file_name.clone();
        sandbox.mda.spool.forget_delivered(&[name]);
        // It goes while the next message is handed over.
        sandbox.mda.deliver(sandbox.stage(1));
        assert_eq!(sandbox.spooled(), 1);
    }

    #[test]
    fn a_refused_message_stays_in_the_spool() {
        for (script, is_transient, said) in [
            (
                "cat >/dev/null; echo full >&2; exit 75",
                true,
                " and said: full",
            ),
            ("cat >/dev/null; exit 1", false, "ended with status 1"),
            ("kill -9 $$", false, "was ended by signal 9"),
            ("exit 0", false, "did not read the whole message"),
        ] {
            let sandbox = TestMda::new(script, 1);
            let outcomes = sandbox.mda.deliver(sandbox.stage(1));
            let [outcome] = &outcomes[..] else {
                panic!("{outcomes:?}");
            };
            let Outcome::Kept {
                why,
                exit,
                is_in_doubt,
                ..
            } = outcome
            else {
                panic!("{outcome:?}");
            };
            assert!(why.ends_with(said), "{why}");
            assert_eq!(
                (exit.is_transient(), *is_in_doubt),
                (is_transient, false),
                "{script}"
            );
            assert_eq!(sandbox.spooled(), 1);
        }
    }

    #[test]
    fn a_message_that_is_gone_from_the_spool_is_lost() {
        let sandbox = TestMda::new("cat >/dev/null", 1);
        let staged = sandbox.stage(1);
        let names = [staged[0].stored().file_name.clone()];
        sandbox
            .mda
            .spool
            .intake()
            .withdraw(&names)
            .expect("the file is ours");
        let outcomes = sandbox.mda.deliver(staged);
        assert!(matches!(outcomes[..], [Outcome::Lost(_)]), "{outcomes:?}");
    }

    #[test]
    fn every_message_is_handed_over_once_with_several_jobs() {
        let sandbox = TestMda::new("cat >/dev/null", 2);
        let outcomes = sandbox.mda.deliver(sandbox.stage(5));
        let is_delivered = |outcome: &Outcome| matches!(outcome, Outcome::Delivered(_));
        assert!(outcomes.len() == 5 && outcomes.iter().all(is_delivered));
    }

    #[test]
    fn a_program_that_cannot_be_run_is_refused_before_fetching() {
        for program in ["/nowhere/mda", "no-such-mda", "/etc/passwd", "/tmp"] {
            let error = find_program(program).expect_err("it cannot be run");
            assert!(matches!(error, Error::NoProgram(_)), "{program}: {error}");
        }
        assert!(find_program("sh").is_ok() && find_program("/bin/sh").is_ok());
    }
}
