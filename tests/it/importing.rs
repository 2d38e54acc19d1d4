//! `mailpull import`: the real old program fetches, `import` takes over, and mailpull fetches exactly the rest.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::dovecot::Dovecot;
use crate::support::mail::{note, notes, ordinary};
use crate::support::maildir::MaildirView;
use crate::support::model_server::{PASSWORD, USER};
use crate::support::outcome::RunOutcome;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::script::Script;
use crate::support::tools;

/// The user id of `mail`. fetchmail and getmail run only for a user whom the system knows.
const MAIL: u32 = 8;

/// A private configuration of another program.
fn old_config(sandbox: &Sandbox, name: &str, text: &str) -> PathBuf {
    let path = sandbox.write(format!("home/{name}"), text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("the file is ours");
    sandbox.give(&path);
    path
}

/// Makes an empty Maildir of the user.
fn old_maildir(sandbox: &Sandbox) -> PathBuf {
    let maildir = sandbox.path("home/Old");
    for folder in ["", "tmp", "new", "cur"] {
        own_folder(sandbox, &maildir.join(folder));
    }
    maildir
}

fn own_folder(sandbox: &Sandbox, path: &Path) {
    fs::create_dir_all(path).expect("the sandbox can be written");
    sandbox.give(path);
}

fn words(paths: &[&Path]) -> Vec<String> {
    let words = paths.iter().map(|path| path.display().to_string());
    words.collect()
}

fn import(sandbox: &Sandbox, words: &[&str]) -> RunOutcome {
    sandbox.mailpull([&["import"], words].concat()).run()
}

/// An old program with its configuration, in a sandbox.
struct OldProgram<'a> {
    sandbox: &'a Sandbox,
    dovecot: &'a Dovecot,
    name: &'a str,
    /// The program and its arguments.
    command: Vec<String>,
    /// The file of its state.
    state: PathBuf,
}

impl OldProgram<'_> {
    /// Runs it.
    fn fetch(&self) {
        let mut command = self.sandbox.command(&self.command[0]);
        command.args(&self.command[1..]);
        Program::new(command).run().succeeds();
    }

    /// Requires that this number of messages was delivered, by both programs together.
    #[track_caller]
    fn has_delivered(&self, count: usize) {
        let delivered = MaildirView::at(self.sandbox.path("home/Old")).messages();
        assert_eq!(delivered.len(), count);
    }

    /// Imports its accounts and its state.
    fn import(&self, known: &str) {
        import(self.sandbox, &[self.name])
            .succeeds()
            .stdout_has(&format!(
                "{known} messages on the server were known to {}",
                self.name
            ))
            .stdout_has("Now stop ")
            .never_says(PASSWORD);
        let config = fs::read_to_string(self.sandbox.config_file()).expect("the file is there");
        assert!(!config.contains(PASSWORD), "{config}");
    }

    /// Writes the state of mailpull in its format.
    fn export(&self) {
        let words = ["seen", "export", "--format", self.name];
        let state = self.sandbox.mailpull(words).run().succeeds().stdout_text();
        fs::write(&self.state, state).expect("the sandbox can be written");
        self.sandbox.give(&self.state);
    }

    fn arrives(&self, unique_id: &str) {
        self.dovecot.deliver(&[note(unique_id)]);
    }

    /// Switches to mailpull with new mail before each step. Each message is fetched exactly once.
    fn switches_over(&self) {
        self.dovecot.deliver(&ordinary(1, 3));
        self.fetch();
        self.has_delivered(3);
        self.arrives("d");
        self.import("3 of 4");
        self.arrives("e");
        self.sandbox.fetch().succeeds();
        self.has_delivered(5);
    }

    /// Switches to mailpull, back to the old program and to mailpull again, with new mail before each step. Each
    /// message is fetched exactly once.
    fn switches(&self) {
        self.switches_over();
        self.arrives("f");
        self.export();
        self.arrives("g");
        self.fetch();
        self.has_delivered(7);
        self.arrives("h");
        self.import("7 of 8");
        self.arrives("i");
        self.sandbox.fetch().succeeds();
        self.has_delivered(9);
        let mut delivered = MaildirView::at(self.sandbox.path("home/Old")).messages();
        delivered
            .iter_mut()
            .for_each(|message| *message = body(message));
        delivered.sort_unstable();
        delivered.dedup();
        assert_eq!(delivered.len(), 9);
    }
}

