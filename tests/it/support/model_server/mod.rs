//! A POP3 server with its maildrop in memory, for many messages and for faults. The example
//! `pop3-server` also uses it.

mod session;

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use super::mail::TestMessage;
use super::stream::TlsAcceptor;
use session::ModelSession;

/// The time that a test waits for a change of the maildrop.
const DEADLINE: Duration = Duration::from_secs(120);

/// The only user of every test server.
pub(crate) const USER: &str = "joe";
/// The password of [`USER`].
pub(crate) const PASSWORD: &str = "open sesame";

/// The behaviour of the server. A session keeps the behaviour it began with.
#[derive(Clone)]
pub(crate) struct Behaviour {
    /// True if messages that were retrieved before get the header line `Status: RO`.
    pub(crate) adds_status: bool,
    /// True if the greeting refuses a session while another one is open.
    pub(crate) admits_one: bool,
    /// Further capabilities, one on each line.
    pub(crate) announces: &'static str,
    /// The unique-ids of messages that are cut once: RETR sends the first two thirds of the lines and the
    /// final dot.
    pub(crate) cut_once: Vec<Vec<u8>>,
    /// The cuts of the next sessions, one for each. Later sessions are not cut.
    pub(crate) cuts: Vec<Cut>,
    /// The unique-ids of messages that are doubled once: RETR is answered twice.
    pub(crate) doubled_once: Vec<Vec<u8>>,
    /// True if DELE and QUIT are answered by `+OK`, and nothing is deleted.
    pub(crate) ignores_deletions: bool,
    /// The unique-ids for which RETR is answered by the size and no octets: the server cannot open its
    /// file.
    pub(crate) empty: Vec<Vec<u8>>,
    /// The first line. The session ends after it unless it begins with `+OK`.
    pub(crate) greeting: String,
    /// The moments at which it closes the connection.
    pub(crate) hang_ups: Vec<HangUp>,
    /// True if it resets connections instead of closing them.
    pub(crate) resets: bool,
    /// The wrong sizes in LIST, by unique-id.
    pub(crate) lies: HashMap<Vec<u8>, String>,
    /// The most messages that it lists. Retrieved messages are hidden after QUIT, as Gmail does.
    pub(crate) part: Option<usize>,
    /// True if CAPA announces PIPELINING. The server accepts pipelined commands in any case.
    pub(crate) pipelining: bool,
    /// True if QUIT in TRANSACTION is answered by `-ERR`, and nothing is deleted.
    pub(crate) refuses_update: bool,
    /// True if UIDL is announced and then refused.
    pub(crate) refuses_uidl: bool,
    /// The unique-ids for which RETR and TOP are answered by [`Behaviour::refusal`].
    pub(crate) refused: Vec<Vec<u8>>,
    /// The reply instead of a message. `{unique-id}` in it stands for that of the message.
    pub(crate) refusal: String,
    /// True if CAPA announces SASL PLAIN, and AUTH is accepted.
    pub(crate) sasl_plain: bool,
    pub(crate) security: Protection,
    /// True if each message that is retrieved gets a header line with a number that rises. A virus
    /// scanner between server and client does that with the time.
    pub(crate) stamps: bool,
    /// The number of octets in each write, if the writes are to be small.
    pub(crate) segment: Option<NonZeroUsize>,
    /// The messages that RETR answers with once, instead of those with these unique-ids.
    pub(crate) swapped_once: Vec<(Vec<u8>, TestMessage)>,
    /// True if TOP is announced and accepted.
    pub(crate) top: bool,
    /// True if UIDL is announced and accepted.
    pub(crate) uidl: bool,
    /// The unique-ids for which DELE is answered by `-ERR`.
    pub(crate) undeletable: Vec<Vec<u8>>,
    /// The unique-ids of messages that are lost once: RETR is not answered, and the session ends when
    /// nothing else is left to answer.
    pub(crate) lost_once: Vec<Vec<u8>>,
    /// The octets before each reply to RETR, DELE and QUIT.
    pub(crate) stray: &'static str,
    /// True if lines that begin with a dot are not byte-stuffed.
    pub(crate) unstuffed: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            adds_status: false,
            admits_one: false,
            announces: "",
            cut_once: Vec::new(),
            cuts: Vec::new(),
            doubled_once: Vec::new(),
            empty: Vec::new(),
            greeting: "+OK model server ready".to_owned(),
            ignores_deletions: false,
            hang_ups: Vec::new(),
            resets: false,
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
            stamps: false,
            swapped_once: Vec::new(),
            top: true,
            uidl: true,
            undeletable: Vec::new(),
            lost_once: Vec::new(),
            stray: "",
            unstuffed: false,
        }
    }
}

