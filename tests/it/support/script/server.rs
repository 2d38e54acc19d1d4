//! The thread of the scripted server, and its report on where the client left the script.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use rustix::event::{PollFd, PollFlags, poll};

use super::ScriptStep;
use super::connection::ScriptConnection;
use crate::support::DEADLINE;
use crate::support::stream::TlsAcceptor;

/// A conversation. Each step has the line of the script, for messages.
type Conversation = Vec<(String, ScriptStep)>;

/// A running scripted server. When dropped it ends, and fails the test if the client has left the
/// script.
pub(crate) struct ScriptServer {
    address: SocketAddr,
    reached: Arc<NamedEvents>,
    released: Arc<NamedEvents>,
    running: Option<(JoinHandle<Report>, UnixStream)>,
}

/// The client's part of one conversation.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The address of the client.
    pub(crate) client: Option<IpAddr>,
    /// The client's lines, without CRLF.
    pub(crate) said: Vec<String>,
    /// The number of turns in which they came.
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

    /// Waits until a conversation gets to `reached NAME`.
    #[track_caller]
    pub(crate) fn reached(&self, name: &str) {
        let is_reached = self.reached.wait(name);
        assert!(is_reached, "the conversation never reached {name:?}");
    }

    /// Lets a conversation continue after `hold NAME`, even if it has not got there yet.
    pub(crate) fn release(&self, name: &str) {
        self.released.trigger(name);
    }

    /// Ends the server and returns the client's part of each conversation.
    ///
    /// # Panics
    ///
    /// If the client left the script, or connected too often or not often enough.
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
            // This is most likely the reason of the panic.
            eprintln!("{complaints}");
        } else {
            panic!("{complaints}");
        }
    }
}

/// Events with names, for which threads can wait.
#[derive(Default)]
struct NamedEvents {
    happened: Mutex<HashSet<String>>,
    changed: Condvar,
    /// True if no thread will trigger another event.
    abandoned: AtomicBool,
}

impl NamedEvents {
    fn trigger(&self, name: &str) {
        let mut happened = self.happened.lock().expect(NO_PANIC);
        happened.insert(name.to_owned());
        self.changed.notify_all();
    }

    /// Ends all waiting.
    fn give_up(&self) {
        let happened = self.happened.lock().expect(NO_PANIC);
        self.abandoned.store(true, Ordering::Relaxed);
        self.changed.notify_all();
        drop(happened);
    }

    /// Waits for an event. Returns false if it does not happen before the time limit.
    fn wait(&self, name: &str) -> bool {
        let happened = self.happened.lock().expect(NO_PANIC);
        let is_missing = |happened: &mut HashSet<String>| {
            !happened.contains(name) && !self.abandoned.load(Ordering::Relaxed)
        };
        let waited = self
            .changed
            .wait_timeout_while(happened, DEADLINE, is_missing);
        waited.expect(NO_PANIC).0.contains(name)
    }
}

const NO_PANIC: &str = "no thread panics while it holds the lock";

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

    /// Waits for a client. Returns `None` when the test has ended the server and no client waits.
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

    /// Holds one conversation. The error is the number of the step that failed, and the reason.
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
            Err(e) => Err((
                conversation.len(),
                format!("the client did not disconnect: {e}"),
            )),
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
                .map_err(|e| format!("the lines before could not be sent: {e}"))?;
        }
        match step {
            ScriptStep::Send(octets) => wire.send(octets),
            ScriptStep::Beneath(octets) => {
                let sent = wire.stream.write_beneath_tls(octets);
                sent.map_err(|e| e.to_string())?;
            }
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
                    return Err("the test did not release it".to_owned());
                }
            }
            ScriptStep::Reached(name) => self.reached.trigger(name),
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
                // The client may have disconnected first.
                let _ = wire.stream.close();
            }
            ScriptStep::Cut => {
                // The client may have disconnected first.
                let _ = wire.stream.cut();
                return ended(wire.ignore());
            }
            ScriptStep::Reset => {
                wire.stream.reset().map_err(|e| e.to_string())?;
                return Ok(Next::End);
            }
            ScriptStep::Stall => {
                ended(wire.ignore())?;
            }
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
        Err(e) => Err(format!("the client did not disconnect: {e}")),
    }
}

fn expect(expected: &[u8], wire: &mut ScriptConnection, heard: &mut Heard) -> Result<(), String> {
    let line = wire
        .line()
        .map_err(|e| format!("the client sent nothing: {e}"))?;
    if line.is_empty() {
        return Err("the client disconnected instead".to_owned());
    }
    heard
        .said
        .push(String::from_utf8_lossy(&line).trim_end().to_owned());
    if line != expected {
        let (expected, line) = (show(expected), show(&line));
        return Err(format!(
            "the client sent something else\n  expected {expected}\n  received {line}"
        ));
    }
    Ok(())
}

/// Sends octets repeatedly until the client disconnects. Fails if the client reads too much.
fn flood(octets: &[u8], wire: &mut ScriptConnection) -> Result<Next, String> {
    const TOO_MUCH: usize = 5 << 30;
    let chunk = octets.repeat(65536 / octets.len().max(1) + 1);
    for _ in 0..TOO_MUCH / chunk.len() {
        wire.send(&chunk);
        if wire.flush().is_err() {
            return Ok(Next::End);
        }
    }
    Err("the client read 5 GiB".to_owned())
}

/// Shows the conversation up to where it went wrong.
fn complaint(conversation: &Conversation, at: usize, reason: &str) -> String {
    let mut text = "the client left the script\n".to_owned();
    for (line, _) in conversation.iter().take(at) {
        text += &format!("    {line}\n");
    }
    let step = conversation.get(at).map(|(line, _)| line.as_str());
    let step = step.unwrap_or("(the client disconnects)");
    text + &format!("  > {step}\n  {reason}")
}

fn show(octets: &[u8]) -> String {
    format!("\"{}\"", octets[..octets.len().min(300)].escape_ascii())
}
