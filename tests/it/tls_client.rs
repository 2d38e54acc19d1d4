//! Client certificates. All servers have a good certificate here; for bad ones see `tls`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use openssl::pkcs12::Pkcs12;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::symm::Cipher;
use openssl::x509::X509;

use crate::support::certificates::{Authority, TestCertificate};
use crate::support::sandbox::Sandbox;
use crate::support::script::{Script, ScriptServer};
use crate::tls::{PROTECTIONS, SESSION};

const PAIR: &str = "tls-client-cert = '~/cert.pem'\ntls-client-key = '~/key.pem'";

/// Starts a server that requires a client certificate from this authority.
fn server_requiring_client(clients: &Authority, conversation: String) -> (Authority, ScriptServer) {
    let authority = Authority::new();
    let acceptor = authority.certificate().acceptor_requiring_client(clients);
    let server = Script::new(conversation).identity(acceptor).serve();
    (authority, server)
}

/// Makes a sandbox that trusts the server, with a client certificate and its key in two files.
fn sandbox_with_pair(
    server: &ScriptServer,
    authority: &Authority,
    own: &TestCertificate,
    keys: &str,
) -> Sandbox {
    let keys = format!("tls-ca-file = '~/ca.pem'\n{keys}");
    let sandbox = Sandbox::with_work(server.address(), &keys);
    sandbox.write("home/ca.pem", authority.pem());
    sandbox.write("home/cert.pem", &own.pem);
    sandbox.write("home/key.pem", &own.key);
    sandbox
}

/// Puts a certificate and its key into a PKCS#12 file with this password.
fn pkcs12(own: &TestCertificate, password: &str) -> Vec<u8> {
    let key = PKey::private_key_from_pem(own.key.as_bytes()).expect("our own PEM can be read");
    let certificate = X509::from_pem(own.pem.as_bytes()).expect("our own PEM can be read");
    let mut bundle = Pkcs12::builder();
    let bundle = bundle.pkey(&key).cert(&certificate).build2(password);
    let octets = bundle.and_then(|bundle| bundle.to_der());
    octets.expect("a certificate and its key can be bundled")
}

#[test]
fn a_client_certificate_is_sent_on_request() {
    let clients = Authority::new();
    let own = clients.client();
    let both = format!("Bag Attributes\n{}{}", own.pem, own.key);
    let bundle = pkcs12(&own, "");
    for (security, (_, before)) in ["tls", "starttls"].into_iter().zip(PROTECTIONS) {
        for keys in [
            PAIR,
            "tls-client-cert = '~/both.pem'",
            "tls-client-cert = '~/bundle.p12'",
        ] {
            let greeting = if before.is_empty() { "S: +OK\n" } else { "" };
            let conversation = format!("{before}tls\n{greeting}{SESSION}");
            let (authority, server) = server_requiring_client(&clients, conversation);
            let keys = format!("security = '{security}'\n{keys}");
            let sandbox = sandbox_with_pair(&server, &authority, &own, &keys);
            sandbox.write("home/both.pem", &both);
            sandbox.write("home/bundle.p12", &bundle);

            sandbox.fetch().succeeds().is_silent();

            server.finish();
        }
    }
}

#[test]
fn a_missing_or_unknown_client_certificate_ends_the_session() {
    let clients = Authority::new();
    let own = clients.client();
    let stranger = Authority::new().client();
    for (shown, keys) in [(&own, ""), (&stranger, PAIR)] {
        let (authority, server) = server_requiring_client(&clients, "tls refused".to_owned());
        let keys = format!("security = 'tls'\n{keys}");
        let sandbox = sandbox_with_pair(&server, &authority, shown, &keys);

        sandbox
            .fetch()
            .fails_with(76)
            .complains_in_lines(1)
            .stderr_has("the TLS handshake with 127.0.0.1 failed: ")
            .stderr_has(
                ". Check tls-client-cert: the server refuses this certificate, or requires one\n",
            );

        server.finish();
    }
}

#[test]
fn an_unusable_client_key_is_refused_before_connecting() {
    let clients = Authority::new();
    let own = clients.client();
    let key = PKey::private_key_from_pem(own.key.as_bytes()).expect("our own PEM can be read");
    let encrypted = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"secret");
    let rsa = Rsa::generate(2048).and_then(|key| key.private_key_to_pem());
    for (key, said) in [
        (
            encrypted.expect("a key can be encrypted"),
            "home/key.pem: the key is encrypted. Decrypt it: umask 077; openssl pkey -in OLD -out \
             NEW\n",
        ),
        (
            rsa.expect("an RSA key can be made"),
            "home/key.pem: the key is not in PKCS#8. Convert it: umask 077; openssl pkey -in OLD \
             -out NEW\n",
        ),
        (
            own.pem.clone().into_bytes(),
            "home/key.pem: there is no PEM private key in it",
        ),
        (
            clients.client().key.into_bytes(),
            "home/cert.pem: key values mismatch",
        ),
    ] {
        let authority = Authority::new();
        let server = Script::default().serve();
        let keys = format!("security = 'tls'\n{PAIR}");
        let sandbox = sandbox_with_pair(&server, &authority, &own, &keys);
        sandbox.write("home/key.pem", key);

        sandbox
            .fetch()
            .fails_with(78)
            .complains_in_lines(1)
            .stderr_has("mailpull: work: cannot use the client certificate in ")
            .stderr_has(said);

        server.finish();
    }
}

#[test]
fn a_client_key_readable_by_others_is_refused() {
    let clients = Authority::new();
    let own = clients.client();
    for (file, keys) in [
        ("home/key.pem", PAIR),
        ("home/both.pem", "tls-client-cert = '~/both.pem'"),
    ] {
        let authority = Authority::new();
        let server = Script::default().serve();
        let keys = format!("security = 'tls'\n{keys}");
        let sandbox = sandbox_with_pair(&server, &authority, &own, &keys);
        sandbox.write("home/both.pem", [own.pem.as_str(), &own.key].concat());
        let path = sandbox.path(file);
        fs::set_permissions(&path, Permissions::from_mode(0o644))
            .expect("the mode of a file in the sandbox can be set");

        sandbox.fetch().fails_with(78).stderr_is(&format!(
            "mailpull: work: {0} holds a private key and is open to others (mode 0644). Make it private: \
             chmod 600 {0}\n",
            path.display()
        ));

        server.finish();
    }
}

#[test]
fn a_pkcs12_file_with_a_password_is_refused() {
    let clients = Authority::new();
    let own = clients.client();
    let server = Script::default().serve();
    let keys = "security = 'tls'\ntls-client-cert = '~/bundle.p12'";
    let sandbox = sandbox_with_pair(&server, &Authority::new(), &own, keys);
    sandbox.write("home/bundle.p12", pkcs12(&own, "secret"));

    sandbox
        .fetch()
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has(". Use a PKCS#12 file with an empty password, or PEM files\n");

    server.finish();
}
