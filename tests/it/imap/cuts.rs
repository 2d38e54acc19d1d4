//! Connections that break at any octet while messages are handed over. Each message is in its folder once
//! in the end.

use super::{DovecotImap, let_five_minutes_pass, target};
use crate::support::cost::Cost;
use crate::support::cutting_proxy::{CuttingProxy, PassedOctets};
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
    /// The octets of both sides in a session with two notes, roughly. A cut that comes later cuts nothing.
    const ASKED: u64 = 420;
    const ANSWERED: u64 = 1000;
    let Some(imap) = DovecotImap::start("protocol imap {\n  mail_max_userip_connections = 1000\n}")
    else {
        return;
    };
    let messages = notes(["a", "b"]);
    let asked = (0..ASKED).step_by(17).map(PassedOctets::asked);
    let answered = (0..ANSWERED).step_by(61).map(PassedOctets::answered);
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

    let mut sweep = Sweep::new("connection to an IMAP server cut");
    for CutAccount { name, pop3, .. } in accounts {
        sweep.count_run(&name, true);
        let taken = imap.messages_in(&name);
        let copies = |stored: &[u8]| taken.iter().filter(|taken| *taken == stored).count();
        let cost = Cost::of(&messages, copies, &pop3.unique_ids());
        sweep.add(&name, cost, Allowed::default());
    }
    sweep.finish();
}
