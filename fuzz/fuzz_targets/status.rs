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
        Status::Continue(challenge) => assert!(line.ends_with(&challenge)),
        Status::Negative(refusal) => {
            let _: bool = refusal.is_transient();
            // DavMail sends `+OK -ERR ...`.
            let words = match line.split_at_checked(3) {
                Some((ok, rest)) if ok.eq_ignore_ascii_case(b"+OK") => rest.trim_ascii_start(),
                _ => line,
            };
            assert!(words[..4].eq_ignore_ascii_case(b"-ERR"));
            assert!(shared::is_one_safe_line(&refusal.text.to_string()));
        }
        Status::Positive(text) => {
            assert!(line[..3].eq_ignore_ascii_case(b"+OK"));
            assert!(shared::is_one_safe_line(&text.to_string()));
        }
    }
});
