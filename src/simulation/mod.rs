//! Histories of an account on a simulated machine: many runs with kills, power cuts and a mail reader,
//! and what must be true at each moment of them. `tests/simulate` runs it.

use std::time::{Duration, Instant};

mod history;
mod server;

use history::History;

/// Simulates histories: `FIRST_SEED SECONDS`, or `SEED story` to have one told step by step.
///
/// # Errors
/// The arguments are wrong, or a promise is broken: the error is the story of that history.
pub fn run(arguments: &[String]) -> Result<(), String> {
    let usage = || "usage: simulate FIRST_SEED SECONDS | simulate SEED story".to_owned();
    let [seed, rest] = arguments else {
        return Err(usage());
    };
    let first: u64 = seed.parse().map_err(|_| usage())?;
    if rest == "story" {
        let (story, ended) = History::new(first, true)?.live();
        println!("{}", story.join("\n"));
        return ended;
    }
    let seconds = rest.parse().map_err(|_| usage())?;
    for seed in SEEDS_THAT_FAILED {
        simulate(*seed)?;
    }
    let begun = Instant::now();
    let mut seed = first;
    while begun.elapsed() < Duration::from_secs(seconds) {
        simulate(seed)?;
        seed = seed.wrapping_add(1);
    }
    println!(
        "simulated histories: {} in {} s, promises broken: 0",
        seed.wrapping_sub(first),
        begun.elapsed().as_secs()
    );
    Ok(())
}

/// Seeds of histories in which a promise was broken once. Every run begins with them.
const SEEDS_THAT_FAILED: &[u64] = &[];

fn simulate(seed: u64) -> Result<(), String> {
    let (_, ended) = History::new(seed, false)?.live();
    let Err(broken) = ended else {
        return Ok(());
    };
    // The same history again, told.
    let (story, _) = History::new(seed, true)?.live();
    Err(format!("{}\nseed {seed}: {broken}", story.join("\n")))
}
