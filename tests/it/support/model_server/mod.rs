//! A POP3 server that holds its maildrop in memory, for volume and for faults under load.
//! Knows neither the program nor a test; `examples/pop3-server` serves with it, too.

mod session;

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use super::mail::TestMessage;
use super::stream::TlsAcceptor;
use session::ModelSession;

/// How long a change of the maildrop is waited for.
const DEADLINE: Duration = Duration::from_secs(120);

/// The only user of every test server, and the password.
pub(crate) const USER: &str = "joe";
pub(crate) const PASSWORD: &str = "open sesame";

/// What the server is like. Each session keeps the behaviour it began with.
#[derive(Clone)]
pub(crate) struct Behaviour {
    /// How the next sessions end before their time, one each. Later ones are not cut.
    pub(crate) cuts: Vec<Cut>,
    /// The first line. One that is not `+OK` ends the session.
    pub(crate) greeting: String,
    /// What LIST says of the size of a unique-id when it does not tell the truth.
    pub(crate) lies: HashMap<Vec<u8>, String>,
    /// How many messages it lists at most; those that were retrieved are hidden after QUIT (Gmail).
    pub(crate) part: Option<usize>,
    /// Whether CAPA says PIPELINING. It is understood in any case.
    pub(crate) pipelining: bool,
    /// Whether QUIT in TRANSACTION is answered by `-ERR`, and nothing is deleted.
    pub(crate) refuses_update: bool,
    /// Whether UIDL is offered and refused all the same.
    pub(crate) refuses_uidl: bool,
    /// Unique-ids for which RETR and TOP are answered by [`Behaviour::refusal`].
    pub(crate) refused: Vec<Vec<u8>>,
    /// What is said instead of a message.
    pub(crate) refusal: String,
    /// Whether CAPA says SASL PLAIN, and AUTH is understood.
    pub(crate) sasl_plain: bool,
    pub(crate) security: Protection,
    /// How many octets it writes at once, where that is to be few.
    pub(crate) segment: Option<NonZeroUsize>,
    /// Whether TOP is offered and understood.
    pub(crate) top: bool,
    /// Whether UIDL is offered and understood.
    pub(crate) uidl: bool,
    /// Unique-ids for which DELE is answered by `-ERR`.
    pub(crate) undeletable: Vec<Vec<u8>>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            cuts: Vec::new(),
            greeting: "+OK model server ready".to_owned(),
            lies: HashMap::new(),
            part: None,
            pipelining: true,
            refuses_uidl: false,
            refuses_update: false,
            refused: Vec::new(),
            refusal: "-ERR this message cannot be read".to_owned(),
            sasl_plain: true,
            security: Protection::None,
            segment: None,
            top: true,
            uidl: true,
            undeletable: Vec::new(),
        }
    }
}

/// How a session ends before its time: when so many octets were sent in it (TLS not counted).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    Fin(usize),
    Reset(usize),
}

/// How connections are protected.
#[derive(Clone)]
pub(crate) enum Protection {
    None,
    /// Cleartext, and STLS is offered.
    Stls(TlsAcceptor),
    /// TLS from the first octet.
    Tls(TlsAcceptor),
}

/// A model server that runs. Dropped, it accepts no more connections; those that are open live on.
pub(crate) struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    _end: UnixStream,
}

impl ModelServer {
    /// Serves `messages` on a free port of 127.0.0.1.
    pub(crate) fn start(messages: Vec<TestMessage>) -> Self {
        Self::with(messages, Behaviour::default())
    }

