//! Delivery into a folder of an IMAP server: the real Dovecot, with other clients at work, connections that
//! break, and kills. The log of the model server of POP3 shows what was downloaded.

mod cuts;
mod dovecot;
mod kills;
mod others;

use std::cell::Cell;
use std::fs;
use std::net::TcpListener;

use rusqlite::Connection;

use crate::support::dovecot::Dovecot;
use crate::support::maildir::MaildirView;
use crate::support::model_server::{ModelServer, PASSWORD, USER};
use crate::support::sandbox::Sandbox;
use crate::support::tools;

/// A Dovecot to whose folders messages are delivered by IMAP.
pub(crate) struct DovecotImap {
    dovecot: Dovecot,
    pub(crate) port: u16,
}

impl DovecotImap {
    /// Starts it with more lines in its configuration. Returns `None` if its IMAP server is not
    /// installed, after [`tools::skip`].
    pub(crate) fn start(extra: &str) -> Option<Self> {
        tools::find_file("/usr/lib/dovecot/imap")?;
        let port = Cell::new(0);
        let dovecot = Dovecot::start_with(|_| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
            port.set(listener.local_addr().expect("it is bound").port());
            format!(
                "protocols = pop3 imap\n\
                 service imap-login {{\n  chroot =\n  inet_listener imap {{\n    port = {}\n  }}\n  \
                 inet_listener imaps {{\n    port = 0\n  }}\n}}\n{extra}\n",
                port.get(),
            )
        })?;
        Some(Self {
            dovecot,
            port: port.get(),
        })
    }

    /// Returns the messages in the inbox of the user, sorted.
    pub(crate) fn messages(&self) -> Vec<Vec<u8>> {
        let mut messages = self.dovecot.maildir().messages();
        messages.sort();
        messages
    }

    /// Returns the messages in a folder of the user; none if there is no such folder.
    fn messages_in(&self, folder: &str) -> Vec<Vec<u8>> {
        let path = self.dovecot.maildir().path().join(format!(".{folder}"));
        match path.exists() {
            true => MaildirView::at(path).messages(),
            false => Vec::new(),
        }
    }
}

/// Configures the account `work` to deliver to a target on an IMAP server.
pub(crate) fn configure(
    sandbox: &Sandbox,
    pop3: &ModelServer,
    port: u16,
    account: &str,
    keys: &str,
) {
    let account = format!("deliver = \"home\"\n{account}");
    sandbox
        .config(&target("home", port, keys))
        .account("work", pop3.address(), &account);
}

/// Returns the section of a target.
fn target(name: &str, port: u16, keys: &str) -> String {
    format!(
        "[targets.{name}]\nkind = \"imap\"\nserver = \"127.0.0.1:{port}\"\nsecurity = \"none\"\n\
         user = {USER:?}\npassword = {PASSWORD:?}\n{keys}\n"
    )
}

/// Changes the database as if five minutes had passed since a server said that it lacks messages.
fn let_five_minutes_pass(sandbox: &Sandbox) {
    let database = Connection::open(sandbox.state().join("seen.db"));
    let database = database.expect("a run made the database");
    let changed = database.execute("UPDATE handover SET absent = absent - 300", []);
    changed.expect("the table has this column");
}

/// Counts the messages in the spool.
fn spooled(sandbox: &Sandbox) -> usize {
    let spool = fs::read_dir(sandbox.state().join("spool"));
    spool.expect("a run made the spool").count()
}
