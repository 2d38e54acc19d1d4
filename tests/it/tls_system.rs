//! The system's settings for TLS: its certificate authorities and its ciphers.

use std::process::Command;

use crate::support::certificates::Authority;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::script::{Script, ScriptServer};
use crate::support::tools;
use crate::tls::SESSION;

const TLS: &str = "security = 'tls'";

fn server(authority: &Authority) -> ScriptServer {
    Script::new(["tls\nS: +OK ready", SESSION].concat())
        .identity(authority.certificate().acceptor())
        .serve()
}

#[test]
fn system_authorities_come_from_a_file_or_a_folder() {
    if tools::find("openssl").is_none() {
        return;
    }
    let authority = Authority::new();
    for variable in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        let server = server(&authority);
        let sandbox = Sandbox::with_work(server.address(), TLS);
        let file = sandbox.write("authorities/ca.pem", authority.pem());
        let folder = sandbox.path("authorities");
        let mut rehash = Command::new("openssl");
        rehash.arg("rehash").arg(&folder);
        Program::new(rehash).run().succeeds();
        let place = match variable {
            "SSL_CERT_FILE" => file,
            _ => folder,
        };

        let fetch = sandbox.mailpull(["fetch"]).env(variable, place.as_os_str());

        fetch.run().succeeds().is_silent();
        server.finish();
    }
}

#[test]
fn ciphers_follow_the_systems_openssl_policy() {
    let authority = Authority::new();
    for suite in ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"] {
        let server = Script::new("tls\nS: -ERR not now")
            .identity(authority.certificate().acceptor())
            .serve();
        let keys = format!("{TLS}\ntls-ca-file = '~/ca.pem'");
        let sandbox = Sandbox::with_work(server.address(), &keys);
        sandbox.write("home/ca.pem", authority.pem());
        let policy = format!(
            "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nCiphersuites = {suite}\n"
        );
        let policy = sandbox.write("openssl.cnf", policy);

        let test = sandbox.mailpull(["account", "test", "work"]);
        let outcome = test.env("OPENSSL_CONF", policy.as_os_str()).run();

        outcome.stdout_has(&format!("tls: TLS 1.3, {suite}; "));
        server.finish();
    }
}
