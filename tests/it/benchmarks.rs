//! The chart in `docs/benchmarks.svg` is drawn from the table in `docs/benchmarks.md`.

use std::path::Path;
use std::{env, fs};

#[path = "../../benches/driver/chart.rs"]
mod chart;

#[test]
fn the_chart_shows_the_table() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let table = fs::read_to_string(docs.join("benchmarks.md")).expect("the table is there");
    let drawn = chart::draw(&table);
    let committed = docs.join("benchmarks.svg");
    if env::var_os("MAILPULL_BLESS").is_some() {
        fs::write(&committed, &drawn).expect("the chart can be written");
    }
    let shown = fs::read_to_string(&committed).unwrap_or_default();
    assert!(
        shown == drawn,
        "renew docs/benchmarks.svg: MAILPULL_BLESS=1 cargo test --test it benchmarks"
    );
}
