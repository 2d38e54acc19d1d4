//! An OAuth 2.0 provider on loopback, and a user with a browser. Both are programs for node beside
//! this file. The provider uses the package oidc-provider, which `tests/run` installs.

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

/// A running provider. Any user can sign in with any password.
pub(crate) struct OidcProvider {
    address: String,
    node: PathBuf,
    _running: RunningProgram,
}

/// The secret of the client `confidential`. It has characters that must be escaped in a form.
pub(crate) const SECRET: &str = "s3cr&t/+";

impl OidcProvider {
    /// Starts a provider. Returns `None` if it is not installed, see [`tools::find`].
    pub(crate) fn start() -> Option<Self> {
        Self::start_with("{}")
    }

    /// Starts a provider whose access tokens expire after `seconds`.
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

    /// Returns the URL of a path, with `client` (`id:secret`) as user and password.
    pub(crate) fn at(&self, path: &str, client: &str) -> String {
        let address = self.address.trim_start_matches("http://");
        format!("http://{client}@{address}{path}")
    }

    /// Returns the configuration of an account that signs in here as the client `mailpull`.
    pub(crate) fn keys(&self) -> String {
        self.keys_of("mailpull")
    }

    /// Returns the configuration of an account that signs in here as another client.
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

    /// Makes a user open an address, sign in as `user` and agree.
    pub(crate) fn agree(&self, address: &str, user: &str) -> RunOutcome {
        self.browse(&[address, user])
    }

    /// Makes a user open an address, sign in as `user` and refuse.
    pub(crate) fn refuse(&self, address: &str, user: &str) -> RunOutcome {
        self.browse(&[address, user, "refuse"])
    }

    /// Makes a user enter a device code, sign in as `user` and agree.
    pub(crate) fn type_code(&self, code: &str, user: &str) -> RunOutcome {
        self.browse(&[&format!("{}/device", self.address), user, code])
    }

    /// Returns a shell command that opens the address `$1`, signs in as `user` and agrees.
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

    /// Returns the provider's introspection of a token.
    pub(crate) fn introspect(&self, token: &str) -> Value {
        let form = format!("token={token}");
        let answer = self.post("/token/introspection", Some("dovecot:dovecot"), &form);
        serde_json::from_str(&answer).expect("the provider answers with JSON")
    }

    /// Revokes the grant that a token belongs to, as the user can at the provider.
    pub(crate) fn revoke(&self, token: &str) {
        self.post(
            "/token/revocation",
            None,
            &format!("client_id=mailpull&token={token}"),
        );
    }

    fn post(&self, path: &str, client: Option<&str>, form: &str) -> String {
        let address = self.address.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("the provider listens");
        stream
            .set_read_timeout(Some(DEADLINE))
            .expect("the deadline is not zero");
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
            .expect("the provider reads the request");
        stream
            .read_to_string(&mut answer)
            .expect("the provider answers");
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .expect("an HTTP response has an empty line");
        assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
        body.to_owned()
    }
}

/// Reads the tokens that the program has stored below this state folder.
pub(crate) fn kept(state: &Path) -> Value {
    let text = fs::read(kept_file(state)).expect("the token file can be read");
    serde_json::from_slice(&text).expect("the token file is JSON")
}

/// Returns the path of the only token file.
pub(crate) fn kept_file(state: &Path) -> PathBuf {
    let files = fs::read_dir(state.join("tokens")).expect("there is a folder for tokens");
    let mut files = files
        .map(|entry| entry.expect("a folder in the sandbox can be read").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        });
    let file = files.next().expect("there is a token file");
    assert!(files.next().is_none(), "there is more than one token file");
    file
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/support/oauth2")
        .join(name)
}
