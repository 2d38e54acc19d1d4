//! Measures mailpull, other mail clients and the limits of the machine; see `benches/compare`.
//! The table says which goals are reached. They do not change the exit status.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

mod bench;
mod case;
mod chart;
mod delayed_line;
mod limit;
mod mailbox;
mod measured;
mod metric;
mod table;

#[path = "../../tests/it/support/mod.rs"]
#[allow(
    unused_imports,
    reason = "the support code of the tests, of which the benchmark needs a part"
)]
mod support;

use bench::Bench;
use case::Case;

/// The arguments of the command line.
struct BenchOptions {
    only: Vec<String>,
    runs: usize,
    scale: usize,
    /// The file for the chart.
    svg: Option<PathBuf>,
}

fn main() -> ExitCode {
    match parse(std::env::args().skip(1)) {
        Ok(Some(options)) => {
            measure(&options);
            ExitCode::SUCCESS
        }
        // `cargo test --benches` also runs this program, and needs no figures.
        Ok(None) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("compare: {why}");
            ExitCode::from(64)
        }
    }
}

/// Reads the arguments. Returns `None` if they do not come from `cargo bench`.
fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<BenchOptions>, String> {
    let mut options = BenchOptions {
        only: Vec::new(),
        runs: 3,
        scale: 1,
        svg: None,
    };
    let mut is_bench = false;
    while let Some(flag) = args.next() {
        match flag.as_str() {
            "--bench" => is_bench = true,
            "--quick" => options.scale = 10,
            "--only" => options.only.extend(args.next()),
            "--runs" => {
                let runs = args.next().and_then(|runs| runs.parse().ok());
                options.runs = runs
                    .filter(|&runs| runs > 0)
                    .ok_or("--runs needs a number")?;
            }
            "--svg" => options.svg = Some(args.next().ok_or("--svg needs a file")?.into()),
            _ => {
                return Err(format!(
                    "unknown flag {flag}: see the head of benches/compare"
                ));
            }
        }
    }
    let names: Vec<_> = case::all(1).iter().map(|case| case.name).collect();
    match options
        .only
        .iter()
        .find(|name| !names.contains(&name.as_str()))
    {
        Some(name) => Err(format!(
            "no case is called {name}; there are {}",
            names.join(", ")
        )),
        None => Ok(is_bench.then_some(options)),
    }
}

fn measure(options: &BenchOptions) {
    let is_wanted =
        |case: &Case| options.only.is_empty() || options.only.iter().any(|name| name == case.name);
    let mut bench = Bench::new(options.runs);
    let mut rows = Vec::new();
    for case in case::all(options.scale).into_iter().filter(is_wanted) {
        let figures = bench.run(&case);
        rows.push(table::row(&case, &figures));
        eprintln!("{}", rows.last().expect("a row was pushed above"));
    }
    let table = table::render(&rows);
    println!("{table}");
    if let Some(path) = &options.svg {
        fs::write(path, chart::draw(&table)).expect("the chart can be written");
    }
}
