//! The thread that holds scripted conversations, and what it found wrong with the client.
//! Does not parse scripts.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use rustix::event::{PollFd, PollFlags, poll};

use super::ScriptStep;
use super::wire::ScriptConnection;
use crate::support::DEADLINE;
use crate::support::stream::TlsAcceptor;

/// A conversation: each step with the line it was written as.
type Conversation = Vec<(String, ScriptStep)>;

/// A scripted server that runs. Dropped, it ends and fails the test if the client left the script.
pub(crate) struct ScriptServer {
    address: SocketAddr,
    reached: Arc<NamedEvents>,
    released: Arc<NamedEvents>,
    running: Option<(JoinHandle<Report>, UnixStream)>,
}

/// What the server heard in one conversation.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Where the client called from.
    pub(crate) client: Option<IpAddr>,
    /// The client's lines, without CRLF.
    pub(crate) said: Vec<String>,
    /// How many separate flights they came in.
    pub(crate) turns: usize,
}

#[derive(Default)]
struct Report {
    complaints: Vec<String>,
    heard: Vec<Heard>,
}

impl ScriptServer {
    pub(super) fn start(conversations: Vec<Conversation>, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let (end, ended) = UnixStream::pair().expect("a pair of sockets can be made");
        let (reached, released) = (Arc::<NamedEvents>::default(), Arc::<NamedEvents>::default());
        let host = ServerThread {
            acceptor,
            ended,
            listener,
            reached: Arc::clone(&reached),
            released: Arc::clone(&released),
        };
        let thread = thread::spawn(move || host.serve(&conversations));
        Self {
            address,
            reached,
            released,
            running: Some((thread, end)),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Waits until a conversation has come to `reached NAME`.
    #[track_caller]
    pub(crate) fn reached(&self, name: &str) {
        let is_open = self.reached.wait(name);
        assert!(is_open, "the conversation never reached {name:?}");
    }

    /// Lets a conversation go on that waits, or will wait, at `hold NAME`.
    pub(crate) fn release(&self, name: &str) {
        self.released.open(name);
    }

    /// Ends the server and returns what it heard, one entry a conversation.
    ///
    /// # Panics
    ///
    /// When the client left the script, came too often or not often enough.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Vec<Heard> {
        let report = self.end();
        assert!(
            report.complaints.is_empty(),
            "{}",
            report.complaints.join("\n")
        );
        report.heard
    }

    fn end(&mut self) -> Report {
        let Some((thread, end)) = self.running.take() else {
            return Report::default();
        };
        drop(end);
        self.released.give_up();
        thread.join().expect("the server does not panic")
    }
}

impl Drop for ScriptServer {
    fn drop(&mut self) {
        let complaints = self.end().complaints.join("\n");
        if complaints.is_empty() {
            return;
        }
        if thread::panicking() {
            // The reason of the failure that is under way, most likely.
            eprintln!("{complaints}");
        } else {
            panic!("{complaints}");
        }
    }
}

/// Names that one thread opens and others wait for.
#[derive(Default)]
struct NamedEvents {
    open: Mutex<HashSet<String>>,
    opened: Condvar,
    /// Whether nobody is left who could open one.
    abandoned: AtomicBool,
}

impl NamedEvents {
    fn open(&self, name: &str) {
        let mut open = self.open.lock().expect("nobody panics at a gate");
        open.insert(name.to_owned());
        self.opened.notify_all();
    }

    /// Lets nobody wait any longer.
    fn give_up(&self) {
        let open = self.open.lock().expect("nobody panics at a gate");
        self.abandoned.store(true, Ordering::Relaxed);
        self.opened.notify_all();
        drop(open);
    }

    /// Whether the gate was open before the time limit passed.
    fn wait(&self, name: &str) -> bool {
        let open = self.open.lock().expect("nobody panics at a gate");
        let is_closed = |open: &mut HashSet<String>| {
            !open.contains(name) && !self.abandoned.load(Ordering::Relaxed)
        };
        let waited = self.opened.wait_timeout_while(open, DEADLINE, is_closed);
        waited.expect("nobody panics at a gate").0.contains(name)
    }
}

struct ServerThread {
    acceptor: Option<TlsAcceptor>,
    ended: UnixStream,
    listener: TcpListener,
    reached: Arc<NamedEvents>,
    released: Arc<NamedEvents>,
}

impl ServerThread {
    fn serve(&self, conversations: &[Conversation]) -> Report {
        let mut report = Report::default();
        for (done, conversation) in conversations.iter().enumerate() {
            let Some(stream) = self.accept() else {
                report.complaints.push(format!(
                    "the client connected {done} times, not {}",
                    conversations.len()
                ));
                return report;
            };
            let mut heard = Heard::default();
            let held = self.converse(stream, conversation, &mut heard);
            report.heard.push(heard);
            if let Err((line, reason)) = held {
                let text = complaint(conversation, line, &reason);
                report
                    .complaints
                    .push(format!("conversation {}: {text}", done + 1));
                break;
            }
        }
        while self.accept().is_some() {
            if report.complaints.is_empty() {
                report
                    .complaints
                    .push("the client connected once too often".to_owned());
            }
        }
        report
    }

    /// Waits for a client; `None` when the test is over and nobody knocks any more.
    fn accept(&self) -> Option<TcpStream> {
        loop {
            let mut ready = [
                PollFd::new(&self.listener, PollFlags::IN),
                PollFd::new(&self.ended, PollFlags::IN),
            ];
            match poll(&mut ready, None) {
                Err(rustix::io::Errno::INTR) => continue,
                polled => polled.expect("two open sockets can be polled"),
            };
            if !ready[0].revents().is_empty() {
                return self.listener.accept().ok().map(|(stream, _)| stream);
            }
            if !ready[1].revents().is_empty() {
                return None;
            }
        }
    }