/// The early end of a session, after this number of octets from the server (TLS not counted).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    Fin(usize),
    Reset(usize),
}

/// A moment at which the server closes the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HangUp {
    /// A command that begins with this word came together with others. It is not answered.
    AtFlight(&'static str),
    /// The same, but the command is answered.
    AfterFirst(&'static str),
    /// This command came for the message with this unique-id. It is not answered.
    At(&'static str, &'static str),
    /// RETR, TOP or DELE was refused.
    AfterRefusal,
}

/// The protection of connections.
#[derive(Clone)]
pub(crate) enum Protection {
    None,
    /// Cleartext, and STLS is offered.
    Stls(TlsAcceptor),
    /// TLS from the first octet.
    Tls(TlsAcceptor),
}

/// A running model server. When dropped it accepts no more connections, but open ones continue.
pub(crate) struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    _end: UnixStream,
}

impl ModelServer {
    /// Starts a server with these messages on a free port of 127.0.0.1.
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
            open: AtomicUsize::new(0),
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

    /// Adds a message after the others, for later sessions.
    pub(crate) fn add(&self, message: TestMessage) {
        lock(&self.shared.maildrop).push(Arc::new(message));
    }

    /// Replaces all messages, for later sessions.
    pub(crate) fn replace(&self, messages: Vec<TestMessage>) {
        *lock(&self.shared.maildrop) = messages.into_iter().map(Arc::new).collect();
    }

    /// Changes the behaviour of later sessions.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut lock(&self.shared.behaviour));
    }

    /// Lists the unique-ids of the messages in the maildrop.
    pub(crate) fn unique_ids(&self) -> Vec<Vec<u8>> {
        let maildrop = lock(&self.shared.maildrop);
        maildrop.iter().map(|m| m.unique_id.clone()).collect()
    }

    /// Counts the messages in the maildrop.
    pub(crate) fn count(&self) -> usize {
        lock(&self.shared.maildrop).len()
    }

    /// Waits until every message is deleted.
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

    /// Returns the log of all sessions until now.
    pub(crate) fn log(&self) -> ServerLog {
        lock(&self.shared.log).clone()
    }
}

/// The log of a server, for all sessions together.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerLog {
    /// The number of octets that were sent before each session.
    pub(crate) begun_at: Vec<usize>,
    /// All command lines, without CRLF.
    pub(crate) commands: Vec<String>,
    /// The most octets of unanswered commands at any time.
    pub(crate) longest_queue: usize,
    /// The unique-ids of the messages that were sent in reply to RETR.
    pub(crate) retrieved: Vec<Vec<u8>>,
    /// The number of octets that were sent (TLS not counted).
    pub(crate) sent: usize,
    /// The number of sessions.
    pub(crate) sessions: usize,
    /// The number of times that the server waited for a client. Commands that are pipelined
    /// together count once.
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

/// A session that is open.
struct OpenSession<'a> {
    open: &'a AtomicUsize,
    /// The number of sessions that were open before.
    before: usize,
}

impl<'a> OpenSession<'a> {
    fn count(open: &'a AtomicUsize) -> Self {
        let before = open.fetch_add(1, Ordering::SeqCst);
        Self { open, before }
    }
}

impl Drop for OpenSession<'_> {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The state that all sessions share.
struct Shared {
    open: AtomicUsize,
    behaviour: Mutex<Behaviour>,
    log: Mutex<ServerLog>,
    maildrop: Mutex<Vec<Arc<TestMessage>>>,
    /// Notified after every deletion of messages.
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
        let mut behaviour = behaviour;
        let open = OpenSession::count(&self.open);
        if behaviour.admits_one && open.before > 0 {
            behaviour.greeting = "-ERR too many connections from your address".to_owned();
        }
        // A broken session is not an error of the server: the client has to notice it.
        let _: io::Result<()> =
            ModelSession::open(client, self, behaviour, cut).and_then(ModelSession::run);
    }
}

/// Waits for a client. Returns `None` after [`ModelServer`] was dropped.
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
    mutex
        .lock()
        .expect("no thread panics while it holds a lock")
}

#[cfg(test)]
mod tests;
