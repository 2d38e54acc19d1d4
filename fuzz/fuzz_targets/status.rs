//! Fuzzes status lines. Their text can be shown on a terminal.
#![no_main]

mod shared;

use libfuzzer_sys::fuzz_target;
use mailpull::pop3::reply::Status;

fuzz_target!(|line: &[u8]| {
    let Some(status) = Status::parse(line) else {
        return;
    };
    match status {
        Status::Continue(challenge) => assert!(line.trim_ascii_end().ends_with(&challenge)),
        Status::Negative(refusal) => {
            let _: bool = refusal.is_transient();
            let begins = |word: &[u8]| line[..word.len()].eq_ignore_ascii_case(word);
            // DavMail sends `+OK -ERR ...`, and hMailServer `+ERR ...`.
            assert!(begins(b"-ERR") || begins(b"+ERR") || begins(b"+OK"));
            assert!(shared::is_one_safe_line(&refusal.text.to_string()));
        }
        Status::Positive(text) => {
            assert!(line[..3].eq_ignore_ascii_case(b"+OK"));
            assert!(shared::is_one_safe_line(&text.to_string()));
        }
    }
});
