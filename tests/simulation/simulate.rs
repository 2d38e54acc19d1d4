//! Simulates histories of an account: `simulate FIRST_SEED SECONDS`, or `simulate SEED story`.

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let Err(what) = mailpull::simulation::run(&arguments) {
        eprintln!("simulate: {what}");
        std::process::exit(1);
    }
}
