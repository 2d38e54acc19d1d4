//! `config edit`: an editor whose text replaces the configuration only without mistakes.

use std::fs;
use std::path::Path;

use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;
use crate::support::terminal::Tmux;

/// Runs `config edit` with a shell script as the editor, in which `$1` is the file.
fn edit(sandbox: &Sandbox, script: &str) -> RunOutcome {
    let editor = sandbox.script("editor", script);
    let temporary = sandbox.path("tmp");
    fs::create_dir_all(&temporary).expect("the sandbox can be written");
    sandbox
        .mailpull(["config", "edit"])
        .env("EDITOR", format!("{} --wait", editor.display()))
        .env("TMPDIR", temporary)
        .run()
}

fn text(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).expect("the file is there")
}

#[test]
fn an_edited_configuration_replaces_the_file() {
    let sandbox = Sandbox::with_work("127.0.0.1:1", "");

    let edited = edit(
        &sandbox,
        "[ \"$1\" = --wait ] && echo 'keep = false' >> \"$2\"",
    );

    edited
        .succeeds()
        .stderr_is("")
        .stdout_has("config.toml: changed; accounts: 1");
    assert!(text(sandbox.config_file()).ends_with("keep = false\n"));
    let left = fs::read_dir(sandbox.path("tmp")).expect("the folder is there");
    assert_eq!(left.count(), 0);
}

#[test]
fn a_text_with_mistakes_is_kept_beside_the_old_file() {
    let sandbox = Sandbox::with_work("127.0.0.1:1", "");
    let before = text(sandbox.config_file());

    let edited = edit(&sandbox, "echo 'kep = false' >> \"$2\"");

    edited
        .fails_with(78)
        .stderr_has("config.toml:9: unknown key \"kep\". Did you mean \"keep\"?")
        .stderr_has("was not changed; the edited text is in ");
    assert_eq!(text(sandbox.config_file()), before);
    let said = edited.stderr_text();
    let (_, kept) = said
        .trim_end()
        .rsplit_once(" is in ")
        .expect("it names the copy");
    assert!(text(kept).ends_with("kep = false\n"));
}

#[test]
fn an_unchanged_text_and_a_failed_editor_change_nothing() {
    let sandbox = Sandbox::with_work("127.0.0.1:1", "");
    let before = text(sandbox.config_file());
    edit(&sandbox, "true")
        .succeeds()
        .stdout_has("nothing was changed");
    edit(&sandbox, "exit 3")
        .fails_with(74)
        .stderr_has("--wait ended with status 3. Name");
    assert_eq!(text(sandbox.config_file()), before);
}

#[test]
fn a_new_configuration_begins_with_an_example() {
    let sandbox = Sandbox::new();
    let account = "[accounts.a]\\nserver = 'h'\\nuser = 'me'\\nmaildir = '/m'\\n";

    let edited = edit(&sandbox, &format!("printf \"{account}\" >> \"$2\""));

    edited.succeeds();
    let written = text(sandbox.config_file());
    assert!(
        written.starts_with("# The configuration of mailpull."),
        "{written}"
    );
    assert!(written.ends_with("maildir = '/m'\n"), "{written}");
}

#[test]
fn a_user_may_correct_a_mistake() {
    let sandbox = Sandbox::with_work("127.0.0.1:1", "");
    // The first time it adds a mistake, the second time it removes it.
    let script =
        "grep -q kep \"$1\" && exec sed -i 's/kep/keep/' \"$1\"; echo 'kep = false' >> \"$1\"";
    let editor = sandbox.script("editor", script).display().to_string();
    let Some(terminal) = Tmux::open(&sandbox, &[("VISUAL", &editor)]) else {
        return;
    };

    terminal
        .runs("mailpull config edit")
        .shows("Edit it again? [Y/n]");
    terminal.presses("Enter").ended_with(0);

    assert!(text(sandbox.config_file()).ends_with("keep = false\n"));
}
