//! A DNS server on loopback, and runs of the program that ask this server alone.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::DEADLINE;
use super::process::{Program, RunningProgram};
use super::sandbox::Sandbox;
use super::tools;

/// A dnsmasq with a few names under `.test`. It asks no other server for the rest.
pub(crate) struct DnsServer {
    address: Ipv4Addr,
    asked_before: Option<Ipv4Addr>,
    running: Option<RunningProgram>,
}

impl DnsServer {
    /// Starts dnsmasq with these lines in its configuration. Returns `None` if it is not installed,
    /// after [`tools::skip`].
    ///
    /// # Panics
    ///
    /// If the test does not run as root: only root may listen on port 53 and replace
    /// `/etc/resolv.conf`.
    #[track_caller]
    pub(crate) fn start(sandbox: &Sandbox, lines: &str) -> Option<Self> {
        tools::require_root();
        let program = tools::find("dnsmasq")?;
        let text =
            format!("no-resolv\nno-hosts\nlocal=/test/\nbind-interfaces\nuser=root\n{lines}\n");
        for _ in 0..5 {
            let address = free_address();
            let text = format!("{text}listen-address={address}\n");
            let config = sandbox.write("dnsmasq.conf", text);
            let mut command = Command::new(&program);
            command.args(["--keep-in-foreground", "--pid-file", "--log-facility=-"]);
            command.arg("-C").arg(config);
            let mut running = Program::new(command).start();
            if answers((address, 53).into(), &mut running) {
                let running = Some(running);
                return Some(Self {
                    address,
                    asked_before: None,
                    running,
                });
            }
            eprintln!("{}", running.wait());
        }
        panic!("dnsmasq does not start; its output is above");
    }

    /// Makes the program ask another resolver first, and then this one.
    pub(crate) fn after(mut self, other: Ipv4Addr) -> Self {
        self.asked_before = Some(other);
        self
    }

    /// Prepares a run of the program that asks this server alone.
    pub(crate) fn mailpull(&self, sandbox: &Sandbox, arguments: &[&str]) -> Program {
        let mut command = sandbox.command("unshare");
        command.args(["-m", "sh", "-c", ASKING]);
        command.arg(self.resolver(sandbox));
        command.arg(sandbox.program()).args(arguments);
        Program::new(command)
    }

    /// Returns the beginning of a shell command that makes the program after it ask this server
    /// alone.
    pub(crate) fn prefix(&self, sandbox: &Sandbox) -> String {
        let resolver = self.resolver(sandbox);
        format!("unshare -m sh -c '{ASKING}' {}", resolver.display())
    }

    fn resolver(&self, sandbox: &Sandbox) -> PathBuf {
        let resolvers = self.asked_before.iter().chain([&self.address]);
        let lines: String = resolvers
            .map(|address| format!("nameserver {address}\n"))
            .collect();
        sandbox.write("resolv.conf", lines)
    }
}

const ASKING: &str = "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";

impl Drop for DnsServer {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.kill();
        }
    }
}

/// Returns a random address in 127.0.0.0/8, which is unlikely to be in use.
pub(crate) fn free_address() -> Ipv4Addr {
    let [a, b, c] = {
        let mut octets = [0; 3];
        rustix::rand::getrandom(&mut octets, rustix::rand::GetRandomFlags::empty())
            .expect("the system has random numbers");
        octets
    };
    Ipv4Addr::new(127, a | 1, b, c | 1)
}

fn answers(address: SocketAddr, running: &mut RunningProgram) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < DEADLINE && !running.is_over() {
        if TcpStream::connect(address).is_ok() {
            return true;
        }
        // The server does not report when it is ready, so it has to be asked.
        thread::sleep(Duration::from_millis(20));
    }
    false
}
