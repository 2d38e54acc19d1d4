//! Real proxies on loopback: microsocks for SOCKS5 and tinyproxy for HTTP CONNECT. Both require a
//! user and a password.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::DEADLINE;
use super::outcome::RunOutcome;
use super::process::{Program, RunningProgram};
use super::tools::find;

/// The user and password that the proxies accept.
pub(crate) const LOGIN: &str = "proxy-user:proxy-password";

/// A running proxy.
pub(crate) struct ProxyServer {
    _folder: TempDir,
    running: RunningProgram,
    scheme: &'static str,
    port: u16,
}

impl ProxyServer {
    /// Starts a SOCKS5 proxy. Returns `None` if microsocks is not installed, see [`find`].
    pub(crate) fn socks5() -> Option<Self> {
        let program = find("microsocks")?;
        Some(Self::start("socks5", |_, port| {
            let mut command = Command::new(&program);
            let (user, password) = LOGIN.split_once(':').expect("LOGIN has a colon");
            command.args(["-i", "127.0.0.1", "-p", &port.to_string()]);
            command.args(["-u", user, "-P", password]);
            command
        }))
    }

    /// Starts an HTTP proxy. Returns `None` if tinyproxy is not installed, see [`find`].
    pub(crate) fn http() -> Option<Self> {
        let program = find("tinyproxy")?;
        Some(Self::start("http", |folder, port| {
            let path = folder.path().join("tinyproxy.conf");
            let login = LOGIN.replace(':', " ");
            let config = format!(
                "Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 10\nAllow 127.0.0.1\n\
                 LogLevel Connect\nBasicAuth {login}\n"
            );
            std::fs::write(&path, config).expect("a temporary directory can be written");
            let mut command = Command::new(&program);
            command.args(["-d", "-c"]).arg(path);
            command
        }))
    }

    fn start(scheme: &'static str, command: impl Fn(&TempDir, u16) -> Command) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        // Another process may take the free port before the proxy does. Then this tries again.
        for _ in 0..5 {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| it.local_addr());
            let port = free.expect("loopback has a free port").port();
            let mut running = Program::new(command(&folder, port)).start();
            if listens(port, &mut running) {
                return Self {
                    _folder: folder,
                    running,
                    scheme,
                    port,
                };
            }
            eprintln!("{}", running.wait());
        }
        panic!("the proxy does not start; its output is above");
    }

    /// Returns the value of `proxy` for it, with this user and password.
    pub(crate) fn url(&self, login: &str) -> String {
        format!("{}://{login}@127.0.0.1:{}", self.scheme, self.port)
    }

    /// Ends the proxy and returns its output.
    pub(crate) fn end(self) -> RunOutcome {
        self.running.kill()
    }
}

fn listens(port: u16, running: &mut RunningProgram) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < DEADLINE && !running.is_over() {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return true;
        }
        // The proxy does not report when it is ready, so it has to be asked.
        thread::sleep(Duration::from_millis(20));
    }
    false
}
