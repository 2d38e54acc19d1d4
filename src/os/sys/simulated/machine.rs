//! The simulated machine: its disk, its clock, and the process that runs on it.
//!
//! Each call of the program is a step. Before a step, the machine may kill the process or let its other
//! thread go on. Nothing else happens between two steps, so a seed always gives the same history.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::io::Errno;

use super::call_faults::CallFaults;
use super::disk::{Disk, WriteOrder};
use super::generator::Generator;

/// A machine on which one process at a time runs.
#[derive(Debug)]
pub(crate) struct Machine {
    state: Mutex<MachineState>,
    turn_changed: Condvar,
}

/// All that the machine remembers.
pub(crate) struct MachineState {
    /// The disk.
    pub(crate) disk: Disk,
    /// The calls that may fail.
    pub(crate) faults: CallFaults,
    /// The time since 1970.
    pub(crate) clock: Duration,
    /// The number of the power-on.
    pub(crate) boot: u32,
    /// Random numbers for the program.
    pub(crate) random: Generator,
    /// The steps of the history, if they are recorded.
    pub(crate) story: Option<Vec<String>>,
    pub(super) process: u32,
    /// The steps of this process.
    steps: u64,
    /// The step at which the process is killed.
    kill_at: Option<u64>,
    is_dead: bool,
    switches: Generator,
    switch_percent: u64,
    /// True while no other thread may go on.
    is_undivided: bool,
    neighbour: Option<Neighbour>,
    mail_program: Option<MailProgram>,
    /// The threads of the process, and the one whose turn it is.
    threads: Vec<u32>,
    turn: u32,
    last_thread: u32,
    /// The turns in a row in which no thread could make a step.
    idle_turns: u32,
}

/// Another program on the machine. It is called between two steps.
pub(crate) type Neighbour = Box<dyn FnMut(&mut Disk) -> Option<String> + Send>;

/// A program that gets messages on its standard input.
pub(crate) type MailProgram = Box<dyn FnMut(&[u8]) -> ProgramEnd + Send>;

/// The end of such a program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ProgramEnd {
    /// It did not end in time.
    TimedOut,
    /// It ended with this status.
    Status(u8),
}

impl std::fmt::Debug for MachineState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MachineState")
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

/// The payload of the unwinding by which a process is killed.
struct Killed;

/// The most turns in a row without a step. Then all threads wait for each other.
const MOST_IDLE_TURNS: u32 = 10_000;

thread_local! {
    static HERE: RefCell<Option<(Arc<Machine>, u32)>> = const { RefCell::new(None) };
}

impl Machine {
    /// Switches a machine on.
    pub(crate) fn new(seed: u64, order: WriteOrder, clock: Duration) -> Arc<Self> {
        let mut switches = Generator::new(seed, "threads");
        let switch_percent = [0, 10, 30, 60][switches.below(4) as usize];
        Arc::new(Self {
            state: Mutex::new(MachineState {
                disk: Disk::new(order),
                faults: CallFaults::default(),
                clock,
                boot: 1,
                random: Generator::new(seed, "random"),
                story: None,
                process: 1000,
                steps: 0,
                kill_at: None,
                is_dead: false,
                switches,
                switch_percent,
                is_undivided: false,
                neighbour: None,
                mail_program: None,
                threads: Vec::new(),
                turn: 0,
                last_thread: 0,
                idle_turns: 0,
            }),
            turn_changed: Condvar::new(),
        })
    }

    /// Returns the state of the machine.
    pub(crate) fn state(&self) -> MutexGuard<'_, MachineState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the other program that works on the disk.
    pub(crate) fn set_neighbour(&self, neighbour: Option<Neighbour>) {
        self.state().neighbour = neighbour;
    }

    /// Sets the program that gets messages.
    pub(crate) fn set_mail_program(&self, program: MailProgram) {
        self.state().mail_program = Some(program);
    }

    /// Runs a process, which is killed before this step if it comes that far. Returns its result, or
    /// `None` if it was killed, and its number of steps.
    pub(crate) fn run<T>(
        self: &Arc<Self>,
        kill_at: Option<u64>,
        work: impl FnOnce() -> T,
    ) -> (Option<T>, u64) {
        let mut state = self.state();
        state.process += 1;
        (state.steps, state.kill_at, state.is_dead) = (0, kill_at, false);
        drop(state);
        let place = self.enrol();
        let ended = panic::catch_unwind(AssertUnwindSafe(|| {
            let _here = place.enter();
            work()
        }));
        let steps = self.state().steps;
        match ended {
            Ok(result) => (Some(result), steps),
            Err(payload) if payload.is::<Killed>() => (None, steps),
            Err(payload) => panic::resume_unwind(payload),
        }
    }

    /// Gives a new thread its place among the threads of the process.
    fn enrol(self: &Arc<Self>) -> ThreadPlace {
        let mut state = self.state();
        state.last_thread += 1;
        let thread = state.last_thread;
        if state.threads.is_empty() {
            state.turn = thread;
        }
        state.threads.push(thread);
        drop(state);
        ThreadPlace {
            machine: Arc::clone(self),
            thread,
        }
    }