/// Returns a message without its header, to which some programs add lines.
fn body(message: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(message);
    let (_, body) = text.split_once("\n\n").expect("it has a header");
    body.into()
}

#[test]
fn mpop_hands_over_its_accounts_and_its_state() {
    let Some(mpop) = tools::find("mpop") else {
        return;
    };
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let sandbox = Sandbox::unprivileged_as(MAIL);
    let maildir = old_maildir(&sandbox);
    let config = old_config(
        &sandbox,
        ".mpoprc",
        &format!(
            "defaults\nkeep on\naccount work\nhost 127.0.0.1\nport {}\nuser {USER}\nauth user\n\
             password \"{PASSWORD}\"\ndelivery maildir {}\naccount default : work\n",
            dovecot.address().port(),
            maildir.display()
        ),
    );
    own_folder(&sandbox, &sandbox.path("home/.mpop_uidls"));
    OldProgram {
        sandbox: &sandbox,
        dovecot: &dovecot,
        name: "mpop",
        command: words(&[&mpop, Path::new("-C"), &config]),
        state: sandbox.path(format!("home/.mpop_uidls/{USER}_at_127.0.0.1")),
    }
    .switches();
}

#[test]
fn fetchmail_hands_over_its_accounts_and_its_state() {
    let Some(fetchmail) = tools::find("fetchmail") else {
        return;
    };
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let sandbox = Sandbox::unprivileged_as(MAIL);
    old_maildir(&sandbox);
    let mda = sandbox.script("mda", "cat > \"$HOME/Old/new/$$\"");
    let config = old_config(
        &sandbox,
        ".fetchmailrc",
        &format!(
            "poll work via 127.0.0.1 with proto POP3 and port {} uidl\n    user '{USER}' there with password \
             \"{PASSWORD}\" is joe here\n    options keep sslproto '' mda \"{}\"\n",
            dovecot.address().port(),
            mda.display()
        ),
    );
    OldProgram {
        sandbox: &sandbox,
        dovecot: &dovecot,
        name: "fetchmail",
        command: words(&[
            &fetchmail,
            Path::new("--nosyslog"),
            Path::new("-f"),
            &config,
        ]),
        state: sandbox.path("home/.fetchids"),
    }
    .switches();
}

#[test]
fn getmail_hands_over_its_account_and_its_state() {
    let Some(getmail) = tools::find("getmail") else {
        return;
    };
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let sandbox = Sandbox::unprivileged_as(MAIL);
    let maildir = old_maildir(&sandbox);
    let folder = sandbox.path("home/.getmail");
    own_folder(&sandbox, &folder);
    old_config(
        &sandbox,
        ".getmail/getmailrc",
        &format!(
            "[retriever]\ntype = SimplePOP3Retriever\nserver = 127.0.0.1\nport = {}\nusername = {USER}\n\
             password = {PASSWORD}\n[destination]\ntype = Maildir\npath = {}/\n[options]\nread_all = false\n",
            dovecot.address().port(),
            maildir.display()
        ),
    );
    let port = dovecot.address().port();
    OldProgram {
        sandbox: &sandbox,
        dovecot: &dovecot,
        name: "getmail",
        command: words(&[&getmail, Path::new("--getmaildir"), &folder]),
        state: folder.join(format!("oldmail-127.0.0.1-{port}-{USER}")),
    }
    .switches();
}

#[test]
fn fdm_hands_over_its_account_and_its_state() {
    let Some(fdm) = tools::find("fdm") else {
        return;
    };
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let sandbox = Sandbox::unprivileged_as(MAIL);
    old_maildir(&sandbox);
    old_config(&sandbox, "secret", PASSWORD);
    // fdm takes its home folder from the list of users.
    let config = old_config(
        &sandbox,
        ".fdm.conf",
        &format!(
            "$base = \"{}\"\naction \"in\" maildir \"${{base}}/Old\"\n\
             account \"work\" pop3 server \"127.0.0.1\" port {} user \"{USER}\" pass $(cat \"${{base}}/secret\")\n    \
             new-only cache \"${{base}}/work.cache\" keep\nmatch all action \"in\"\n",
            sandbox.home().display(),
            dovecot.address().port()
        ),
    );
    OldProgram {
        sandbox: &sandbox,
        dovecot: &dovecot,
        name: "fdm",
        command: words(&[&fdm, Path::new("-f"), &config, Path::new("fetch")]),
        state: sandbox.path("home/work.cache"),
    }
    .switches_over();
}

