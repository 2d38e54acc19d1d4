//! A long line to a server: what goes in at one end comes out at the other a while later.
//! Knows octets, not POP3; its bandwidth has no bound.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

const BUFFER: usize = 64 * 1024;

/// The near end of the line. It stays open until the process ends.
pub(crate) struct DelayedLine {
    address: SocketAddr,
    round_trips: Arc<AtomicU64>,
}

impl DelayedLine {
    /// Opens a line on which every octet takes `one_way` in each direction.
    pub(crate) fn start(server: SocketAddr, one_way: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let round_trips = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&round_trips);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Where the server refuses, the client sees its connection closed.
                if let Ok(server) = TcpStream::connect(server) {
                    connect(client, server, one_way, &counted);
                }
            }
        });
        Self {
            address,
            round_trips,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often, since the last call, the server's words came to a client that had spoken since
    /// the server's words before.
    pub(crate) fn take_round_trips(&self) -> u64 {
        self.round_trips.swap(0, Ordering::Relaxed)
    }
}

fn connect(client: TcpStream, server: TcpStream, one_way: Duration, round_trips: &Arc<AtomicU64>) {
    for end in [&client, &server] {
        end.set_nodelay(true).expect("it is a TCP connection");
    }
    let clone = |end: &TcpStream| end.try_clone().expect("there are descriptors left");
    let has_spoken = Arc::new(AtomicBool::new(false));
    let speaks = {
        let has_spoken = Arc::clone(&has_spoken);
        move || has_spoken.store(true, Ordering::SeqCst)
    };
    let hears = {
        let round_trips = Arc::clone(round_trips);
        move || {
            if has_spoken.swap(false, Ordering::SeqCst) {
                round_trips.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    let there = take_in(clone(&client), one_way, speaks);
    let back = take_in(clone(&server), one_way, || {});
    thread::spawn(move || give_out(&there, server, || {}));
    thread::spawn(move || give_out(&back, client, hears));
}

/// Octets, and when they come out.
type Chunk = (Instant, Vec<u8>);

fn take_in(
    mut from: TcpStream,
    one_way: Duration,
    taken: impl Fn() + Send + 'static,
) -> Receiver<Chunk> {
    let (chunks, line) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = vec![0; BUFFER];
        loop {
            // A connection that is reset ends like one that is closed.
            let octets = from.read(&mut buffer).unwrap_or(0);
            if octets > 0 {
                taken();
            }
            let chunk = (Instant::now() + one_way, buffer[..octets].to_vec());
            if chunks.send(chunk).is_err() || octets == 0 {
                return;
            }
        }
    });
    line
}

fn give_out(line: &Receiver<Chunk>, mut to: TcpStream, given: impl Fn()) {
    for (due, octets) in line {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if octets.is_empty() {
            break;
        }
        given();
        if to.write_all(&octets).is_err() {
            break;
        }
    }
    // The other side may have closed before.
    let _ = to.shutdown(Shutdown::Write);
}
