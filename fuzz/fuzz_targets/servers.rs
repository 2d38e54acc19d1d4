//! Fuzzes DNS answers. Every server from an answer has a name and a port.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mailpull::net::srv::{Inquiry, Service, is_domain};

fuzz_target!(|answer: &[u8]| {
    let question = Inquiry::new("example.com", Service::Pop3s, 7);
    let read = question.read(answer).and_then(Result::ok);
    for server in read.unwrap_or_default() {
        assert!(is_domain(&server.host), "{}", server.host);
        assert_ne!(server.port, 0);
    }
});
