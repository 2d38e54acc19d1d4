//! The programs that are compared. All delete delivered messages and keep a record of fetched ones.
//! Each is configured so that it loses and repeats least, by its manual and by trial.

use std::ffi::OsString;
use std::process::Command;

use crate::support::model_server::{PASSWORD, USER};
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;
use crate::support::strace::Threads;
use crate::support::tools;

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Fetcher {
    Mailpull,
    Fetchmail,
    Mpop,
    Getmail,
    Fdm,
}

impl Fetcher {
    pub(crate) const ALL: [Self; 5] = [
        Self::Mailpull,
        Self::Fetchmail,
        Self::Mpop,
        Self::Getmail,
        Self::Fdm,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fdm => "fdm",
            Self::Fetchmail => "fetchmail",
            Self::Getmail => "getmail",
            Self::Mailpull => "mailpull",
            Self::Mpop => "mpop",
        }
    }

    /// Makes a sandbox of a user who is not root. As root the other programs refuse to run or
    /// change their user.
    pub(crate) fn sandbox(self) -> Sandbox {
        match self {
            Self::Mailpull => Sandbox::unprivileged(),
            // They look up their user, who must have a name.
            _ => Sandbox::owned_by(NOBODY),
        }
    }

    pub(crate) fn is_installed(self) -> bool {
        self == Self::Mailpull || tools::look_for(self.name()).is_some()
    }

    /// Returns its version. The outputs of the programs have no common form.
    pub(crate) fn version(self) -> String {
        let (program, args): (_, &[&str]) = match self {
            // fdm has no flag for it.
            Self::Fdm => ("dpkg-query", &["-Wf${Version}", "fdm"]),
            Self::Fetchmail => ("fetchmail", &["--version"]),
            Self::Mailpull => (BINARY, &["--version"]),
            Self::Getmail | Self::Mpop => (self.name(), &["--version"]),
        };
        let printed = Command::new(program).args(args).output();
        let printed = printed.map(|output| output.stdout).unwrap_or_default();
        let printed = String::from_utf8_lossy(&printed);
        let mut words = printed.split([' ', '\n', '+', '-']);
        let version = words.find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        version.unwrap_or("?").to_owned()
    }

    /// Returns the threads whose system calls are the program's own. The only child of fetchmail is
    /// the MDA, which is not tested.
    pub(crate) fn threads(self) -> &'static [Threads] {
        match self {
            Self::Fetchmail => &[Threads::Main],
            _ => &[Threads::Main, Threads::Any],
        }
    }

    /// True if the run was disturbed by something else than the fault. getmail sometimes misses the
    /// end of its own child, waits for it and delivers again. This is likely in a traced run.
    pub(crate) fn was_disturbed(self, outcome: &RunOutcome) -> bool {
        self == Self::Getmail && outcome.stderr_text().contains("waiting child pid")
    }

    /// Writes its configuration, for the Maildir of the account `work`.
    pub(crate) fn configure(self, sandbox: &Sandbox, port: u16) {
        let home = sandbox.home().display().to_string();
        let maildir = sandbox.work().path().display().to_string();
        let text = match self {
            Self::Mailpull => {
                let server = format!("127.0.0.1:{port}");
                sandbox.account("work", server, "keep = false");
                return;
            }
            // fdm and fetchmail use a session for each deletion. This is slow, but repeats least.
            Self::Fdm => format!(
                "set no-received\nset purge-after 1\nset lock-file \"{home}/fdm.lock\"\n\
                 account \"work\" pop3 server \"127.0.0.1\" port {port} user \"{USER}\" \
                 pass \"{PASSWORD}\" new-only cache \"{home}/fdm.cache\"\n\
                 action \"deliver\" maildir \"{maildir}\"\nmatch all action \"deliver\"\n"
            ),
            Self::Fetchmail => format!(
                "set no syslog\nset invisible\npoll 127.0.0.1 service {port} protocol pop3 uidl\n\
                 user \"{USER}\" password \"{PASSWORD}\" sslproto \"\" no keep no rewrite expunge 1 \
                 mda \"procmail DEFAULT={maildir}/ /dev/null\"\n"
            ),
            // With to_oldmail_on_each_mail only the last message would be remembered, and more
            // would be repeated.
            Self::Getmail => format!(
                "[retriever]\ntype = SimplePOP3Retriever\nserver = 127.0.0.1\nport = {port}\ntimeout = 3\n\
                 username = {USER}\npassword = {PASSWORD}\n\
                 [destination]\ntype = Maildir\npath = {maildir}/\n\
                 [options]\ndelete = true\nread_all = false\n\
                 delivered_to = false\nreceived = false\n"
            ),
            Self::Mpop => format!(
                "account default\nhost 127.0.0.1\nport {port}\nuser {USER}\n\
                 password \"{PASSWORD}\"\nauth user\ntls off\nkeep off\nreceived_header off\n\
                 uidls_file {home}/mpop.uidls\ndelivery maildir {maildir}\n"
            ),
        };
        sandbox.write("config/peer", text);
    }

    /// Returns the program and its arguments for one silent run.
    pub(crate) fn argv(self, sandbox: &Sandbox) -> Vec<OsString> {
        let home = sandbox.home().into_os_string();
        let config = sandbox.path("config/peer").into_os_string();
        let args: &[OsString] = match self {
            Self::Fdm => &["-q".into(), "-f".into(), config, "fetch".into()],
            Self::Fetchmail => &["-s".into(), "-f".into(), config],
            Self::Getmail => &[
                "-q".into(),
                "--getmaildir".into(),
                home,
                "--rcfile".into(),
                config,
            ],
            Self::Mailpull => &["--state-dir".into(), home, "fetch".into()],
            Self::Mpop => &["-Q".into(), "-C".into(), config],
        };
        let program = match self {
            Self::Mailpull => sandbox.program(),
            _ => self.name().into(),
        };
        let mut argv = vec![program.into_os_string()];
        argv.extend_from_slice(args);
        argv
    }
}

/// Debian's user nobody.
const NOBODY: u32 = 65_534;
const BINARY: &str = env!("CARGO_BIN_EXE_mailpull");
