//! Histories of an account on a simulated machine: many runs with faults, and what must be true at
//! each moment of them. `tests/simulate` runs it.

use std::time::Duration;

mod databases;
mod exceptions;
mod faults;
mod history;
mod locks;
mod mail_program;
mod maildir;
mod message;
mod program;
mod promises;
mod search;
mod server;
mod state;
mod user;

use faults::{Counts, Fault, Faults};
use history::{History, Lived};
use search::SeedSearch;
use state::NewDatabase;

/// Seeds of histories in which a promise was broken once, with what it was. A search begins with
/// them, unless it has a number of histories. A seed gives another history once the code makes
/// other steps, so each bug has a test of its own as well.
const SEEDS_THAT_FAILED: &[(u64, &str)] = &[
    (
        4609,
        "under a new unique-id, the reply for another message counted as a known one",
    ),
    (
        10457,
        "without sizes, no message was recognised under its new unique-id",
    ),
    (
        1_796_044_296_000_369,
        "a message without an age: a mail reader had removed it in the run in which it came",
    ),
    (
        1_796_044_296_000_879,
        "a copied database counted the age of a message from its download",
    ),
    (
        1_796_044_296_000_585,
        "the removal of a part of a message counted as that of the message",
    ),
    (
        1_796_044_296_000_349,
        "under a used unique-id, a message with less than half its listed size was never deleted",
    ),
    (
        1_796_044_296_000_756,
        "under a new unique-id, no second download ended the doubt about a doubled reply",
    ),
    (
        1_796_044_296_001_064,
        "a power cut had made the proof of a delivery invalid, and a mail reader removed the file",
    ),
    (
        1_796_044_296_002_878,
        "after a cut copy, a message in the Maildir that a lost database had known was repeated",
    ),
    (
        1_796_044_296_003_081,
        "an empty answer counted as a second download",
    ),
    (
        1_796_044_296_005_231,
        "what was recognised under a wrong new unique-id was not looked for by its content",
    ),
    (
        1_796_044_296_006_739,
        "after a lost reply and a kill, messages with new unique-ids stayed in doubt",
    ),
    (
        1_796_056_000_002_361,
        "the checks of the end were those of a `keep` that the user had changed",
    ),
    (
        1_796_057_000_001_239,
        "a doubled reply, and a cut in the comparison, kept a message on the server",
    ),
    (
        1_796_058_000_001_752,
        "a cut copy counted as the proof that a message was deleted",
    ),
    (
        1_796_065_000_000_847,
        "QUIT was sent while messages waited in tmp/, from where another program had removed them",
    ),
    (
        1_796_055_852_000_097,
        "with keep = true a message was deleted that another thread delivered in the same session",
    ),
];

/// One of this many histories is lived twice: the same seed must give the same history.
const LIVED_TWICE: u64 = 100;

/// Simulates histories: `FIRST_SEED SECONDS`, or `SEED story` to have one told step by step. With
/// `--without=KIND` a kind of fault is left out, and with `--all` a search goes on after a broken
/// promise. With `--histories=N` there are N of them at most, all from the first seed on.
///
/// # Errors
/// The arguments are wrong, or a promise is broken: the error is the story of that history.
pub fn run(arguments: &[String]) -> Result<(), String> {
    let (flags, words): (Vec<_>, Vec<_>) = arguments
        .iter()
        .map(String::as_str)
        .partition(|argument| argument.starts_with("--"));
    let (all, flags): (Vec<_>, Vec<_>) = flags.into_iter().partition(|flag| *flag == "--all");
    let mut simulation = Simulation {
        database: NewDatabase::create()?,
        left_out: Vec::new(),
    };
    let mut most = u64::MAX;
    for flag in flags {
        match flag.strip_prefix("--histories=").map(str::parse) {
            Some(Ok(number)) => most = number,
            _ => simulation.left_out.push(left_out(flag)?),
        }
    }
    let usage = || "usage: simulate FIRST_SEED SECONDS | simulate SEED story".to_owned();
    let [seed, rest] = words[..] else {
        return Err(usage());
    };
    let seed = seed.parse().map_err(|_| usage())?;
    if rest == "story" {
        let lived = simulation.live(seed, &simulation.left_out, true);
        println!("{}", lived.story.join("\n"));
        return lived.ended;
    }
    let seconds = rest.parse().map_err(|_| usage())?;
    if most == u64::MAX {
        for (seed, _) in SEEDS_THAT_FAILED {
            simulation.check(*seed)?;
        }
    }
    let search = SeedSearch {
        first: seed,
        time: Duration::from_secs(seconds),
        most,
        goes_on: !all.is_empty(),
    };
    let searched = search.run(|seed| simulation.check(seed));
    if search.goes_on || searched.is_clean() {
        let exceptions = exceptions::lines().map(|line| format!("  not promised: {line}"));
        let lines = searched.summary().into_iter().chain(exceptions);
        lines.for_each(|line| println!("{line}"));
    }
    searched.verdict()
}

/// Simulates two fetches without faults, each of one message that is delivered to a Maildir and
/// deleted from the server. Returns the steps of each.
///
/// # Errors
/// A promise is broken.
pub fn plain_fetches() -> Result<Vec<Vec<String>>, String> {
    const SEED: u64 = 0;
    let all: Vec<_> = Fault::ALL.iter().map(|(fault, ..)| *fault).collect();
    let database = NewDatabase::create()?;
    History::new(SEED, Faults::new(SEED, &all), &database).live_plainly()
}

fn left_out(flag: &str) -> Result<Fault, String> {
    let name = flag.strip_prefix("--without=");
    name.and_then(Fault::find).ok_or_else(|| {
        let names = Fault::ALL.iter().map(|(_, name, _)| *name);
        let names = names.collect::<Vec<_>>().join(", ");
        format!(
            "unknown flag {flag}: there are --all, --histories=NUMBER, and --without=KIND with one of {names}"
        )
    })
}

struct Simulation {
    database: NewDatabase,
    left_out: Vec<Fault>,
}

impl Simulation {
    /// Lives one history. If a promise is broken, the error is its story, with as few kinds of
    /// faults as break it.
    fn check(&self, seed: u64) -> Result<Counts, String> {
        let is_told = seed.is_multiple_of(LIVED_TWICE);
        let lived = self.live(seed, &self.left_out, is_told);
        if is_told && lived.story != self.live(seed, &self.left_out, true).story {
            return Err(format!("seed {seed} gives another history each time"));
        }
        if lived.ended.is_ok() {
            return Ok(lived.counts);
        }
        let mut left_out = self.left_out.clone();
        for fault in Faults::new(seed, &left_out).kinds() {
            left_out.push(fault);
            if self.live(seed, &left_out, false).ended.is_ok() {
                left_out.pop();
            }
        }
        let lived = self.live(seed, &left_out, true);
        let kinds = Faults::new(seed, &left_out).kinds();
        let kinds: Vec<_> = kinds.into_iter().map(Fault::name).collect();
        Err(format!(
            "{}\nseed {seed} (with {}): {}",
            lived.story.join("\n"),
            kinds.join(", "),
            lived.ended.err().unwrap_or_default()
        ))
    }

    fn live(&self, seed: u64, left_out: &[Fault], is_told: bool) -> Lived {
        History::new(seed, Faults::new(seed, left_out), &self.database).live(is_told)
    }
}
