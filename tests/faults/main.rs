//! Measures the cost of faults for mailpull and other fetchers, and prints a table in Markdown.
//! `tests/faults/compare` runs it. It is not part of `cargo test`.

mod fetcher;
mod matrix;
mod server_fault;
#[path = "../it/support/mod.rs"]
#[allow(
    unused_imports,
    reason = "the support code of the integration tests, which run its own tests"
)]
mod support;
mod table;
mod trial;

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::Mutex;
use std::{env, thread};

use fetcher::Fetcher;
use matrix::Matrix;
use table::Table;
use trial::Trial;

/// The argument that leaves out all faults but those of servers.
const ONLY_SERVERS: &str = "--servers";

type TrialJob = (Fetcher, Matrix, Trial);

fn main() -> ExitCode {
    let mut names: Vec<String> = env::args().skip(1).collect();
    let all = names.len();
    names.retain(|name| name != ONLY_SERVERS);
    let matrices = if names.len() < all {
        Matrix::SERVERS
    } else {
        &Matrix::ALL
    };
    let is_unknown = |name: &&String| Fetcher::ALL.iter().all(|fetcher| fetcher.name() != *name);
    if let Some(name) = names.iter().find(is_unknown) {
        eprintln!("compare: unknown program {name}");
        return ExitCode::FAILURE;
    }
    let is_asked =
        |fetcher: &Fetcher| names.is_empty() || names.iter().any(|n| n == fetcher.name());
    let mut fetchers: Vec<_> = Fetcher::ALL.into_iter().filter(is_asked).collect();
    fetchers.retain(|&fetcher| can_be_measured(fetcher));
    let jobs = list(&fetchers, matrices);
    eprintln!("{} points", jobs.len());
    let table = measure(jobs);
    print!("{table}");
    let version = |fetcher: &Fetcher| format!("{} {}", fetcher.name(), fetcher.version());
    let versions: Vec<_> = fetchers.iter().map(version).collect();
    println!("\n{}", versions.join(", "));
    if !table.is_clean(Fetcher::Mailpull) {
        eprintln!("compare: a fault cost mailpull something, see above");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn can_be_measured(fetcher: Fetcher) -> bool {
    let why_not = match fetcher.is_installed() {
        true => trial::check(fetcher).err(),
        false => Some("it is not installed".to_owned()),
    };
    if let Some(why) = &why_not {
        eprintln!("{} is left out: {why}", fetcher.name());
    }
    why_not.is_none()
}

fn list(fetchers: &[Fetcher], matrices: &[Matrix]) -> VecDeque<TrialJob> {
    let mut jobs = VecDeque::new();
    for &fetcher in fetchers {
        for &matrix in matrices {
            let trials = matrix.trials(fetcher);
            jobs.extend(trials.into_iter().map(|trial| (fetcher, matrix, trial)));
        }
    }
    jobs
}

/// Runs all trials, as many at the same time as there are processors.
fn measure(jobs: VecDeque<TrialJob>) -> Table {
    let jobs = Mutex::new(jobs);
    let table = Mutex::new(Table::default());
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((fetcher, matrix, trial)) = next(&jobs) {
                    let Some(verdict) = trial.run(fetcher) else {
                        continue;
                    };
                    if verdict.is_bad() {
                        eprintln!("{}: {trial}: {verdict}", fetcher.name());
                    }
                    let mut table = table
                        .lock()
                        .expect("no thread panics while it holds the lock");
                    table.add(fetcher, matrix, verdict);
                }
            });
        }
    });
    table
        .into_inner()
        .expect("no thread panics while it holds the lock")
}

fn next(jobs: &Mutex<VecDeque<TrialJob>>) -> Option<TrialJob> {
    jobs.lock()
        .expect("no thread panics while it holds the lock")
        .pop_front()
}
