//! Handshakes that fail with real servers: each reason of the TLS library becomes a sentence and a hint.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::support::certificates::Authority;
use crate::support::sandbox::Sandbox;
use crate::support::script::Script;
use crate::support::tools;

/// `openssl s_server`, which is killed when it is dropped.
struct OpensslServer {
    process: Child,
    address: String,
}

impl OpensslServer {
    /// Starts it on a free port of 127.0.0.1, with the certificate of the sandbox. Returns `None` if it is not installed.
    fn start(sandbox: &Sandbox, arguments: &str) -> Option<Self> {
        let openssl = tools::find("openssl")?;
        let path = |name: &str| sandbox.home().with_file_name(name);
        let mut process = Command::new(openssl)
            .args(["s_server", "-accept", "127.0.0.1:0", "-cert"])
            .arg(path("cert.pem"))
            .arg("-key")
            .arg(path("key.pem"))
            .args(arguments.split_whitespace())
            .current_dir(path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl can be started");
        let stdout = process.stdout.take().expect("its output is a pipe");
        let mut lines = BufReader::new(stdout).lines();
        let ready = lines.find_map(|line| {
            let line = line.expect("its output is text");
            line.strip_prefix("ACCEPT ").map(str::to_owned)
        });
        let address = ready.expect("the server says where it listens");
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { process, address })
    }
}

impl Drop for OpensslServer {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const TRUSTING: &str = "security = 'tls'\ntls-ca-file = '~/ca.pem'";

#[test]
fn a_handshake_that_openssl_refuses_is_explained() {
    const OLD: &str = "-tls1_1 -cipher ALL:@SECLEVEL=0";
    for (arguments, keys, error, hint) in [
        (
            OLD,
            "",
            "the server has neither TLS 1.2 nor TLS 1.3",
            "older versions are not safe",
        ),
        (
            "-tls1_2",
            "tls-min = '1.3'",
            "the server does not have TLS 1.3, which tls-min demands",
            "Set tls-min = \"1.2\"",
        ),
        (
            "-servername other -servername_fatal -cert2 cert.pem -key2 key.pem",
            "tls-name = 'localhost'",
            "the server does not know this name",
            "Set tls-name to a name of the server",
        ),
        (
            "-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256",
            "",
            "handshake failure",
            "it has no cipher suite that this machine allows",
        ),
    ] {
        let sandbox = Sandbox::new();
        let authority = Authority::new();
        sandbox.write("home/ca.pem", authority.pem());
        let certificate = authority.certificate();
        sandbox.write("cert.pem", certificate.pem.as_bytes());
        sandbox.write("key.pem", certificate.key.as_bytes());
        let Some(server) = OpensslServer::start(&sandbox, arguments) else {
            return;
        };
        sandbox.account("work", &server.address, &format!("{TRUSTING}\n{keys}"));

        sandbox
            .fetch()
            .fails_with(76)
            .complains_in_lines(1)
            .stderr_has(error)
            .stderr_has(hint);
    }
}

#[test]
fn a_server_that_begins_without_tls_names_the_key() {
    let server = Script::new("S: +OK ready\ncut").serve();
    let sandbox = Sandbox::with_work(server.address(), TRUSTING);
    sandbox.write("home/ca.pem", Authority::new().pem());

    sandbox
        .fetch()
        .fails_with(76)
        .stderr_has("the server answered with something else than TLS (wrong version number)")
        .stderr_has("set security = \"starttls\"");

    server.finish();
}

#[test]
fn a_server_that_waits_for_tls_names_the_key() {
    let server = Script::new("stall").serve();
    let keys = "security = 'starttls'\ntls-ca-file = '~/ca.pem'\ntimeout = '1s'";
    let sandbox = Sandbox::with_work(server.address(), keys);
    sandbox.write("home/ca.pem", Authority::new().pem());

    sandbox
        .fetch()
        .fails_with(75)
        .stderr_has("waiting for the greeting: timed out")
        .stderr_has("set security = \"tls\"");

    server.finish();
}

#[test]
fn a_server_that_goes_on_in_clear_after_stls_is_left() {
    let server =
        Script::new("S: +OK ready\nC: STLS\nS: +OK begin\nflush\nS: +OK injected\ncut").serve();
    let keys = "security = 'starttls'\ntls-ca-file = '~/ca.pem'";
    let sandbox = Sandbox::with_work(server.address(), keys);
    sandbox.write("home/ca.pem", Authority::new().pem());

    let outcome = sandbox.fetch();

    outcome.fails_with(76).stderr_has("nothing secret was sent");
    let said = outcome.stderr_text();
    // The octets may come together with the answer to STLS.
    let is_said = said.contains("went on without encryption") || said.contains("injecting replies");
    assert!(is_said && !said.contains("starttls"), "{said}");
    server.finish();
}
