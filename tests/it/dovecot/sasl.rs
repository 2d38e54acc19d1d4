//! Every SASL mechanism that Dovecot has, with the right and with a wrong secret.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;

use super::{configure, trust};
use crate::support::certificates::Authority;
use crate::support::dovecot::{Dialect, Dovecot};
use crate::support::mail::ordinary;
use crate::support::model_server::{PASSWORD, USER};
use crate::support::sandbox::Sandbox;

const ALL: &str =
    "auth_mechanisms = plain login cram-md5 digest-md5 scram-sha-1 scram-sha-256 apop\n";

#[test]
fn every_password_mechanism_accepts_only_the_right_password() {
    let Some(dovecot) = Dovecot::start_with(|_| ALL.to_owned()) else {
        return;
    };
    let messages = ordinary(1, 3);
    dovecot.deliver(&messages);
    for auth in [
        "plain",
        "login",
        "cram-md5",
        "digest-md5",
        "scram-sha-1",
        "scram-sha-256",
    ] {
        let name = auth.to_ascii_uppercase();
        let command = format!("C: AUTH {name}");
        let sandbox = Sandbox::new();
        let keys = format!("auth = '{auth}'");
        configure(&sandbox, &dovecot, &keys);
        let outcome = sandbox.mailpull(["fetch", "-vv"]).run();
        outcome
            .succeeds()
            .stderr_has(&command)
            .never_says(PASSWORD)
            .never_says(&STANDARD.encode(PASSWORD));
        sandbox.work().holds(&messages);
        // The second run remembers the capabilities, and sends the login and the listing at once.
        sandbox.fetch().succeeds().is_silent();

        let keys = format!("{keys}\npassword = 'not this one'");
        configure(&sandbox, &dovecot, &keys);
        let outcome = sandbox.mailpull(["fetch", "-vv"]).run();
        outcome.fails_with(77).never_says("not this one");
        assert_eq!(
            outcome.stderr_text().matches(&command).count(),
            1,
            "{outcome}"
        );
    }
}

#[test]
fn scram_is_preferred_to_plain() {
    let Some(dovecot) = Dovecot::start_with(|_| ALL.to_owned()) else {
        return;
    };
    let messages = ordinary(1, 3);
    dovecot.deliver(&messages);
    let sandbox = Sandbox::new();
    let authority = trust(&sandbox, &dovecot);
    for (name, security, address) in [
        ("none", "none", dovecot.address()),
        ("stls", "starttls", dovecot.address()),
        ("tls", "tls", dovecot.tls_address()),
    ] {
        sandbox.account(
            name,
            address,
            &format!("security = '{security}'\n{authority}"),
        );
    }
    let outcome = sandbox.mailpull(["fetch", "-vv"]).run();
    outcome
        .succeeds()
        .never_says("C: AUTH PLAIN")
        .never_says("C: USER");
    let text = outcome.stderr_text();
    assert_eq!(
        text.matches("C: AUTH SCRAM-SHA-256 ****").count(),
        3,
        "{outcome}"
    );
    for name in ["none", "stls", "tls"] {
        sandbox.maildir(name).holds(&messages);
    }
}

/// Dovecot 2.4.1 closes the connection at a login that is bound by the server's certificate.
#[test]
fn a_server_that_ends_at_a_bound_login_gets_a_bare_one() {
    let with_bound = |dovecot: &Dovecot| match dovecot.dialect() {
        Dialect::V2_3 => ALL.to_owned(),
        Dialect::V2_4 => ALL.replace("apop", "apop scram-sha-256-plus"),
    };
    let Some(dovecot) = Dovecot::start_with(with_bound) else {
        return;
    };
    let messages = ordinary(1, 3);
    dovecot.deliver(&messages);
    for auth in ["auto", "scram-sha-256"] {
        let sandbox = Sandbox::new();
        let authority = trust(&sandbox, &dovecot);
        let keys = format!("security = 'tls'\nauth = '{auth}'\n{authority}");
        sandbox.account("work", dovecot.tls_address(), &keys);
        for _ in 0..2 {
            let outcome = sandbox.mailpull(["fetch", "-vv"]).run();
            outcome.succeeds().stderr_has("C: AUTH SCRAM-SHA-256 ****");
        }
        sandbox.work().holds(&messages);
    }
}

#[test]
fn long_and_non_ascii_names_and_passwords_work() {
    let all = |_: &Dovecot| format!("{ALL}auth_username_chars =\n");
    let Some(dovecot) = Dovecot::start_with(all) else {
        return;
    };
    // In SCRAM each comma of the second name becomes three octets, and in PLAIN its password is long:
    // the initial response does not fit into the line of AUTH.
    let (long, long_password) = ("j,".repeat(45), "p".repeat(120));
    let users = [
        ("j\u{f6}e", "\u{e4}\u{20ac}=, x"),
        (&*long, &*long_password),
    ];
    for (user, password) in users {
        dovecot.add_user_with(user, password);
    }
    for (user, password) in users {
        for auth in ["plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256"] {
            let sandbox = Sandbox::new();
            let keys = format!("auth = '{auth}'\nuser = '{user}'\npassword = '{password}'");
            configure(&sandbox, &dovecot, &keys);
            sandbox.fetch().succeeds();
            sandbox.fetch().succeeds();
        }
    }
}