#[test]
fn a_dry_run_writes_nothing_and_connects_to_nothing() {
    let sandbox = Sandbox::new();
    let text = "account work\nhost pop.invalid\nuser joe\ntls on\ndelivery maildir ~/Mail/work\nkillsize 100\n";
    old_config(&sandbox, ".mpoprc", text);

    let shown = import(&sandbox, &["mpop", "--dry-run"]);

    shown
        .succeeds()
        .stdout_has("mpop                          mailpull\n")
        .stdout_has("host pop.invalid              server = \"pop.invalid\"\n")
        .stdout_has("killsize 100                  # killsize deletes large messages unread")
        .stdout_has("mpop remembers nothing of this account");
    assert!(!sandbox.config_file().exists());
}

#[test]
fn an_unknown_mailbox_is_left_to_the_user() {
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    dovecot.deliver(&notes(["a", "b"]));
    let sandbox = Sandbox::new();
    let text = format!(
        "account work\nhost 127.0.0.1\nport {}\nuser {USER}\npassword \"{PASSWORD}\"\nuidls_file ~/uidls\n\
         delivery maildir ~/Mail/work\n",
        dovecot.address().port()
    );
    old_config(&sandbox, ".mpoprc", &text);
    sandbox.write("home/uidls", format!(" 1 127.0.0.1 {USER}\nother\n"));

    let first = import(&sandbox, &["mpop"]);

    first
        .fails_with(78)
        .stderr_has("mpop knows none of the 2 messages on the server")
        .stderr_has("--without-state");
    assert!(!sandbox.config_file().exists());
    import(&sandbox, &["mpop", "--without-state"])
        .succeeds()
        .stdout_has("work: added to ");
    sandbox.write(
        "home/uidls",
        format!(" 1 127.0.0.1 {USER}\n{}\n", first_id(&sandbox)),
    );
    let again = import(&sandbox, &["mpop"]);
    again
        .succeeds()
        .stdout_has("the account is in ")
        .stdout_has("1 of 2 messages on the server were known to mpop");
}

/// Returns the unique-id of the first message on the server.
fn first_id(sandbox: &Sandbox) -> String {
    let lines = sandbox.mailpull(["list", "--json"]).run().json_lines();
    lines[0]["unique_id"]
        .as_str()
        .expect("it has one")
        .to_owned()
}

#[test]
fn an_account_is_added_only_with_its_state() {
    let server = Script::new("S: +OK\nC: CAPA\nreached CAPA\nstall").serve();
    let sandbox = Sandbox::new();
    let text = format!(
        "account work\nhost 127.0.0.1\nport {}\nuser {USER}\npassword x\nuidls_file ~/uidls\n\
         delivery maildir ~/Mail/work\n",
        server.address().port()
    );
    old_config(&sandbox, ".mpoprc", &text);
    sandbox.write("home/uidls", format!(" 1 127.0.0.1 {USER}\na\n"));

    let running = sandbox.mailpull(["import", "mpop"]).start();
    server.reached("CAPA");
    running.kill();

    assert!(!sandbox.config_file().exists());
}

#[test]
fn a_password_is_printed_to_a_program_only() {
    let sandbox = Sandbox::new();
    let text = format!("poll h proto pop3 user joe password '{PASSWORD}'\n");
    old_config(&sandbox, ".fetchmailrc", &text);
    let file = sandbox.path("home/.fetchmailrc").display().to_string();

    import(&sandbox, &["fetchmail", &file, "--password-of", "h"])
        .succeeds()
        .stdout_is(PASSWORD);
    import(&sandbox, &["fetchmail", &file, "--password-of", "other"])
        .fails_with(78)
        .never_says(PASSWORD);
}

