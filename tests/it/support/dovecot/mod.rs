//! A Dovecot on loopback, with its own configuration, users and mail in a temporary folder. The
//! system's Dovecot, its configuration and its service are not touched.

mod config;

use std::fs::{self, OpenOptions, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, thread};

use rustix::process::{getgid, getuid};
use tempfile::TempDir;

pub(crate) use self::config::Dialect;
use self::config::{DovecotConfig, RunsAs};
use super::DEADLINE;
use super::certificates::Authority;
use super::mail::TestMessage;
use super::maildir::MaildirView;
use super::model_server::{PASSWORD, USER};
use super::process::{Program, RunningProgram};
use super::tools;

/// The user id that owns the mail if the tests run as root. Dovecot does not let root own mail, and
/// no user of the system has this id.
const MAIL_UID: u32 = 61_110;

/// A running Dovecot with PLAIN, LOGIN and APOP. One port has cleartext and STLS, another TLS. Its
/// log is printed if the test fails.
pub(crate) struct Dovecot {
    authority: Authority,
    dialect: Dialect,
    folder: TempDir,
    identity: RunsAs,
    port: u16,
    running: Option<RunningProgram>,
    tls_port: u16,
}

impl Dovecot {
    /// Starts Dovecot with an empty maildrop. Returns `None` if it is not installed, after
    /// [`tools::skip`].
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(|_| String::new())
    }

    /// Starts Dovecot with more lines at the end of its configuration, in its [`Self::dialect`].
    /// Returns `None` if it is not installed, after [`tools::skip`].
    pub(crate) fn start_with(extra: impl Fn(&Self) -> String) -> Option<Self> {
        let program = tools::find("dovecot")?;
        let dialect = dialect(&program);
        // Another process may take the free port before Dovecot does. Then this tries again.
        for _ in 0..5 {
            let mut dovecot = Self::prepare(dialect);
            let extra = extra(&dovecot);
            if dovecot.launch(&program, &extra) {
                return Some(dovecot);
            }
            eprintln!("{}", dovecot.log());
        }
        panic!("dovecot does not start; its log is above");
    }

    /// The syntax of its configuration.
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns the lines of the configuration with which access tokens are accepted. `settings` say how
    /// a token is verified.
    pub(crate) fn tokens(&self, settings: &str) -> String {
        let mechanisms = "auth_mechanisms = plain oauthbearer xoauth2\n";
        match self.dialect {
            Dialect::V2_3 => {
                let path = self.write("oauth2.conf", settings);
                format!(
                    "{mechanisms}passdb {{\n  driver = oauth2\n  \
                     mechanisms = oauthbearer xoauth2\n  args = {}\n}}\n",
                    path.display()
                )
            }
            Dialect::V2_4 => format!("{mechanisms}oauth2 {{\n{settings}}}\n"),
        }
    }

    /// The address without TLS, where STLS is offered.
    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The address with TLS.
    pub(crate) fn tls_address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.tls_port).into()
    }

    /// The path of its Unix socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// The authority that has signed its certificate for localhost and 127.0.0.1.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Returns the Maildir with the mail of [`USER`].
    pub(crate) fn maildir(&self) -> MaildirView {
        self.maildir_of(USER)
    }

    /// Returns the Maildir with the mail of a user.
    pub(crate) fn maildir_of(&self, user: &str) -> MaildirView {
        MaildirView::at(self.folder.path().join("mail").join(user))
    }

    /// Adds a user with [`PASSWORD`] and an empty maildrop.
    pub(crate) fn add_user(&self, user: &str) -> &Self {
        self.add_user_with(user, PASSWORD)
    }

    /// Adds a user with a password and an empty maildrop.
    pub(crate) fn add_user_with(&self, user: &str, password: &str) -> &Self {
        let (uid, gid) = self.owner();
        let maildir = self.maildir_of(user);
        maildir.make();
        self.give(maildir.path());
        for folder in ["tmp", "new", "cur"] {
            self.give(&maildir.path().join(folder));
        }
        let home = maildir.path().display();
        OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.folder.path().join("users"))
            .and_then(|mut users| {
                writeln!(users, "{user}:{{PLAIN}}{password}:{uid}:{gid}::{home}::")
            })
            .expect("a user can be added");
        self
    }

    /// Adds messages to the maildrop, after the existing ones, as a delivery agent does.
    ///
    /// The files have LF, and Dovecot sends CRLF. So a bare LF is sent as CRLF, and CR CR LF loses a
    /// CR. The unique-ids are Dovecot's own.
    pub(crate) fn deliver(&self, messages: &[TestMessage]) -> &Self {
        self.deliver_to(USER, messages)
    }

    /// Adds messages to the maildrop of another user.
    pub(crate) fn deliver_to(&self, user: &str, messages: &[TestMessage]) -> &Self {
        let maildir = self.maildir_of(user);
        let before = maildir.count("new") + maildir.count("cur");
        for (n, message) in (before + 1..).zip(messages) {
            let stored = message.stored();
            let on_the_wire = stored.len() + stored.iter().filter(|&&o| o == b'\n').count();
            let sizes = format!("S={},W={on_the_wire}", stored.len());
            let name = format!("{}.M{n:06}P1.test,{sizes}", 1_700_000_000 + n);
            let unfinished = maildir.path().join("tmp").join(&name);
            fs::write(&unfinished, stored).expect("mail can be written");
            self.give(&unfinished);
            fs::rename(unfinished, maildir.path().join("new").join(name))
                .expect("mail can be delivered");
        }
        self
    }

    /// Returns these messages as Dovecot sends them. It takes CRLF in a stored message for a line
    /// end, and sends an empty line for an empty message.
    pub(crate) fn sends(&self, messages: &[TestMessage]) -> Vec<TestMessage> {
        let sent = |message: &TestMessage| {
            let stored = TestMessage {
                octets: message.stored(),
                unique_id: message.unique_id.clone(),
            };
            let mut lines = stored.stored();
            if lines.is_empty() {
                lines.push(b'\n');
            }
            let lines = lines.split_inclusive(|&octet| octet == b'\n');
            let octets = lines.flat_map(|line| match line.strip_suffix(b"\n") {
                Some(line) => [line, b"\r\n"].concat(),
                None => line.to_vec(),
            });
            TestMessage::new(stored.unique_id.clone(), octets.collect::<Vec<_>>())
        };
        messages.iter().map(sent).collect()
    }

    /// Counts the messages in the maildrop.
    pub(crate) fn count(&self) -> usize {
        self.maildir().count("new") + self.maildir().count("cur")
    }

    /// Reads its log.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn prepare(dialect: Dialect) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("mailpull-dovecot-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .expect("a temporary directory can be made");
        let dovecot = Self {
            authority: Authority::new(),
            dialect,
            folder,
            identity: identity(),
            port: free_port(),
            running: None,
            tls_port: free_port(),
        };
        let certificate = dovecot.authority.certificate();
        dovecot.write("cert.pem", &certificate.pem);
        dovecot.write("key.pem", &certificate.key);
        let mail = dovecot.folder.path().join("mail");
        fs::create_dir(&mail).expect("a folder can be made");
        dovecot.give(&mail);
        dovecot.add_user(USER);
        dovecot
    }

    /// Starts the program. Returns true once it greets.
    fn launch(&mut self, program: &Path, extra: &str) -> bool {
        let config = DovecotConfig {
            dialect: self.dialect,
            folder: self.folder.path(),
            identity: &self.identity,
            port: self.port,
            tls_port: self.tls_port,
            extra,
        };
        self.write("dovecot.conf", &config.to_string());
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .arg("-F")
            .arg("-c")
            .arg(self.folder.path().join("dovecot.conf"));
        let mut running = Program::new(command).start();
        let begin = Instant::now();
        while begin.elapsed() < DEADLINE {
            if running.is_over() {
                eprintln!("{}", running.wait());
                return false;
            }
            if greets(self.address()) && TcpStream::connect(self.tls_address()).is_ok() {
                self.running = Some(running);
                return true;
            }
            // Dovecot does not report when it is ready, so it has to be asked.
            thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Writes a file beside its configuration, and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).expect("a folder can be made");
        }
        fs::write(&path, text).unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
        path
    }

    /// Gives a file to the user who owns the mail.
    fn give(&self, path: &Path) {
        let (uid, gid) = self.owner();
        if matches!(self.identity, RunsAs::Root { .. }) {
            chown(path, Some(uid), Some(gid)).expect("root may give files away");
        }
    }

    fn owner(&self) -> (u32, u32) {
        match self.identity {
            RunsAs::Root { mail } => (mail, mail),
            RunsAs::User { gid, uid, .. } => (uid, gid),
        }
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- the log of dovecot\n{}", self.log());
        }
        if let Some(running) = self.running.take() {
            // An orderly end takes seconds, and there is nothing to save.
            running.kill();
        }
    }
}

