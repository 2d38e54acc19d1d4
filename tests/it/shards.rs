//! Several machines that share the accounts by `--shard`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::support::mail::notes;
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;

const ACCOUNTS: usize = 20;

/// Makes a sandbox with accounts that each have a server and a file of their own.
fn with_many_accounts() -> (Sandbox, Vec<ModelServer>) {
    let sandbox = Sandbox::new();
    sandbox.config("accounts-dir = 'accounts.d'\n");
    let servers: Vec<_> = (0..ACCOUNTS)
        .map(|_| ModelServer::start(notes(["a", "b"])))
        .collect();
    for (name, server) in names().zip(&servers) {
        sandbox.account_file(&name, server.address(), "");
    }
    (sandbox, servers)
}

fn names() -> impl Iterator<Item = String> {
    (0..ACCOUNTS).map(|number| format!("user{number}@example.com"))
}

/// Fetches as one of several machines, each of which has a state folder of its own.
fn fetch(sandbox: &Sandbox, shard: usize, count: usize) {
    let args = ["fetch", "--shard"].map(str::to_owned).into_iter();
    let args = args.chain([format!("{shard}/{count}"), "--state-dir".to_owned()]);
    let run = sandbox.mailpull(args).arg(state(sandbox, shard)).run();
    run.succeeds().is_silent();
}

/// Names the state folder of a shard.
fn state(sandbox: &Sandbox, shard: usize) -> PathBuf {
    sandbox.path(format!("state-{shard}"))
}

#[test]
fn all_shards_together_fetch_every_account_once() {
    let (sandbox, servers) = with_many_accounts();

    for shard in 0..3 {
        fetch(&sandbox, shard, 3);
    }

    for (name, server) in names().zip(&servers) {
        sandbox.maildir(&name).holds(&notes(["a", "b"]));
        assert_eq!(server.log().sessions, 1, "{name}");
    }
}

#[test]
fn check_reports_only_the_accounts_of_its_shard() {
    let (sandbox, servers) = with_many_accounts();
    let mut seen = BTreeSet::new();
    for shard in ["0/3", "1/3", "2/3"] {
        let run = sandbox
            .mailpull(["check", "--json", "--shard", shard])
            .run();
        for line in run.succeeds().json_lines() {
            let name = line["account"].as_str().expect("a name is text").to_owned();
            assert!(seen.insert(name), "{line}");
        }
    }
    assert_eq!(seen, names().collect());
    assert!(servers.iter().all(|server| server.log().sessions == 1));
}

#[test]
fn a_broken_account_is_reported_by_one_shard_only() {
    let (sandbox, _servers) = with_many_accounts();
    sandbox.write(sandbox.accounts_dir().join("broken.toml"), "prot = 1");
    let complains = |shard: &&str| {
        let run = sandbox.mailpull(["check", "--shard", shard]).run();
        run.stderr_text().contains("broken")
    };
    let shards = ["0/3", "1/3", "2/3"];
    let complaints = shards.iter().filter(|shard| complains(shard)).count();
    assert_eq!(complaints, 1);
}

#[test]
fn a_shard_without_accounts_has_nothing_to_do() {
    let sandbox = Sandbox::with_work("127.0.0.1:9", "");
    sandbox
        .mailpull(["fetch", "--shard", "1/2"])
        .run()
        .succeeds()
        .is_silent();
    sandbox
        .mailpull(["check", "--shard", "1/2"])
        .run()
        .fails_with(1)
        .is_silent();
}

#[test]
fn a_wrong_shard_is_a_usage_error() {
    let sandbox = Sandbox::with_work("127.0.0.1:9", "");
    for (args, error) in [
        (
            &["--shard", "3/3"][..],
            "--shard must be K/N, where K counts from 0: 0/3, 1/3 or 2/3",
        ),
        (
            &["fetch", "--shard", "1/2", "work"],
            "the account work is in shard 0/2. Name it in that shard, or leave out --shard",
        ),
        (
            &["fetch", "--shard", "1/2", "pops://me@h"],
            "a URL is in no shard. Leave out --shard",
        ),
    ] {
        let outcome = sandbox.mailpull(args).run();
        outcome
            .fails_with(64)
            .complains_in_lines(1)
            .stderr_has(error);
    }
}

/// Moves the accounts that change their shard when there are `to` shards instead of `from`. Returns
/// the names of these accounts.
fn reshard(sandbox: &Sandbox, from: usize, to: usize) -> BTreeSet<String> {
    let mut moved = BTreeSet::new();
    for old in 0..from {
        for new in (0..to).filter(|&new| new != old) {
            let shard = format!("{new}/{to}");
            let args = ["seen", "export", "--move", "--shard", &shard, "--state-dir"];
            let lines = sandbox.mailpull(args).arg(state(sandbox, old)).run();
            let lines = lines.succeeds();
            moved.extend(lines.json_lines().into_iter().filter_map(|line| {
                let name = line.get("account")?.as_str()?.to_owned();
                Some(name)
            }));
            let args = ["seen", "import", "--state-dir"];
            let import = sandbox.mailpull(args).arg(state(sandbox, new));
            import
                .stdin(lines.stdout_text())
                .run()
                .succeeds()
                .is_silent();
        }
    }
    moved
}

#[test]
fn resharding_moves_state_and_fetches_nothing_again() {
    let (sandbox, servers) = with_many_accounts();
    for shard in 0..3 {
        fetch(&sandbox, shard, 3);
    }

    let moved_to = reshard(&sandbox, 3, 4);

    for shard in 0..4 {
        fetch(&sandbox, shard, 4);
    }
    let moved_back = reshard(&sandbox, 4, 3);
    for shard in 0..3 {
        fetch(&sandbox, shard, 3);
    }
    assert_eq!(moved_to, moved_back);
    assert!((2..9).contains(&moved_to.len()), "{moved_to:?}");
    for (name, server) in names().zip(&servers) {
        sandbox.maildir(&name).holds(&notes(["a", "b"]));
        let log = server.log();
        assert_eq!((log.sessions, log.count("RETR")), (3, 2), "{name}");
    }
}

#[test]
fn a_moved_account_is_refused_at_its_old_shard() {
    let (sandbox, servers) = with_many_accounts();
    fetch(&sandbox, 0, 1);
    let moved = reshard(&sandbox, 1, 2);
    let name = moved.first().expect("at least one account moves");

    let args = ["fetch", name, "--state-dir"];
    let outcome = sandbox.mailpull(args).arg(state(&sandbox, 0)).run();

    outcome
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has("moved away by seen export --move");
    let sessions: usize = servers.iter().map(|server| server.log().sessions).sum();
    assert_eq!(sessions, ACCOUNTS);
}