#[test]
fn a_mistake_in_the_old_configuration_names_its_line() {
    let sandbox = Sandbox::new();
    for (program, name, text, error) in [
        ("fdm", ".fdm.conf", "\nacount 'a'\n", ".fdm.conf: line 2: "),
        (
            "mpop",
            ".mpoprc",
            "account a\nhots x\n",
            ".mpoprc: line 2: ",
        ),
        (
            "fetchmail",
            ".fetchmailrc",
            "poll h\nusr x\n",
            ".fetchmailrc: line 2: ",
        ),
        (
            "getmail",
            ".getmail/getmailrc",
            "a = b\n",
            "getmailrc: line 1: ",
        ),
    ] {
        import(&sandbox, &[program])
            .fails_with(64)
            .stderr_has("has no configuration at");
        old_config(&sandbox, name, text);
        import(&sandbox, &[program])
            .fails_with(78)
            .stderr_has(error);
    }
}

/// Writes a state of Thunderbird that has the first messages on the server.
fn thunderbird_state(sandbox: &Sandbox, count: usize) {
    let listed = sandbox.mailpull(["list", "--json"]).run().json_lines();
    let ids = listed.iter().take(count).map(|line| &line["unique_id"]);
    let lines: String = ids
        .map(|id| format!("k {} 1795288683\n", id.as_str().expect("it has one")))
        .collect();
    let folder = "home/.thunderbird/x.default/Mail/127.0.0.1";
    fs::create_dir_all(sandbox.path(folder)).expect("the sandbox can be written");
    sandbox.write(
        format!("{folder}/popstate.dat"),
        format!("# POP3 State File\n\n*127.0.0.1 {USER}\n{lines}"),
    );
}

#[test]
fn the_state_of_thunderbird_is_for_a_configured_account() {
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    dovecot.deliver(&notes(["a", "b", "c"]));
    let sandbox = Sandbox::with_work(dovecot.address(), "");
    thunderbird_state(&sandbox, 2);
    dovecot.deliver(&[note("d")]);

    let imported = import(&sandbox, &["thunderbird"]);

    imported
        .succeeds()
        .stdout_has("work: 2 of 4 messages on the server were known to thunderbird")
        .stdout_has("Now remove the account from Thunderbird");
    dovecot.deliver(&[note("e")]);
    sandbox.fetch().succeeds();
    assert_eq!(sandbox.work().messages().len(), 3);
}

#[test]
fn a_state_of_thunderbird_needs_an_account() {
    let sandbox = Sandbox::new();
    import(&sandbox, &["thunderbird"])
        .fails_with(64)
        .stderr_has("thunderbird has no state in ");
    let state = sandbox.write("home/popstate.dat", "*pop.example.org joe\nk a 1\n");
    sandbox.config("[accounts.other]\nserver = \"h\"\nuser = \"joe\"\nmaildir = \"/m\"\n");
    let state = state.display().to_string();
    import(&sandbox, &["thunderbird", &state])
        .fails_with(78)
        .stderr_has("joe at pop.example.org: the configuration has no such account");
}

#[test]
fn an_import_names_what_starts_the_old_program() {
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let sandbox = Sandbox::new();
    let text = format!(
        "poll 127.0.0.1 proto pop3 port {} user '{USER}' password '{PASSWORD}' sslproto '' keep mda 'true'\n",
        dovecot.address().port()
    );
    old_config(&sandbox, ".fetchmailrc", &text);
    sandbox.write(
        "home/.fetchmail.pid",
        format!("{} 300\n", std::process::id()),
    );
    sandbox.script(
        "path/crontab",
        "echo '# fetchmail'; echo '*/5 * * * * fetchmail -s'",
    );
    let units = sandbox.path("config/systemd/user");
    fs::create_dir_all(&units).expect("the sandbox can be written");
    for name in ["mail.service", "mail.timer"] {
        sandbox.write(
            format!("config/systemd/user/{name}"),
            "[Service]\nExecStart=/usr/bin/fetchmail\n",
        );
    }
    let path = format!("{}:/usr/bin:/bin", sandbox.path("path").display());

    let imported = sandbox
        .mailpull(["import", "fetchmail"])
        .env("PATH", path)
        .run();

    imported
        .succeeds()
        .stdout_has("fetchmail --quit")
        .stdout_has("crontab -e: */5 * * * * fetchmail -s\n")
        .stdout_has("systemctl --user disable --now mail.timer\n");
}
