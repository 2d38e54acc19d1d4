//! A login to Dovecot with a ticket from a Kerberos server of the test. Needs the feature `gssapi`.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::DEADLINE;
use crate::support::dovecot::{Dialect, Dovecot};
use crate::support::mail::ordinary;
use crate::support::model_server::USER;
use crate::support::sandbox::Sandbox;
use crate::support::tools::find;

/// A running key distribution centre.
struct Kerberos {
    folder: TempDir,
    running: Child,
}

impl Kerberos {
    /// Starts a key distribution centre with the test's user and the POP3 service of localhost.
    fn start() -> Option<Self> {
        let program = find("krb5kdc")?;
        let folder = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .expect("a temporary folder can be created");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        drop(listener);
        let at = folder.path().display();
        let write = |name: &str, text: String| {
            fs::write(folder.path().join(name), text).expect("the folder is writable");
        };
        write(
            "krb5.conf",
            format!(
                "[libdefaults]\n default_realm = TEST\n dns_lookup_kdc = false\n\
                 dns_canonicalize_hostname = false\n\
                 [realms]\n TEST = {{\n  kdc = {address}\n }}\n"
            ),
        );
        write(
            "kdc.conf",
            format!(
                "[kdcdefaults]\n kdc_listen = {address}\n kdc_tcp_listen = {address}\n\
                 [realms]\n TEST = {{\n  database_name = {at}/principal\n  \
                 key_stash_file = {at}/stash\n }}\n"
            ),
        );
        let run = |program: &str, arguments: &[&str]| {
            let output = with_kerberos(program, folder.path())
                .args(arguments)
                .output();
            let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
            assert!(output.status.success(), "{program}: {output:?}");
        };
        run("kdb5_util", &["create", "-s", "-r", "TEST", "-P", "master"]);
        let keytab = format!("ktadd -k {at}/keytab pop/localhost");
        let user = format!("addprinc -pw secret {USER}");
        for query in [&*user, "addprinc -randkey pop/localhost", &keytab] {
            run("kadmin.local", &["-q", query]);
        }
        // Dovecot reads the keytab as a user of its own.
        fs::set_permissions(folder.path().join("keytab"), Permissions::from_mode(0o644))
            .expect("kadmin.local made the keytab");
        let running = with_kerberos(program.to_str().expect("the path is UTF-8"), folder.path())
            .arg("-n")
            .spawn()
            .expect("krb5kdc can be started");
        let begin = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begin.elapsed() < DEADLINE, "krb5kdc does not answer");
            // The server does not announce that it is ready, so it is tried again and again.
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Self { folder, running })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Gets a ticket for the test's user.
    fn sign_in(&self) {
        let mut kinit = with_kerberos("kinit", self.folder.path());
        let mut kinit = kinit
            .arg(USER)
            .stdin(Stdio::piped())
            .spawn()
            .expect("kinit can be started");
        let mut stdin = kinit.stdin.take().expect("standard input is a pipe");
        std::io::Write::write_all(&mut stdin, b"secret\n").expect("kinit reads the password");
        drop(stdin);
        assert!(kinit.wait().expect("kinit is a child").success());
    }
}

impl Drop for Kerberos {
    fn drop(&mut self) {
        // The server may have ended already.
        let _ = self.running.kill();
        let _ = self.running.wait();
    }
}

/// Prepares a program that uses the Kerberos server in `folder` and no other.
fn with_kerberos(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env("KRB5_CONFIG", folder.join("krb5.conf"))
        .env("KRB5_KDC_PROFILE", folder.join("kdc.conf"))
        .env("KRB5CCNAME", folder.join("tickets"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

#[test]
fn a_kerberos_ticket_suffices_and_a_missing_one_sends_nothing() {
    let Some(kerberos) = Kerberos::start() else {
        return;
    };
    let configuration = |dovecot: &Dovecot| {
        let config = kerberos.path("krb5.conf");
        let config = config.display();
        let lines = match dovecot.dialect() {
            Dialect::V2_3 => {
                format!("auth_username_format = %n\nimport_environment = KRB5_CONFIG={config}\n")
            }
            Dialect::V2_4 => format!(
                "auth_username_format = %{{user | username}}\n\
                 import_environment {{\n  KRB5_CONFIG = {config}\n}}\n"
            ),
        };
        format!(
            "auth_mechanisms = plain gssapi\nauth_krb5_keytab = {}\n\
             auth_gssapi_hostname = localhost\n{lines}",
            kerberos.path("keytab").display(),
        )
    };
    let Some(dovecot) = Dovecot::start_with(configuration) else {
        return;
    };
    let messages = ordinary(1, 3);
    dovecot.deliver(&messages);
    let sandbox = Sandbox::new();
    sandbox.config(&format!(
        "[accounts.work]\nserver = 'localhost:{}'\nsecurity = 'none'\nuser = '{USER}'\n\
         auth = 'gssapi'\nmaildir = {:?}",
        dovecot.address().port(),
        sandbox.work().path()
    ));
    let fetch = || {
        sandbox
            .mailpull(["fetch", "-vv"])
            .env("KRB5_CONFIG", kerberos.path("krb5.conf"))
            .env("KRB5CCNAME", kerberos.path("tickets"))
            .run()
    };
    let outcome = fetch();
    outcome
        .fails_with(78)
        .stderr_has("GSS")
        .never_says("C: AUTH");

    kerberos.sign_in();
    let outcome = fetch();
    outcome.succeeds().stderr_has("C: AUTH GSSAPI");
    sandbox.work().holds(&messages);
}