    /// Holds one conversation; the error is the step that failed, and how.
    fn converse(
        &self,
        stream: TcpStream,
        conversation: &Conversation,
        heard: &mut Heard,
    ) -> Result<(), (usize, String)> {
        heard.client = stream.peer_addr().ok().map(|address| address.ip());
        let mut wire = ScriptConnection::new(stream).map_err(|e| (0, e.to_string()))?;
        for (at, (_, step)) in conversation.iter().enumerate() {
            let taken = self.take(step, &mut wire, heard);
            heard.turns = wire.turns();
            match taken {
                Ok(Next::Step) => {}
                Ok(Next::End) => return Ok(()),
                Err(reason) => return Err((at, reason)),
            }
        }
        let rest = wire.flush().and_then(|()| wire.rest());
        heard.turns = wire.turns();
        match rest {
            Ok(rest) if rest.is_empty() => Ok(()),
            Ok(rest) => Err((
                conversation.len(),
                format!("the client sent {}", show(&rest)),
            )),
            Err(e) => Err((conversation.len(), format!("the client did not close: {e}"))),
        }
    }

    fn take(
        &self,
        step: &ScriptStep,
        wire: &mut ScriptConnection,
        heard: &mut Heard,
    ) -> Result<Next, String> {
        if !matches!(step, ScriptStep::Send(_)) {
            wire.flush()
                .map_err(|e| format!("what came before could not be sent: {e}"))?;
        }
        match step {
            ScriptStep::Send(octets) => wire.send(octets),
            ScriptStep::Expect(line) => expect(line, wire, heard)?,
            ScriptStep::Drip(octets) => {
                for octet in octets {
                    wire.send(&[*octet]);
                    wire.flush().map_err(|e| e.to_string())?;
                }
            }
            ScriptStep::Endless(octets) => return flood(octets, wire),
            ScriptStep::Flush => {}
            ScriptStep::Hold(name) => {
                if !self.released.wait(name) {
                    return Err("nobody released it".to_owned());
                }
            }
            ScriptStep::Reached(name) => self.reached.open(name),
            ScriptStep::Tls => self.shake(wire)?,
            ScriptStep::TlsFor(name) => {
                self.shake(wire)?;
                if wire.stream.asked_for() != Some(name) {
                    let asked = wire.stream.asked_for();
                    return Err(format!("the client asked for {asked:?}"));
                }
            }
            ScriptStep::TlsRefused => {
                return match self.shake(wire) {
                    Ok(()) => Err("the client accepted the certificate".to_owned()),
                    Err(_) => Ok(Next::End),
                };
            }
            ScriptStep::Close => {
                // The client may be quicker: then there is nobody left to tell.
                let _ = wire.stream.close();
            }
            ScriptStep::Cut => {
                // The same here; and what it still says is of no interest.
                let _ = wire.stream.cut();
                return ended(wire.ignore());
            }
            ScriptStep::Reset => {
                wire.stream.reset().map_err(|e| e.to_string())?;
                return Ok(Next::End);
            }
            ScriptStep::Stall => return ended(wire.ignore()),
        }
        Ok(Next::Step)
    }

    fn shake(&self, wire: &mut ScriptConnection) -> Result<(), String> {
        let early = wire.unread();
        if !early.is_empty() {
            return Err(format!("the client sent before TLS {}", show(early)));
        }
        let acceptor = self.acceptor.as_ref();
        wire.stream
            .start_tls(acceptor.ok_or("the script has no identity()")?)
    }
}

enum Next {
    End,
    Step,
}

fn ended(closed: io::Result<()>) -> Result<Next, String> {
    match closed {
        Ok(()) => Ok(Next::End),
        Err(e) => Err(format!("the client did not close: {e}")),
    }
}

fn expect(expected: &[u8], wire: &mut ScriptConnection, heard: &mut Heard) -> Result<(), String> {
    let line = wire
        .line()
        .map_err(|e| format!("the client said nothing: {e}"))?;
    if line.is_empty() {
        return Err("the client closed instead".to_owned());
    }
    heard
        .said
        .push(String::from_utf8_lossy(&line).trim_end().to_owned());
    if line != expected {
        let (expected, line) = (show(expected), show(&line));
        return Err(format!(
            "the client said something else\n  expected {expected}\n  received {line}"
        ));
    }
    Ok(())
}

/// Repeats itself until the client leaves, or has taken more than it ever should.
fn flood(octets: &[u8], wire: &mut ScriptConnection) -> Result<Next, String> {
    const TOO_MUCH: usize = 5 << 30;
    let chunk = octets.repeat(65536 / octets.len().max(1) + 1);
    for _ in 0..TOO_MUCH / chunk.len() {
        wire.send(&chunk);
        if wire.flush().is_err() {
            return Ok(Next::End);
        }
    }
    Err("the client swallowed 5 GiB".to_owned())
}

/// Shows the conversation up to where it went wrong.
fn complaint(conversation: &Conversation, at: usize, reason: &str) -> String {
    let mut text = "the client left the script\n".to_owned();
    for (line, _) in conversation.iter().take(at) {
        text += &format!("    {line}\n");
    }
    let step = conversation.get(at).map(|(line, _)| line.as_str());
    let step = step.unwrap_or("(the client closes)");
    text + &format!("  > {step}\n  {reason}")
}

fn show(octets: &[u8]) -> String {
    format!("\"{}\"", octets[..octets.len().min(300)].escape_ascii())
}
