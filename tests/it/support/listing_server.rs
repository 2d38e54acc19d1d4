//! A server that sends a long listing to any number of clients at once. It has no messages.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The size in octets that STAT counts for each message.
pub(crate) const SIZE: usize = 100;

/// A server with a long listing, which serves until the test ends.
pub(crate) struct ListingServer {
    address: SocketAddr,
    answers: Arc<Answers>,
}

struct Answers {
    listing: String,
    total: String,
    is_full: AtomicBool,
}

impl ListingServer {
    /// Starts a server whose mailbox is empty until [`Self::fill`] fills it with these unique-ids.
    pub(crate) fn start(unique_ids: impl Iterator<Item = String>) -> Self {
        let mut count = 0;
        let mut listing = "+OK\r\n".to_owned();
        for unique_id in unique_ids {
            count += 1;
            listing.push_str(&format!("{count} {unique_id}\r\n"));
        }
        listing.push_str(".\r\n");
        let answers = Arc::new(Answers {
            listing,
            total: format!("+OK {count} {}\r\n", count * SIZE),
            is_full: AtomicBool::new(false),
        });
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let served = Arc::clone(&answers);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answers = Arc::clone(&served);
                // A client may leave at any time.
                thread::spawn(move || drop(answers.converse(&stream)));
            }
        });
        Self { address, answers }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn fill(&self) {
        self.answers.is_full.store(true, Ordering::SeqCst);
    }
}

impl Answers {
    fn converse(&self, mut stream: &TcpStream) -> io::Result<()> {
        const EMPTY: &str = "+OK\r\n.\r\n";
        let is_full = self.is_full.load(Ordering::SeqCst);
        stream.write_all(b"+OK\r\n")?;
        for command in BufReader::new(stream).lines() {
            let command = command?;
            let answer = match (command.split(' ').next(), is_full) {
                (Some("CAPA"), _) => "+OK\r\nUIDL\r\nUSER\r\nPIPELINING\r\n.\r\n",
                (Some("UIDL"), true) => &self.listing,
                (Some("STAT"), true) => &self.total,
                (Some("UIDL" | "LIST"), false) => EMPTY,
                (Some("STAT"), false) => "+OK 0 0\r\n",
                _ => "+OK\r\n",
            };
            stream.write_all(answer.as_bytes())?;
            if command == "QUIT" {
                break;
            }
        }
        Ok(())
    }
}
