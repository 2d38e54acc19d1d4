//! A real provider of sign-ins on loopback, `oidc-provider`, and a user with a browser. `tests/run`
//! installs the one; both are programs for node beside this file.
//! Knows nothing of mail.

mod fake;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::DEADLINE;
use super::outcome::RunOutcome;
use super::process::{Program, RunningProgram};
use super::tools;

pub(crate) use fake::{FakeProvider, answer};

/// A provider that runs. Anybody can sign in there.
pub(crate) struct OidcProvider {
    address: String,
    node: PathBuf,
    _running: RunningProgram,
}

/// The secret of the client `confidential`: what an escape too few would spoil.
pub(crate) const SECRET: &str = "s3cr&t/+";

impl OidcProvider {
    /// Starts one; `None`, said on standard error, if it is not installed and that is allowed.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with("{}")
    }

    /// Starts one whose tokens live for so many seconds.
    pub(crate) fn with_tokens_for(seconds: u32) -> Option<Self> {
        Self::start_with(&format!("{{\"access\": {seconds}}}"))
    }

    fn start_with(options: &str) -> Option<Self> {
        let node = tools::find("node")?;
        let library = tools::installed("oauth2/node_modules/oidc-provider/lib/index.js")?;
        let mut command = Command::new(&node);
        command
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .arg(script("provider.mjs"))
            .arg(library)
            .arg(options);
        let running = Program::new(command).start();
        let address = running.prints("http://127.0.0.1:");
        Some(Self {
            address,
            node,
            _running: running,
        })
    }

    /// Where it is asked something, with `user:password` of a client.
    pub(crate) fn at(&self, path: &str, client: &str) -> String {
        let address = self.address.trim_start_matches("http://");
        format!("http://{client}@{address}{path}")
    }

    /// The keys of an account that signs in here as the client `mailpull`.
    pub(crate) fn keys(&self) -> String {
        self.keys_of("mailpull")
    }

    /// The same as another client.
    pub(crate) fn keys_of(&self, client: &str) -> String {
        let mut keys = format!("oauth2-client-id = {client:?}\n");
        for (key, path) in [
            ("token", "/token"),
            ("auth", "/auth"),
            ("device", "/device/auth"),
        ] {
            writeln!(keys, "oauth2-{key}-url = \"{}{path}\"", self.address)
                .expect("a string takes every write");
        }
        keys + "oauth2-scope = \"openid offline_access\"\n"
    }

    /// Has a user open an address, sign in as `user` and agree.
    pub(crate) fn agree(&self, address: &str, user: &str) -> RunOutcome {
        self.browse(&[address, user])
    }

    /// Has a user open an address, sign in as `user` and refuse.
    pub(crate) fn refuse(&self, address: &str, user: &str) -> RunOutcome {
        self.browse(&[address, user, "refuse"])
    }

    /// Has a user type a code where that is asked for, sign in as `user` and agree.
    pub(crate) fn type_code(&self, code: &str, user: &str) -> RunOutcome {
        self.browse(&[&format!("{}/device", self.address), user, code])
    }

    /// A shell's line that opens the address `$1`, signs in as `user` and agrees.
    pub(crate) fn browser_of(&self, user: &str) -> String {
        let (node, script) = (self.node.display(), script("browser.mjs"));
        format!("exec {node} {} \"$1\" {user} >/dev/null", script.display())
    }

    fn browse(&self, arguments: &[&str]) -> RunOutcome {
        let mut command = Command::new(&self.node);
        command.arg(script("browser.mjs")).args(arguments);
        let outcome = Program::new(command).run();
        outcome.succeeds();
        outcome
    }

    /// Asks what the provider knows of a token.
    pub(crate) fn introspect(&self, token: &str) -> Value {
        let form = format!("token={token}");
        let answer = self.post("/token/introspection", Some("dovecot:dovecot"), &form);
        serde_json::from_str(&answer).expect("it answers with JSON")
    }

    /// Takes back all that was granted with a token, as the user can at the provider.
    pub(crate) fn revoke(&self, token: &str) {
        self.post(
            "/token/revocation",
            None,
            &format!("client_id=mailpull&token={token}"),
        );
    }

    fn post(&self, path: &str, client: Option<&str>, form: &str) -> String {
        let address = self.address.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream
            .set_read_timeout(Some(DEADLINE))
            .expect("it can be set");
        let credentials = client.map_or_else(String::new, |client| {
            format!("Authorization: Basic {}\r\n", STANDARD.encode(client))
        });
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{credentials}\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        );
        let mut answer = String::new();
        stream
            .write_all(request.as_bytes())
            .expect("it takes a request");
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("it speaks HTTP");
        assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
        body.to_owned()
    }
}

/// What the program keeps of a sign-in below this state folder, read as JSON.
pub(crate) fn kept(state: &Path) -> Value {
    let text = fs::read(kept_file(state)).expect("it can be read");
    serde_json::from_slice(&text).expect("it is JSON")
}

/// The file in which it does.
pub(crate) fn kept_file(state: &Path) -> PathBuf {
    let files = fs::read_dir(state.join("tokens")).expect("something is kept");
    let mut files = files
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        });
    let file = files.next().expect("something is kept");
    assert!(files.next().is_none(), "more than one sign-in is kept");
    file
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/support/oauth2")
        .join(name)
}