    /// Waits until it is the turn of a thread.
    fn await_turn<'a>(
        &self,
        mut state: MutexGuard<'a, MachineState>,
        thread: u32,
    ) -> MutexGuard<'a, MachineState> {
        while state.turn != thread {
            state = self
                .turn_changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    /// Gives the turn to the next thread, if there is another one, and waits to get it back.
    fn pass_turn<'a>(
        &self,
        mut state: MutexGuard<'a, MachineState>,
        thread: u32,
    ) -> MutexGuard<'a, MachineState> {
        let others = state.threads.iter().copied();
        let behind = others.clone().filter(|other| *other > thread);
        if let Some(next) = behind.chain(others).find(|other| *other != thread) {
            state.turn = next;
            self.turn_changed.notify_all();
        }
        self.await_turn(state, thread)
    }
}

/// The place of a thread that has not started yet.
pub(super) struct ThreadPlace {
    machine: Arc<Machine>,
    thread: u32,
}

impl ThreadPlace {
    /// Makes this thread the one that has the place, until the result is dropped.
    pub(super) fn enter(&self) -> Present {
        HERE.set(Some((Arc::clone(&self.machine), self.thread)));
        drop(self.machine.await_turn(self.machine.state(), self.thread));
        Present
    }

    /// Waits until the thread has ended.
    pub(super) fn await_end(&self) {
        let (_, us) = here();
        let mut state = self.machine.state();
        while state.threads.contains(&self.thread) {
            state = self.machine.pass_turn(state, us);
        }
    }
}

/// A thread that runs on a machine.
pub(super) struct Present;

impl Drop for Present {
    fn drop(&mut self) {
        let Some((machine, thread)) = HERE.take() else {
            return;
        };
        let mut state = machine.state();
        state.threads.retain(|other| *other != thread);
        if let Some(other) = state.threads.first() {
            state.turn = *other;
            machine.turn_changed.notify_all();
        }
    }
}

fn here() -> (Arc<Machine>, u32) {
    HERE.with_borrow(|here| {
        here.clone()
            .expect("the program runs on a simulated machine")
    })
}

/// Gives a new thread its place on this machine.
pub(super) fn enrol() -> ThreadPlace {
    here().0.enrol()
}

/// Lets the other thread go on, because this one can do nothing.
pub(super) fn pause() {
    let (machine, us) = here();
    let mut state = machine.pass_turn(machine.state(), us);
    if state.is_dead {
        return die(state);
    }
    state.idle_turns += 1;
    assert!(
        state.idle_turns < MOST_IDLE_TURNS,
        "all threads wait for each other"
    );
}

/// Does work during which no other thread of the process goes on.
pub(crate) fn undivided<T>(work: impl FnOnce() -> T) -> T {
    /// Ends that also if the process is killed meanwhile.
    struct Undivided(Arc<Machine>);

    impl Drop for Undivided {
        fn drop(&mut self) {
            self.0.state().is_undivided = false;
        }
    }

    let (machine, _) = here();
    machine.state().is_undivided = true;
    let _undivided = Undivided(machine);
    work()
}

/// Adds a line to the story of this machine.
pub(crate) fn tell(what: impl FnOnce() -> String) {
    here().0.state().tell(what);
}

/// Gives a message to the mail program, and waits for its end.
///
/// # Panics
/// The machine has no mail program.
pub(crate) fn run_mail_program(message: &[u8]) -> ProgramEnd {
    let ended = step(
        |_| "give a message to the mail program".into(),
        |state| {
            let program = state.mail_program.as_mut();
            let ended = program.expect("there is a mail program")(message);
            state.tell(|| format!("the mail program: {ended:?}"));
            Ok(ended)
        },
    );
    // If this process is dead, nobody sees the end.
    ended.unwrap_or(ProgramEnd::TimedOut)
}

/// Makes one step. The process may be killed before it.
pub(super) fn step<T>(
    what: impl FnOnce(&Disk) -> String,
    work: impl FnOnce(&mut MachineState) -> Result<T, Errno>,
) -> Result<T, Errno> {
    let (machine, us) = here();
    let mut state = machine.state();
    if state.switch_percent > 0 && !state.is_undivided {
        let percent = state.switch_percent;
        if state.switches.percent(percent) {
            state = machine.pass_turn(state, us);
        }
    }
    state.idle_turns = 0;
    state.steps += 1;
    if state.kill_at == Some(state.steps) {
        state.is_dead = true;
        state.tell_step(|disk, step| {
            format!("the process is killed before step {step}: {}", what(disk))
        });
        die(state);
        return Err(Errno::IO);
    }
    if state.is_dead {
        die(state);
        return Err(Errno::IO);
    }
    state.tell_step(|disk, step| format!("step {step}, thread {us}: {}", what(disk)));
    if let Some(mut neighbour) = state.neighbour.take() {
        if let Some(done) = neighbour(&mut state.disk) {
            state.tell(|| done);
        }
        state.neighbour = Some(neighbour);
    }
    work(&mut state)
}

impl MachineState {
    /// Adds a line to the story, if it is recorded.
    pub(crate) fn tell(&mut self, what: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(what());
        }
    }

    fn tell_step(&mut self, what: impl FnOnce(&Disk, u64) -> String) {
        if let Some(story) = &mut self.story {
            story.push(what(&self.disk, self.steps));
        }
    }
}

/// Ends this thread of a process that is dead. While it ends, its calls fail without any effect.
fn die(state: MutexGuard<'_, MachineState>) {
    drop(state);
    if !thread::panicking() {
        let killed: Box<dyn Any + Send> = Box::new(Killed);
        panic::resume_unwind(killed);
    }
}
