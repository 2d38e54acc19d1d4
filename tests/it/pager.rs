//! Long output on a terminal goes to the user's pager, as git does it.

use crate::support::sandbox::Sandbox;
use crate::support::terminal::Tmux;

/// A pager that is easily recognised.
const PAGER: (&str, &str) = ("PAGER", "sed -n 's/^/paged: /;1,2p'");

#[test]
fn long_output_on_a_terminal_goes_to_the_pager() {
    let sandbox = Sandbox::new();
    let Some(terminal) = Tmux::open(&sandbox, &[PAGER]) else {
        return;
    };
    let shown = terminal.runs("mailpull config schema").ended_with(0);
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert!(
        shown.iter().all(|line| line.starts_with("paged: ")),
        "{shown:?}"
    );
}

#[test]
fn output_that_fits_is_shown_without_a_pager() {
    let sandbox = Sandbox::with_work("127.0.0.1:1", "");
    let Some(terminal) = Tmux::open(&sandbox, &[PAGER]) else {
        return;
    };
    let shown = terminal.runs("mailpull config show").ended_with(0);
    assert_eq!(shown[0], "[accounts.work]");
}

#[test]
fn without_a_usable_pager_all_is_shown_at_once() {
    for pager in ["cat", "", "/nowhere/pager"] {
        let sandbox = Sandbox::new();
        let Some(terminal) = Tmux::open(&sandbox, &[("PAGER", pager)]) else {
            return;
        };
        let shown = terminal.runs("mailpull config schema | tail -n 1; mailpull config schema");
        shown.ended_with(0);
        assert!(terminal.screen().contains("\n}\n"), "{}", terminal.screen());
    }
}

#[test]
fn a_pipe_gets_no_pager() {
    let sandbox = Sandbox::new();
    let schema = sandbox.mailpull(["config", "schema"]).env("PAGER", "false");
    schema.run().succeeds().stdout_has("\n}\n");
}

#[test]
fn an_interrupt_in_the_pager_does_not_end_mailpull() {
    let sandbox = Sandbox::new();
    let pager = sandbox.script(
        "pager",
        "trap 'echo interrupted' INT; cat > /dev/null; echo ready\n\
         while ! read line < /dev/tty; do :; done; echo closed",
    );
    let pager = pager.display().to_string();
    let Some(terminal) = Tmux::open(&sandbox, &[("PAGER", &pager)]) else {
        return;
    };
    terminal.runs("mailpull config schema").shows("\nready");
    terminal.presses("C-c").shows("interrupted\n");
    let shown = terminal.presses("Enter").ended_with(0);
    assert_eq!(
        shown.last().map(String::as_str),
        Some("closed"),
        "{shown:?}"
    );
}