    pub(crate) fn with(messages: Vec<TestMessage>, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let (end, ended) = UnixStream::pair().expect("a pair of sockets can be made");
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(behaviour),
            log: Mutex::default(),
            maildrop: Mutex::new(messages.into_iter().map(Arc::new).collect()),
            updated: Condvar::new(),
        });
        let host = Arc::clone(&shared);
        thread::spawn(move || {
            while let Some(client) = accept(&listener, &ended) {
                let host = Arc::clone(&host);
                thread::spawn(move || host.serve(client));
            }
        });
        Self {
            address,
            shared,
            _end: end,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Adds a message behind the others, for the sessions to come.
    pub(crate) fn add(&self, message: TestMessage) {
        lock(&self.shared.maildrop).push(Arc::new(message));
    }

    /// Changes the behaviour of the sessions to come.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut lock(&self.shared.behaviour));
    }

    /// Lists the unique-ids that are still there.
    pub(crate) fn unique_ids(&self) -> Vec<Vec<u8>> {
        let maildrop = lock(&self.shared.maildrop);
        maildrop.iter().map(|m| m.unique_id.clone()).collect()
    }

    /// Counts the messages that are still there.
    pub(crate) fn count(&self) -> usize {
        lock(&self.shared.maildrop).len()
    }

    /// Waits until every message was deleted.
    #[track_caller]
    pub(crate) fn wait_until_empty(&self) {
        let maildrop = lock(&self.shared.maildrop);
        let is_full = |maildrop: &mut Vec<_>| !maildrop.is_empty();
        let waited = self
            .shared
            .updated
            .wait_timeout_while(maildrop, DEADLINE, is_full);
        let (maildrop, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(maildrop.is_empty(), "{} messages are left", maildrop.len());
    }

    /// Returns what was said to the server until now.
    pub(crate) fn log(&self) -> ServerLog {
        lock(&self.shared.log).clone()
    }
}

/// What clients said to a server, all sessions together.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerLog {
    /// How many octets had been sent before each session.
    pub(crate) begun_at: Vec<usize>,
    /// Every command line, without CRLF.
    pub(crate) commands: Vec<String>,
    /// The most octets of commands that ever waited to be answered.
    pub(crate) longest_queue: usize,
    /// The unique-ids of the messages that RETR asked for and that were sent.
    pub(crate) retrieved: Vec<Vec<u8>>,
    /// How many octets were sent (TLS not counted).
    pub(crate) sent: usize,
    pub(crate) sessions: usize,
    /// How often the server had to wait for a client: the flights of commands.
    pub(crate) turns: usize,
}

impl ServerLog {
    fn begin(&mut self) {
        self.begun_at.push(self.sent);
        self.sessions += 1;
    }

    /// Counts the commands that begin with `verb`.
    pub(crate) fn count(&self, verb: &str) -> usize {
        self.commands
            .iter()
            .filter(|line| line.split(' ').next() == Some(verb))
            .count()
    }
}

/// What all sessions share.
struct Shared {
    behaviour: Mutex<Behaviour>,
    log: Mutex<ServerLog>,
    maildrop: Mutex<Vec<Arc<TestMessage>>>,
    /// Told whenever messages went.
    updated: Condvar,
}

impl Shared {
    fn serve(&self, client: TcpStream) {
        lock(&self.log).begin();
        let (behaviour, cut) = {
            let mut behaviour = lock(&self.behaviour);
            let is_cut = !behaviour.cuts.is_empty();
            let cut = is_cut.then(|| behaviour.cuts.remove(0));
            (behaviour.clone(), cut)
        };
        // A session that breaks is the client's to notice.
        let _: io::Result<()> =
            ModelSession::open(client, self, behaviour, cut).and_then(ModelSession::run);
    }
}

/// Waits for a client; `None` when the server's owner is gone.
fn accept(listener: &TcpListener, ended: &UnixStream) -> Option<TcpStream> {
    loop {
        let mut ready = [
            PollFd::new(listener, PollFlags::IN),
            PollFd::new(ended, PollFlags::IN),
        ];
        match poll(&mut ready, None) {
            Err(rustix::io::Errno::INTR) => continue,
            polled => polled.expect("two open sockets can be polled"),
        };
        if !ready[1].revents().is_empty() {
            return None;
        }
        if !ready[0].revents().is_empty() {
            return listener.accept().ok().map(|(client, _)| client);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics with a lock")
}

#[cfg(test)]
mod tests;