#[test]
fn a_client_certificate_suffices_to_log_in() {
    let clients = Authority::new();
    let configuration = |dovecot: &Dovecot| {
        let authority = dovecot.write("clients.pem", clients.pem());
        let certified = dovecot.write("certified", &format!("{USER}:::::::nopassword=y\n"));
        let (authority, certified) = (authority.display(), certified.display());
        let lines = match dovecot.dialect() {
            Dialect::V2_3 => format!(
                "ssl_ca = <{authority}\n\
                 ssl_verify_client_cert = yes\n\
                 ssl_require_crl = no\n\
                 passdb {{\n  driver = passwd-file\n  mechanisms = external\n  \
                 args = {certified}\n}}\n"
            ),
            Dialect::V2_4 => format!(
                "ssl_server_ca_file = {authority}\n\
                 ssl_server_request_client_cert = yes\n\
                 ssl_server_require_crl = no\n\
                 passdb certified {{\n  driver = passwd-file\n  mechanisms_filter = external\n  \
                 passwd_file_path = {certified}\n}}\n"
            ),
        };
        format!("auth_mechanisms = plain external\nauth_ssl_username_from_cert = yes\n{lines}")
    };
    let Some(dovecot) = Dovecot::start_with(configuration) else {
        return;
    };
    let messages = ordinary(1, 3);
    dovecot.deliver(&messages);
    for (name, status) in [(USER, 0), ("nobody-of-ours", 77)] {
        let own = clients.client_named(name);
        let sandbox = Sandbox::new();
        let authority = trust(&sandbox, &dovecot);
        let certificate = sandbox.write("client.pem", own.pem + &own.key);
        sandbox.config(&format!(
            "[accounts.work]\nserver = '{}'\nuser = '{USER}'\nauth = 'external'\n\
             maildir = {:?}\ntls-client-cert = {certificate:?}\n{authority}",
            dovecot.tls_address(),
            sandbox.work().path()
        ));
        let outcome = sandbox.fetch();
        if status == 0 {
            outcome.succeeds().is_silent();
            sandbox.work().holds(&messages);
        } else {
            outcome.fails_with(status).complains_in_lines(1);
        }
    }
}

/// Makes a JSON web token for a user, signed with a key that Dovecot has, too.
fn token(user: &str, key: &[u8]) -> String {
    let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let body = format!(r#"{{"sub":"{user}","iat":1700000000,"exp":4000000000}}"#);
    let signed = format!("{}.{}", part(r#"{"alg":"HS256","typ":"JWT"}"#), part(&body));
    let key = PKey::hmac(key).expect("any octets are an HMAC key");
    let mut signer = Signer::new(MessageDigest::sha256(), &key).expect("an HMAC key can sign");
    let signature = signer.sign_oneshot_to_vec(signed.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(signature.expect("an HMAC key can sign"));
    format!("{signed}.{signature}")
}

#[test]
fn access_tokens_work_and_forged_ones_are_refused() {
    const KEY: &[u8] = b"a key that only the provider and Dovecot know";
    let configuration = |dovecot: &Dovecot| {
        let key = dovecot.write("keys/default/HS256/default", &STANDARD.encode(KEY));
        let keys = key
            .ancestors()
            .nth(3)
            .expect("the key is three folders down");
        let mode = "introspection_mode = local\nusername_attribute = sub\n";
        let key_folder = keys.display();
        match dovecot.dialect() {
            Dialect::V2_3 => dovecot.tokens(&format!(
                "{mode}local_validation_key_dict = fs:posix:prefix={key_folder}/\n"
            )),
            Dialect::V2_4 => dovecot.tokens(&format!(
                "{mode}oauth2_local_validation {{\n  dict fs {{\n    fs posix {{\n      \
                 prefix = {key_folder}/\n    }}\n  }}\n}}\n"
            )),
        }
    };
    let Some(dovecot) = Dovecot::start_with(configuration) else {
        return;
    };
    let messages = ordinary(1, 3);
    dovecot.deliver(&messages);
    for auth in ["xoauth2", "oauthbearer"] {
        let sandbox = Sandbox::new();
        let good = token(USER, KEY);
        configure(
            &sandbox,
            &dovecot,
            &format!("auth = '{auth}'\npassword = '{good}'"),
        );
        let outcome = sandbox.mailpull(["fetch", "-vv"]).run();
        outcome.succeeds().never_says(&good);
        sandbox.work().holds(&messages);
        sandbox.fetch().succeeds().is_silent();

        let forged = token(USER, b"another key");
        configure(
            &sandbox,
            &dovecot,
            &format!("auth = '{auth}'\npassword = '{forged}'"),
        );
        let outcome = sandbox.fetch();
        outcome
            .fails_with(77)
            .complains_in_lines(1)
            .never_says(&forged);
        outcome.stderr_has(r#""status":"#);
        // What lasts is said once a day.
        sandbox.fetch().fails_with(77).is_silent();
    }
}