fn dialect(program: &Path) -> Dialect {
    let version = output(Command::new(program).arg("--version"));
    Dialect::of(&version)
        .unwrap_or_else(|| panic!("the tests have no configuration for dovecot {version}"))
}

fn identity() -> RunsAs {
    if getuid().is_root() {
        return RunsAs::Root { mail: MAIL_UID };
    }
    RunsAs::User {
        gid: getgid().as_raw(),
        group: output(Command::new("id").arg("-gn")).trim().to_owned(),
        uid: getuid().as_raw(),
        user: output(Command::new("id").arg("-un")).trim().to_owned(),
    }
}

fn output(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(output.status.success(), "{command:?}: {}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Finds a free port. Dovecot cannot choose one itself.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("loopback has a free port")
        .port()
}

fn greets(address: SocketAddr) -> bool {
    let Ok(client) = TcpStream::connect(address) else {
        return false;
    };
    let mut greeting = String::new();
    let is_set = client.set_read_timeout(Some(DEADLINE));
    let read = is_set.and_then(|()| BufReader::new(client).read_line(&mut greeting));
    read.is_ok() && greeting.starts_with("+OK")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::support::certificates::handshake;
    use crate::support::mail::{byte_stuffed, ordinary};

    fn say(mut client: impl Read + Write, commands: &str) -> String {
        client.write_all(commands.as_bytes()).unwrap();
        let mut replies = Vec::new();
        client.read_to_end(&mut replies).unwrap();
        String::from_utf8_lossy(&replies).into_owned()
    }

    fn login() -> String {
        format!("USER {USER}\r\nPASS {PASSWORD}\r\n")
    }

    #[test]
    fn dovecot_serves_delivered_mail_in_cleartext_and_tls() {
        let Some(dovecot) = Dovecot::start() else {
            return;
        };
        let messages = ordinary(1, 3);
        dovecot.deliver(&messages);
        let commands = login() + "LIST\r\nUIDL\r\nRETR 2\r\nQUIT\r\n";
        let in_cleartext = TcpStream::connect(dovecot.address()).unwrap();
        let in_tls = TcpStream::connect(dovecot.tls_address()).unwrap();
        let in_tls = handshake(in_tls, dovecot.authority()).unwrap();
        for replies in [say(in_cleartext, &commands), say(in_tls, &commands)] {
            for (n, message) in (1..).zip(&messages) {
                let scan = format!("\r\n{n} {}\r\n", message.octets.len());
                assert!(replies.contains(&scan), "{scan} is not in {replies}");
            }
            let second = String::from_utf8(byte_stuffed(&messages[1].octets)).unwrap();
            assert!(replies.contains(&second), "{replies}");
            assert!(replies.ends_with("+OK Logging out.\r\n"), "{replies}");
        }
        dovecot.maildir().holds(&messages);
    }

    #[test]
    fn dovecot_offers_every_mechanism_and_stls() {
        let Some(dovecot) = Dovecot::start() else {
            return;
        };
        let client = TcpStream::connect(dovecot.address()).unwrap();
        let replies = say(client, "CAPA\r\nQUIT\r\n");
        for offer in [
            "PIPELINING",
            "SASL PLAIN LOGIN",
            "STLS",
            "TOP",
            "UIDL",
            "USER",
        ] {
            assert!(
                replies.lines().any(|line| line == offer),
                "{offer}: {replies}"
            );
        }
        // The timestamp of APOP (RFC 1939 section 7).
        let greeting = replies.lines().next().unwrap();
        assert!(
            greeting.contains('<') && greeting.ends_with('>'),
            "{greeting}"
        );
    }

    #[test]
    fn a_deleted_message_is_gone_after_quit() {
        let Some(dovecot) = Dovecot::start() else {
            return;
        };
        let messages = ordinary(1, 3);
        dovecot.deliver(&messages);
        let client = TcpStream::connect(dovecot.address()).unwrap();
        say(client, &(login() + "DELE 1\r\nDELE 3\r\nQUIT\r\n"));
        dovecot.maildir().holds(&messages[1..2]);
    }
}
