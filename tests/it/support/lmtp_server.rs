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

impl LmtpServer {
    /// Starts the server on a free port of 127.0.0.1.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let taken = Arc::default();
        let is_over = Arc::new(AtomicBool::new(false));
        let (kept, ends) = (Arc::clone(&taken), Arc::clone(&is_over));
        thread::spawn(move || {
            for client in listener.incoming() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                let kept = Arc::clone(&kept);
                // A client that was killed breaks its connection.
                thread::spawn(move || client.and_then(|client| serve(client, &kept)));
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

fn serve(mut client: TcpStream, taken: &Mutex<Vec<Vec<u8>>>) -> io::Result<()> {
    client.set_read_timeout(Some(DEADLINE))?;
    let mut heard = BufReader::new(client.try_clone()?);
    client.write_all(b"220 mx ready\r\n")?;
    loop {
        let mut line = String::new();
        if heard.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let answer = match line.trim_end().split_once(' ') {
            Some(("LHLO", _)) => "250-mx\r\n250-8BITMIME\r\n250-CHUNKING\r\n250 PIPELINING",
            Some(("BDAT", length)) => {
                let length = length.strip_suffix(" LAST").unwrap_or(length);
                let length = length.parse().map_err(io::Error::other)?;
                let mut octets = vec![0; length];
                heard.read_exact(&mut octets)?;
                let message = stored(octets);
                taken.lock().expect("no thread panics").push(message);
                "250 2.0.0 Saved"
            }
            _ => "250 OK",
        };
        client.write_all(format!("{answer}\r\n").as_bytes())?;
    }
}

fn stored(octets: Vec<u8>) -> Vec<u8> {
    let lines = octets.split_inclusive(|octet| *octet == b'\n');
    let lines = lines.flat_map(|line| match line.strip_suffix(b"\r\n") {
        Some(text) => [text, b"\n"].concat(),
        None => line.to_vec(),
    });
    lines.collect()
}
