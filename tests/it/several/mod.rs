//! Several targets for one account: each gets every message once, whatever happens to the others.

mod changes;
mod kills;
mod refusals;

use std::fs;
use std::net::SocketAddr;

use crate::support::lmtp_server::LmtpServer;
use crate::support::mail::TestMessage;
use crate::support::maildir::MaildirView;
use crate::support::mbox::MboxView;
use crate::support::model_server::{ModelServer, USER};
use crate::support::sandbox::Sandbox;

/// An account that delivers to a Maildir, an mbox file and a mail server.
struct Several {
    sandbox: Sandbox,
    pop3: ModelServer,
    lmtp: LmtpServer,
    /// The address at which the mail server is configured.
    server: SocketAddr,
}

impl Several {
    fn new(messages: Vec<TestMessage>) -> Self {
        let lmtp = LmtpServer::start();
        let several = Self {
            sandbox: Sandbox::new(),
            pop3: ModelServer::start(messages),
            server: lmtp.address(),
            lmtp,
        };
        several.configure(&["box", "server", "dir"]);
        several
    }

    /// Lets the account deliver to these targets.
    fn configure(&self, names: &[&str]) {
        let sections = names.iter().map(|name| self.section(name));
        let sections: String = sections.collect();
        let list: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
        let account = format!("deliver = [{}]\nkeep = false", list.join(", "));
        self.sandbox
            .config(&sections)
            .account("work", self.pop3.address(), &account);
    }

    fn section(&self, name: &str) -> String {
        let keys = match name {
            "box" => format!("kind = \"mbox\"\npath = {:?}", self.mbox().path()),
            "dir" => format!("kind = \"maildir\"\npath = {:?}", self.maildir().path()),
            _ => format!(
                "kind = \"lmtp\"\nserver = \"{}\"\nrecipient = {USER:?}",
                self.server
            ),
        };
        format!("[targets.{name}]\n{keys}\n")
    }

    fn mbox(&self) -> MboxView {
        MboxView::of(&self.sandbox)
    }

    fn maildir(&self) -> MaildirView {
        MaildirView::at(self.sandbox.home().join("copies"))
    }

    /// Returns what each target has: the mbox file, the mail server and the Maildir.
    fn taken(&self) -> [Vec<Vec<u8>>; 3] {
        let maildir = match self.maildir().path().exists() {
            true => self.maildir().messages(),
            false => Vec::new(),
        };
        [self.mbox().messages(), self.lmtp.messages(), maildir].map(|mut messages| {
            messages.sort();
            messages
        })
    }

    /// Claims that each target has each message once, and nothing is left.
    #[track_caller]
    fn is_complete(&self, messages: &[TestMessage]) {
        let mut stored: Vec<_> = messages.iter().map(TestMessage::stored).collect();
        stored.sort();
        for (taken, name) in self.taken().iter().zip(["mbox", "LMTP", "Maildir"]) {
            assert_eq!(taken, &stored, "{name}");
        }
        assert_eq!((self.spooled(), self.pop3.count()), (0, 0));
    }

    fn spooled(&self) -> usize {
        let spool = fs::read_dir(self.sandbox.state().join("spool"));
        spool.expect("a run made the spool").count()
    }
}
