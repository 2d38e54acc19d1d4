//! The mail clients that are measured, each configured for the same job as its manual says.

use std::env;
use std::fmt::{self, Write as _};
use std::fs::{self, DirBuilder, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::getuid;

use crate::support::maildir::MaildirView;
use crate::support::model_server::PASSWORD;

/// A mail client, or a limit of the machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Measured {
    /// A simple writer of the same files, which shows the limit of the disk.
    Disk,
    Fdm,
    Fetchmail,
    Getmail,
    /// A simple reader of the same octets, which shows the limit of the connection.
    Line,
    Mailpull,
    Mpop,
}

impl Measured {
    pub(crate) fn is_program(self) -> bool {
        !matches!(self, Self::Disk | Self::Line)
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disk => "the disk",
            Self::Fdm => "fdm",
            Self::Fetchmail => "fetchmail",
            Self::Getmail => "getmail6",
            Self::Line => "the line",
            Self::Mailpull => "mailpull",
            Self::Mpop => "mpop",
        })
    }
}

/// The way in which messages are delivered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DeliveryMethod {
    Maildir,
    /// procmail is started for each message and writes it into a Maildir.
    Procmail,
}

/// The user that all clients run as if the benchmark runs as root. getmail does not deliver as
/// root. fdm and getmail need a user with a name, so this is the number of nobody on Debian.
const NOBODY: u32 = 65_534;

/// A client's job, and its own folder.
pub(crate) struct Job {
    pub(crate) home: PathBuf,
    /// The path of mailpull.
    pub(crate) mailpull: PathBuf,
    pub(crate) server: SocketAddr,
    /// The certificate authority of the server. Without it there is no TLS.
    pub(crate) authority: Option<PathBuf>,
    pub(crate) users: Vec<String>,
    /// The number of messages for all users together.
    pub(crate) messages: usize,
    pub(crate) delivery: DeliveryMethod,
    /// Additional lines in mailpull's configuration.
    pub(crate) keys: &'static str,
    /// Additional arguments of mailpull.
    pub(crate) flags: &'static [&'static str],
}

impl Job {
    /// Makes the folder and writes the client's configuration.
    pub(crate) fn configure(&self, measured: Measured) {
        self.make_folder("");
        self.make_folder("Mail");
        for user in &self.users {
            for folder in ["", "tmp", "new", "cur"] {
                self.make_folder(&format!("Mail/{user}/{folder}"));
            }
            let maildir = self.maildir(user);
            let rules = format!("DEFAULT={}/\nLOGFILE=/dev/null\n", maildir.display());
            self.write(&format!("procmailrc-{user}"), &rules);
        }
        match measured {
            Measured::Disk | Measured::Line => {}
            Measured::Fdm => self.configure_fdm(),
            Measured::Fetchmail => self.configure_fetchmail(),
            Measured::Getmail => self.configure_getmail(),
            Measured::Mailpull => self.configure_mailpull(),
            Measured::Mpop => self.configure_mpop(),
        }
    }

    /// Returns the path of a user's Maildir.
    pub(crate) fn maildir(&self, user: &str) -> PathBuf {
        self.home.join("Mail").join(user)
    }

    /// Counts the messages that were delivered to a user.
    pub(crate) fn delivered(&self, user: &str) -> usize {
        MaildirView::at(self.maildir(user)).count("new")
    }

