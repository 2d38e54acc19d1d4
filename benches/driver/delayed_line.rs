//! A relay that delays every octet, as the connection to a distant server does. Its bandwidth is
//! not limited.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

const BUFFER: usize = 64 * 1024;

/// The client's end of a relay. It stays open until the process ends.
pub(crate) struct DelayedLine {
    address: SocketAddr,
    round_trips: Arc<AtomicU64>,
}

impl DelayedLine {
    /// Starts a relay on which every octet takes `one_way` in each direction.
    pub(crate) fn start(server: SocketAddr, one_way: Duration) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let round_trips = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&round_trips);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // If the server refuses, the client's connection is closed.
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

    /// Returns the number of round trips since the last call. A round trip is counted when octets
    /// of the server reach a client that has sent something since the server's last octets.
    pub(crate) fn take_round_trips(&self) -> u64 {
        self.round_trips.swap(0, Ordering::Relaxed)
    }
}

fn connect(client: TcpStream, server: TcpStream, one_way: Duration, round_trips: &Arc<AtomicU64>) {
    for end in [&client, &server] {
        end.set_nodelay(true)
            .expect("a TCP connection can be set up");
    }
    let clone = |end: &TcpStream| end.try_clone().expect("the process has descriptors left");
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

/// Octets, and the time at which they are passed on.
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
            // A reset connection is treated like a closed one.
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
    // The other side may have closed the connection before.
    let _ = to.shutdown(Shutdown::Write);
}
