//! Connections that break at any octet while messages are handed over. Each message is in its folder once
//! in the end.

use super::{DovecotImap, let_five_minutes_pass, target};
use crate::support::cost::Cost;
use crate::support::cutting_proxy::{CuttingProxy, ProxyCut};
use crate::support::mail::notes;
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::sweep::{Allowed, Sweep};

/// An account whose first connection to its folder is cut at one octet.
struct CutAccount {
    name: String,
    pop3: ModelServer,
    _proxy: CuttingProxy,
}

#[test]
fn a_cut_at_any_octet_loses_and_repeats_nothing() {
    cut_everywhere("connection to an IMAP server cut", "", 420, 1000);
}

#[test]
fn a_cut_repeats_nothing_on_a_server_without_extensions() {
    let plain = "imap_capability = IMAP4rev1";
    cut_everywhere("connection to a plain IMAP server cut", plain, 500, 700);
}

/// Cuts the first connection of many accounts, each at another octet. `asked` and `answered` are the octets
/// of both sides in a session, roughly. A cut that comes later cuts nothing.
#[track_caller]
fn cut_everywhere(name: &str, keys: &str, asked: u64, answered: u64) {
    let protocol = format!("protocol imap {{\n  mail_max_userip_connections = 1000\n  {keys}\n}}");
    let Some(imap) = DovecotImap::start(&protocol) else {
        return;
    };
    // Two are equal.
    let messages = notes(["a", "b", "b"]);
    let asked = (0..asked).step_by(17).map(ProxyCut::Asked);
    let answered = (0..answered).step_by(61).map(ProxyCut::Answered);
    let sandbox = Sandbox::new();
    let accounts: Vec<_> = asked
        .chain(answered)
        .enumerate()
        .map(|(n, passed)| {
            let name = format!("cut-{n}");
            let pop3 = ModelServer::start(messages.clone());
            let proxy = CuttingProxy::start(imap.port, passed);
            let keys = format!("folder = {name:?}\ncreate-folder = true");
            let account = format!("deliver = {name:?}\nkeep = false");
            sandbox
                .account(&name, pop3.address(), &account)
                .section(&target(&name, proxy.port(), &keys));
            CutAccount {
                name,
                pop3,
                _proxy: proxy,
            }
        })
        .collect();

    sandbox.fetch();
    sandbox.fetch().succeeds().is_silent();
    let_five_minutes_pass(&sandbox);
    for _ in 0..2 {
        sandbox.fetch().succeeds().is_silent();
    }

    let mut sweep = Sweep::new(name);
    for CutAccount { name, pop3, .. } in accounts {
        sweep.count_run(&name, true);
        let taken = imap.messages_in(&name);
        if taken.len() != messages.len() {
            sweep.problem(&name, format_args!("{} messages are there", taken.len()));
        }
        let distinct = |stored: &[u8]| usize::from(taken.iter().any(|taken| taken == stored));
        let cost = Cost::of(&messages, distinct, &pop3.unique_ids());
        sweep.add(&name, cost, Allowed::default());
    }
    sweep.finish();
}
