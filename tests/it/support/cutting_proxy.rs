//! Stands before a server, and breaks its first connection after a number of octets.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The octets that pass through the first connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PassedOctets {
    /// Those of the client.
    pub(crate) asked: u64,
    /// Those of the server.
    pub(crate) answered: u64,
}

impl PassedOctets {
    /// The first connection ends after this many octets of the client.
    pub(crate) fn asked(asked: u64) -> Self {
        let answered = u64::MAX;
        Self { asked, answered }
    }

    /// The first connection ends after this many octets of the server.
    pub(crate) fn answered(answered: u64) -> Self {
        let asked = u64::MAX;
        Self { asked, answered }
    }
}

/// A running proxy.
pub(crate) struct CuttingProxy {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
}

impl CuttingProxy {
    /// Starts a proxy before a port of 127.0.0.1.
    pub(crate) fn start(port: u16, first: PassedOctets) -> Self {
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
                let all = PassedOctets {
                    asked: u64::MAX,
                    answered: u64::MAX,
                };
                let passed = first.take().unwrap_or(all);
                // A client that was killed breaks its connection.
                thread::spawn(move || client.and_then(|client| pass(client, port, passed)));
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

fn pass(client: TcpStream, port: u16, passed: PassedOctets) -> io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", port))?;
    let (asking, answering) = (client.try_clone()?, server.try_clone()?);
    let asked = thread::spawn(move || carry(asking, answering, passed.asked));
    let answered = carry(server, client, passed.answered);
    asked.join().expect("no thread panics").and(answered)
}

/// Carries octets from one end to the other. Then both are closed.
fn carry(from: TcpStream, mut to: TcpStream, octets: u64) -> io::Result<()> {
    let carried = io::copy(&mut (&from).take(octets), &mut to);
    let flushed = to.flush();
    // The other thread may have closed them already.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    carried.and(flushed)
}
