//! The limits of the machine: a reader that pipelines everything and ignores the replies, and a
//! writer of the same files with one flush at the end.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use native_tls::{Certificate, TlsConnector};

use crate::support::model_server::PASSWORD;

const BUFFER: usize = 256 * 1024;
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// The number of connections to one server at the same time. It is mailpull's own limit.
const AT_ONCE: usize = 8;

/// The server and the messages to read.
pub(crate) struct Reading<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) authority: Option<&'a Path>,
    pub(crate) users: &'a [String],
    /// The number of messages of each user. `None` reads only the unique-ids.
    pub(crate) retrieve: Option<usize>,
}

impl Reading<'_> {
    /// Reads everything, several users at the same time.
    pub(crate) fn run(&self) {
        let next = AtomicUsize::new(0);
        // One connector for all users: it reads the system's authorities, which takes time.
        let tls = self
            .authority
            .map(|path| connector(path).expect("the file is a certificate"));
        thread::scope(|scope| {
            for _ in 0..AT_ONCE.min(self.users.len()) {
                scope.spawn(|| {
                    while let Some(user) = self.users.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let read = self.read(user, tls.as_ref()).expect("Dovecot answers");
                        assert!(read > 0, "nothing came for {user}");
                    }
                });
            }
        });
    }

    fn read(&self, user: &str, tls: Option<&TlsConnector>) -> io::Result<u64> {
        let mut commands = format!("USER {user}\r\nPASS {PASSWORD}\r\n");
        match self.retrieve {
            Some(count) => (1..=count).for_each(|n| commands += &format!("RETR {n}\r\n")),
            None => commands += "UIDL\r\n",
        }
        commands += "QUIT\r\n";
        let socket = TcpStream::connect(self.address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(READ_TIMEOUT))?;
        match tls {
            None => converse(socket, &commands),
            Some(tls) => {
                let stream = tls.connect("localhost", socket);
                converse(
                    stream.map_err(|e| io::Error::other(e.to_string()))?,
                    &commands,
                )
            }
        }
    }
}

fn connector(authority: &Path) -> io::Result<TlsConnector> {
    let authority = Certificate::from_pem(&fs::read(authority)?).map_err(io::Error::other)?;
    TlsConnector::builder()
        .disable_built_in_roots(true)
        .add_root_certificate(authority)
        .build()
        .map_err(io::Error::other)
}

/// Sends all commands in one write and reads the replies to the end. The buffers of the sockets can
/// hold the commands.
fn converse(mut stream: impl Read + Write, commands: &str) -> io::Result<u64> {
    stream.write_all(commands.as_bytes())?;
    stream.flush()?;
    let mut buffer = vec![0; BUFFER];
    let mut total = 0;
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(total),
            octets => total += octets as u64,
        }
    }
}

/// Writes files as a delivery into a Maildir does, and flushes once.
pub(crate) fn write(files: &[Vec<u8>], folder: &Path) {
    let (tmp, new) = (folder.join("tmp"), folder.join("new"));
    for folder in [&tmp, &new] {
        fs::create_dir_all(folder).expect("a folder can be made");
    }
    for (n, octets) in files.iter().enumerate() {
        let name = format!("1700000000.M{n:06}P1.test");
        File::create_new(tmp.join(&name))
            .and_then(|mut file| file.write_all(octets))
            .and_then(|()| fs::rename(tmp.join(&name), new.join(&name)))
            .expect("a file can be written");
    }
    let folder = File::open(folder).expect("the folder was made above");
    rustix::fs::syncfs(folder).expect("a file system can be flushed");
}
