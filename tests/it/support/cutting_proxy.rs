//! Stands before a server, and breaks its first connection after a number of octets, or in place of an answer.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The moment at which a connection ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ProxyCut {
    /// After this many octets of the client.
    Asked(u64),
    /// After this many octets of the server.
    Answered(u64),
    /// In place of the first line of the server that contains a text.
    Before(&'static str),
    /// When one end closes it.
    Never,
}

/// A running proxy.
pub(crate) struct CuttingProxy {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
}

impl CuttingProxy {
    /// Starts a proxy before a port of 127.0.0.1.
    pub(crate) fn start(port: u16, first: ProxyCut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        thread::spawn(move || {
            let mut first = Some(first);
            for client in listener.incoming() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                let cut = first.take().unwrap_or(ProxyCut::Never);
                // A client that was killed breaks its connection.
                thread::spawn(move || client.and_then(|client| pass(client, port, cut)));
            }
        });
        Self { address, is_over }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for CuttingProxy {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // The thread notices that with its next client.
        let _ = TcpStream::connect(self.address);
    }
}

fn pass(client: TcpStream, port: u16, cut: ProxyCut) -> io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", port))?;
    let (asking, answering) = (client.try_clone()?, server.try_clone()?);
    let asked = match cut {
        ProxyCut::Asked(octets) => octets,
        _ => u64::MAX,
    };
    let asked = thread::spawn(move || carry(&asking, &answering, asked));
    let answered = match cut {
        ProxyCut::Before(text) => carry_lines(&server, &client, text),
        ProxyCut::Answered(octets) => carry(&server, &client, octets),
        ProxyCut::Asked(_) | ProxyCut::Never => carry(&server, &client, u64::MAX),
    };
    asked.join().expect("no thread panics").and(answered)
}

/// Carries octets from one end to the other. Then both are closed.
fn carry(from: &TcpStream, mut to: &TcpStream, octets: u64) -> io::Result<()> {
    let carried = io::copy(&mut from.take(octets), &mut to);
    close(from, to);
    carried.map(drop)
}

/// Carries lines to the first one that contains a text. Then both ends are closed.
fn carry_lines(from: &TcpStream, mut to: &TcpStream, text: &str) -> io::Result<()> {
    for line in BufReader::new(from).split(b'\n') {
        let line = [line?, b"\n".to_vec()].concat();
        if memchr::memmem::find(&line, text.as_bytes()).is_some() {
            break;
        }
        to.write_all(&line)?;
    }
    close(from, to);
    Ok(())
}

fn close(one: &TcpStream, other: &TcpStream) {
    // The other thread may have closed them already.
    let _ = (one.shutdown(Shutdown::Both), other.shutdown(Shutdown::Both));
}
