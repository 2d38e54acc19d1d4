//! Who is measured: the clients, each as its manual configures it for the same job.
//! Measures nothing.

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

/// A client, or what the machine can do at best.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Who {
    /// A plain writer of the same files.
    Disk,
    Fdm,
    Fetchmail,
    Getmail,
    /// A plain reader of the same octets.
    Line,
    Mailpull,
    Mpop,
}

impl Who {
    pub(crate) fn is_program(self) -> bool {
        !matches!(self, Self::Disk | Self::Line)
    }
}

impl fmt::Display for Who {
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

/// What becomes of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DeliveryMethod {
    Maildir,
    /// A procmail for each, which writes into a Maildir.
    Procmail,
}

/// Who everybody runs as where the bench is root's: getmail delivers nothing as root, and none of
/// them should. It is the number of nobody on Debian, as fdm and getmail want a user who has a name.
const NOBODY: u32 = 65_534;

/// A client's job, and the folder that it has for itself.
pub(crate) struct Job {
    pub(crate) home: PathBuf,
    /// Where mailpull is.
    pub(crate) mailpull: PathBuf,
    pub(crate) server: SocketAddr,
    /// Who vouches for the server; without, there is no TLS.
    pub(crate) authority: Option<PathBuf>,
    pub(crate) users: Vec<String>,
    /// How many messages there are for all of them.
    pub(crate) messages: usize,
    pub(crate) delivery: DeliveryMethod,
    /// What mailpull is configured with besides.
    pub(crate) keys: &'static str,
    /// What mailpull's command line has besides.
    pub(crate) flags: &'static [&'static str],
}

impl Job {
    /// Makes the folder and writes what the client reads.
    pub(crate) fn configure(&self, who: Who) {
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
        match who {
            Who::Disk | Who::Line => {}
            Who::Fdm => self.configure_fdm(),
            Who::Fetchmail => self.configure_fetchmail(),
            Who::Getmail => self.configure_getmail(),
            Who::Mailpull => self.configure_mailpull(),
            Who::Mpop => self.configure_mpop(),
        }
    }

    /// Names the Maildir of a user.
    pub(crate) fn maildir(&self, user: &str) -> PathBuf {
        self.home.join("Mail").join(user)
    }

    /// Counts what was delivered to a user.
    pub(crate) fn delivered(&self, user: &str) -> usize {
        MaildirView::at(self.maildir(user)).count("new")
    }

    /// What a client has to be called with, and what comes before it (`strace`).
    pub(crate) fn command(&self, who: Who, wrapper: &[String]) -> Command {
        let mut argv = wrapper.to_vec();
        argv.extend(self.arguments(who));
        let (program, arguments) = argv.split_first().expect("there is a program");
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
            // fdm takes whom to trust from OpenSSL alone.
            command.env("SSL_CERT_FILE", authority);
        }
        command
    }

    fn arguments(&self, who: Who) -> Vec<String> {
        let own = |name: &str| self.home.join(name).display().to_string();
        let mut argv: Vec<String> = match who {
            Who::Disk | Who::Line => unreachable!("{who} is no program"),
            Who::Fdm => vec!["fdm".into(), "-qf".into(), own("fdm.conf"), "fetch".into()],
            Who::Fetchmail => vec!["fetchmail".into(), "-sf".into(), own("fetchmailrc")],
            Who::Getmail => vec!["getmail".into(), "-qg".into(), own("")],
            Who::Mailpull => vec![
                self.mailpull.display().to_string(),
                "-c".into(),
                own("mailpull.toml"),
                "--state-dir".into(),
                own("state"),
                "fetch".into(),
            ],
            Who::Mpop => vec!["mpop".into(), "-qaC".into(), own("mpoprc")],
        };
        match who {
            Who::Fetchmail => {
                argv.extend([
                    "--idfile".into(),
                    own("ids"),
                    "--pidfile".into(),
                    own("pid"),
                ]);
            }
            Who::Getmail => {
                for user in &self.users {
                    argv.extend(["-r".into(), own(&format!("getmailrc-{user}"))]);
                }
            }
            Who::Mailpull => argv.extend(self.flags.iter().map(ToString::to_string)),
            _ => {}
        }
        argv
    }

    /// What makes a client print its version and nothing else.
    pub(crate) fn version(&self, who: Who) -> Command {
        let mut command = Command::new(&self.arguments(who)[0]);
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

    /// It has no delivery into Maildirs of its own, so that procmail has to do it in any case.
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

    /// Writes a file that only its owner may read, as some clients insist.
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