    /// Returns the client's command line after that of a wrapper, such as `strace`.
    pub(crate) fn command(&self, measured: Measured, wrapper: &[String]) -> Command {
        let mut argv = wrapper.to_vec();
        argv.extend(self.arguments(measured));
        let (program, arguments) = argv.split_first().expect("the first word is the program");
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.home)
            .env_clear()
            .env("HOME", &self.home)
            .env("LC_ALL", "C.UTF-8")
            .env("PATH", env::var_os("PATH").unwrap_or_default());
        if getuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        if let Some(authority) = &self.authority {
            // fdm has no setting for the authority. It uses OpenSSL's default.
            command.env("SSL_CERT_FILE", authority);
        }
        command
    }

    fn arguments(&self, measured: Measured) -> Vec<String> {
        let own = |name: &str| self.home.join(name).display().to_string();
        let mut argv: Vec<String> = match measured {
            Measured::Disk | Measured::Line => unreachable!("{measured} is not a program"),
            Measured::Fdm => vec!["fdm".into(), "-qf".into(), own("fdm.conf"), "fetch".into()],
            Measured::Fetchmail => vec!["fetchmail".into(), "-sf".into(), own("fetchmailrc")],
            Measured::Getmail => vec!["getmail".into(), "-qg".into(), own("")],
            Measured::Mailpull => vec![
                self.mailpull.display().to_string(),
                "-c".into(),
                own("mailpull.toml"),
                "--state-dir".into(),
                own("state"),
                "fetch".into(),
            ],
            Measured::Mpop => vec!["mpop".into(), "-qaC".into(), own("mpoprc")],
        };
        match measured {
            Measured::Fetchmail => {
                argv.extend([
                    "--idfile".into(),
                    own("ids"),
                    "--pidfile".into(),
                    own("pid"),
                ]);
            }
            Measured::Getmail => {
                for user in &self.users {
                    argv.extend(["-r".into(), own(&format!("getmailrc-{user}"))]);
                }
            }
            Measured::Mailpull => argv.extend(self.flags.iter().map(ToString::to_string)),
            _ => {}
        }
        argv
    }

    /// Returns a command with which the client only prints its version.
    pub(crate) fn version(&self, measured: Measured) -> Command {
        let mut command = Command::new(&self.arguments(measured)[0]);
        command.arg("--version");
        command
    }

    fn configure_mailpull(&self) {
        let mut toml = format!("[defaults]\npassword = {PASSWORD:?}\n{}\n", self.keys);
        match &self.authority {
            Some(authority) => writeln!(toml, "tls-ca-file = {authority:?}"),
            None => writeln!(toml, "security = \"none\""),
        }
        .expect("a string takes every write");
        for user in &self.users {
            let delivery = match self.delivery {
                DeliveryMethod::Maildir => format!("maildir = {:?}", self.maildir(user)),
                DeliveryMethod::Procmail => format!("mda = {:?}", self.procmail(user)),
            };
            toml += &format!(
                "[accounts.{user}]\nserver = \"localhost:{}\"\nuser = {user:?}\n{delivery}\n",
                self.server.port()
            );
        }
        self.write("mailpull.toml", &toml);
    }

    fn configure_mpop(&self) {
        let port = self.server.port();
        let mut rc = format!(
            "defaults\nhost localhost\nport {port}\npassword {PASSWORD:?}\nkeep on\n{}",
            match &self.authority {
                Some(authority) => format!(
                    "tls on\ntls_starttls off\ntls_trust_file {}\n",
                    authority.display()
                ),
                None => "tls off\nauth user\n".to_owned(),
            }
        );
        for user in &self.users {
            let delivery = match self.delivery {
                DeliveryMethod::Maildir => format!("maildir {}", self.maildir(user).display()),
                DeliveryMethod::Procmail => format!("mda {}", self.procmail(user)),
            };
            rc += &format!(
                "account {user}\nuser {user}\ndelivery {delivery}\nuidls_file {}\n",
                self.home.join(format!("uidls-{user}")).display()
            );
        }
        self.write("mpoprc", &rc);
    }

    /// fetchmail cannot deliver into a Maildir itself, so procmail always does that.
    fn configure_fetchmail(&self) {
        let tls = match &self.authority {
            Some(authority) => format!("ssl sslcertck sslcertfile {:?}", authority),
            None => "sslproto '' no sslcertck".to_owned(),
        };
        let mut rc = "set no bouncemail\n".to_owned();
        for (n, user) in self.users.iter().enumerate() {
            rc += &format!(
                "poll server{n} via localhost protocol pop3 service {} uidl\n\
                 user {user:?} password {PASSWORD:?} keep {tls} mda {:?}\n",
                self.server.port(),
                self.procmail(user)
            );
        }
        self.write("fetchmailrc", &rc);
    }

    fn configure_getmail(&self) {
        for user in &self.users {
            let (kind, tls) = match &self.authority {
                Some(authority) => (
                    "SimplePOP3SSL",
                    format!("ca_certs = {}", authority.display()),
                ),
                None => ("SimplePOP3", String::new()),
            };
            let rc = format!(
                "[retriever]\ntype = {kind}Retriever\nserver = localhost\nport = {}\n\
                 username = {user}\npassword = {PASSWORD}\n{tls}\n\
                 [destination]\ntype = Maildir\npath = {}/\n\
                 [options]\nread_all = false\ndelete = false\nverbose = 0\n",
                self.server.port(),
                self.maildir(user).display()
            );
            self.write(&format!("getmailrc-{user}"), &rc);
        }
    }

    fn configure_fdm(&self) {
        let kind = match &self.authority {
            Some(_) => "pop3s",
            None => "pop3",
        };
        let mut rc = format!(
            "set verify-certificates\nset maximum-size 1G\nset lock-file {:?}\n",
            self.home.join("fdm.lock")
        );
        for user in &self.users {
            rc += &format!(
                "account {user:?} {kind} server \"localhost\" port {} user {user:?} \
                 pass {PASSWORD:?} new-only cache {:?} keep\n\
                 action {user:?} maildir {:?}\n\
                 match account {user:?} action {user:?}\n",
                self.server.port(),
                self.home.join(format!("cache-{user}")),
                self.maildir(user)
            );
        }
        self.write("fdm.conf", &rc);
    }

    fn procmail(&self, user: &str) -> String {
        format!(
            "procmail {}",
            self.home.join(format!("procmailrc-{user}")).display()
        )
    }

    /// Writes a file that only its owner may read, which some clients require.
    fn write(&self, name: &str, text: &str) {
        let path = self.home.join(name);
        fs::write(&path, text)
            .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o600)))
            .unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
        give(&path);
    }

    fn make_folder(&self, name: &str) {
        let path = self.home.join(name);
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .unwrap_or_else(|e| panic!("cannot make {}: {e}", path.display()));
        give(&path);
    }
}

fn give(path: &Path) {
    if getuid().is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).expect("root may give files away");
    }
}
