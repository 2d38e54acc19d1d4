//! The secrets of a sign-in are wiped from the memory when they are no longer needed.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};

use crate::login::{EMPTY, base64, greeting};
use crate::support::oauth2::{FakeProvider, answer};
use crate::support::sandbox::Sandbox;
use crate::support::script::Script;
use crate::support::tools;

const CODE: &str = r#"{"device_code": "device-code-0123456789", "user_code": "A", "interval": 1,
    "expires_in": 600, "verification_uri": "https://login.example.com/device"}"#;

#[test]
#[ignore = "needs root: tests/run runs it"]
fn refresh_tokens_and_client_secrets_are_wiped_before_the_session() {
    // Only root can read the memory of a process that cannot be dumped.
    tools::require_root();
    let tokens = |what: &str, lifetime: u32| {
        let body = format!(
            "{{\"access_token\": \"access-{what}-0123456789\", \"expires_in\": {lifetime}, \
             \"refresh_token\": \"refresh-{what}-0123456789\"}}"
        );
        answer("200 OK", &body)
    };
    let fake = FakeProvider::start([
        answer("200 OK", CODE),
        tokens("old", 1),
        tokens("new", 3600),
    ]);
    let token = base64("user=joe\x01auth=Bearer access-new-0123456789\x01\x01");
    let login = format!("C: AUTH XOAUTH2 {token}\nS: +OK");
    let held = EMPTY.replacen("S: +OK", "reached session\nhold session\nS: +OK", 1);
    let server = Script::new([&*greeting(&["SASL XOAUTH2"]), &login, &held].concat()).serve();
    let keys = fake.keys() + "oauth2-client-secret-command = 'cat client-secret'";
    let sandbox = Sandbox::with_work(server.address(), &keys);
    sandbox.write("client-secret", "client-secret-0123456789\n");
    sandbox.mailpull(["login", "work"]).run().succeeds();

    let fetch = sandbox.mailpull(["fetch"]).start();
    server.reached("session");
    let memory = memory_of(fetch.pid());
    let counts = |secret: &str| {
        let secret = secret.as_bytes();
        memory
            .iter()
            .map(|piece| {
                piece
                    .windows(secret.len())
                    .filter(|&at| at == secret)
                    .count()
            })
            .sum::<usize>()
    };

    // The access token is kept, as another session may need it.
    assert_ne!(counts("access-new-0123456789"), 0);
    for secret in ["access-old", "refresh-old", "refresh-new", "client-secret"] {
        assert_eq!(counts(&format!("{secret}-0123456789")), 0, "{secret}");
    }
    server.release("session");
    fetch.wait().succeeds();
    server.finish();
}

/// Reads all memory that a process can write to.
fn memory_of(pid: u32) -> Vec<Vec<u8>> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("the program is running");
    let mut memory = File::open(format!("/proc/{pid}/mem")).expect("root can read the memory");
    let mut pieces = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (range, _) = line.split_once(' ').expect("a line begins with a range");
        let (start, end) = range.split_once('-').expect("a range has two ends");
        let [start, end] =
            [start, end].map(|at| u64::from_str_radix(at, 16).expect("an address is hexadecimal"));
        let mut piece = vec![0; usize::try_from(end - start).expect("the range fits into memory")];
        memory
            .seek(SeekFrom::Start(start))
            .expect("an address is a position");
        // A range that was unmapped in the meantime cannot hold a secret.
        if memory.read_exact(&mut piece).is_ok() {
            pieces.push(piece);
        }
    }
    pieces
}
