//! Fuzzes the APOP timestamp in a greeting. Only a msg-id of printable ASCII is a timestamp, because
//! the digest of other octets could reveal the password.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mailpull::pop3::apop::timestamp;

fuzz_target!(|greeting: &[u8]| {
    let Some(timestamp) = timestamp(greeting) else {
        return;
    };
    let inside = timestamp
        .strip_prefix(b"<")
        .and_then(|inside| inside.strip_suffix(b">"))
        .expect("a timestamp has angle brackets");
    assert!(inside.iter().all(u8::is_ascii_graphic));
    assert!(!inside.contains(&b'<') && !inside.contains(&b'>'));
    let parts: Vec<_> = inside.split(|&octet| octet == b'@').collect();
    assert_eq!(parts.len(), 2);
    assert!(parts.iter().all(|part| !part.is_empty()));
    assert!(
        greeting
            .windows(timestamp.len())
            .any(|part| part == timestamp)
    );
});
