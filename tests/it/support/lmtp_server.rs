//! A mail server that takes messages by LMTP, as Dovecot does, and keeps them in memory. A message of
//! which an octet is missing is not kept.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::DEADLINE;

/// A running server. It takes any recipient.
pub(crate) struct LmtpServer {
    address: SocketAddr,
    taken: Arc<Mutex<Vec<Vec<u8>>>>,
    is_over: Arc<AtomicBool>,
}

/// The number of octets after which a connection is closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LmtpCut {
    /// The octets that the server hears.
    pub(crate) heard: usize,
    /// The octets that it says.
    pub(crate) said: usize,
}

impl LmtpCut {
    const NEVER: Self = Self {
        heard: usize::MAX,
        said: usize::MAX,
    };

    /// A cut after this many octets that the server hears.
    pub(crate) fn after_hearing(heard: usize) -> Self {
        Self {
            heard,
            ..Self::NEVER
        }
    }

    /// A cut after this many octets that the server says.
    pub(crate) fn after_saying(said: usize) -> Self {
        Self {
            said,
            ..Self::NEVER
        }
    }
}

impl LmtpServer {
    /// Starts the server on a free port of 127.0.0.1.
    pub(crate) fn start() -> Self {
        Self::cutting(LmtpCut::NEVER)
    }

    /// Starts a server that cuts its first connection.
    pub(crate) fn cutting(cut: LmtpCut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let taken = Arc::default();
        let is_over = Arc::new(AtomicBool::new(false));
        let (kept, ends) = (Arc::clone(&taken), Arc::clone(&is_over));
        thread::spawn(move || {
            let mut cut = Some(cut);
            for client in listener.incoming() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                let kept = Arc::clone(&kept);
                let cut = cut.take().unwrap_or(LmtpCut::NEVER);
                // A client that was killed breaks its connection.
                thread::spawn(move || client.and_then(|client| serve(client, cut, &kept)));
            }
        });
        Self {
            address,
            taken,
            is_over,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the messages that it has taken, with LF as line end.
    pub(crate) fn messages(&self) -> Vec<Vec<u8>> {
        self.taken.lock().expect("no thread panics").clone()
    }
}

impl Drop for LmtpServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // The thread notices that with its next client.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(client: TcpStream, cut: LmtpCut, taken: &Mutex<Vec<Vec<u8>>>) -> io::Result<()> {
    client.set_read_timeout(Some(DEADLINE))?;
    let mut heard = BufReader::new(client.try_clone()?.take(cut.heard as u64));
    let mut said = CutWriter {
        client,
        left: cut.said,
    };
    said.write_all(b"220 mx ready\r\n")?;
    loop {
        let mut line = String::new();
        heard.read_line(&mut line)?;
        if !line.ends_with('\n') {
            return Ok(());
        }
        let answer = match line.trim_end().split_once(' ') {
            Some(("LHLO", _)) => "250-mx\r\n250-8BITMIME\r\n250-CHUNKING\r\n250 PIPELINING",
            Some(("BDAT", length)) => {
                let length = length.strip_suffix(" LAST").unwrap_or(length);
                let length = length.parse().map_err(io::Error::other)?;
                let mut octets = vec![0; length];
                heard.read_exact(&mut octets)?;
                let message = stored(&octets);
                taken.lock().expect("no thread panics").push(message);
                "250 2.0.0 Saved"
            }
            _ => "250 OK",
        };
        said.write_all(format!("{answer}\r\n").as_bytes())?;
    }
}

/// A connection that fails once this many octets were written.
struct CutWriter {
    client: TcpStream,
    left: usize,
}

impl Write for CutWriter {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let count = self.left.min(octets.len());
        self.left -= count;
        self.client.write(&octets[..count])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn stored(octets: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(octets.len());
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(text) => {
                stored.extend_from_slice(text);
                stored.push(b'\n');
            }
            None => stored.extend_from_slice(line),
        }
    }
    stored
}
