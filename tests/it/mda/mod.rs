//! Delivery by programs (MDAs): real ones, and scripts that behave as badly as real ones may.
//! The log of the model server shows what was downloaded.

mod agents;
mod arguments;
mod ending;
mod refusal;
mod start;

use std::fs;
use std::path::PathBuf;

use crate::support::maildir::{MaildirView, mode};
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;

/// A script that delivers to the Maildir [`inbox`] and ends with status 0.
const DELIVER: &str = r#"file=$(mktemp "$HOME/Mail/inbox/new/XXXXXX") && exec cat >"$file""#;

/// Configures the account `work` with an MDA, which root may run, too.
fn configure(sandbox: &Sandbox, server: &ModelServer, mda: &str, extra: &str) {
    let extra = format!("mda = {mda:?}\nmda-allow-root = true\n{extra}");
    sandbox.config("").account("work", server.address(), &extra);
}

/// Configures a script as the MDA, and makes the Maildir [`inbox`].
fn configure_script(sandbox: &Sandbox, server: &ModelServer, body: &str, extra: &str) {
    inbox(sandbox).make();
    let script = sandbox.script("mda", body);
    configure(sandbox, server, &script.display().to_string(), extra);
}

/// Names the Maildir that [`DELIVER`] fills.
fn inbox(sandbox: &Sandbox) -> MaildirView {
    sandbox.maildir("inbox")
}

/// Lists the files in the spool, and claims that only the user can read them.
#[track_caller]
fn spool(sandbox: &Sandbox) -> Vec<PathBuf> {
    let folder = sandbox.state().join("spool");
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = fs::read_dir(&folder)
        .expect("the spool can be read")
        .map(|entry| entry.expect("the spool can be read").path())
        .collect();
    for file in &files {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    files
}
