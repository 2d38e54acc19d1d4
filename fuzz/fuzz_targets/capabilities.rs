//! Fuzzes the lines of a CAPA response. No line takes away a capability that another has added.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mailpull::pop3::Capabilities;

fuzz_target!(|input: &[u8]| {
    let mut capabilities = Capabilities::default();
    for line in input.split(|&octet| octet == b'\n') {
        let before = capabilities.clone();
        capabilities.add(line);
        assert!(capabilities.pipelining >= before.pipelining);
        assert!(capabilities.sasl.starts_with(&before.sasl));
    }
    for mechanism in &capabilities.sasl {
        assert!(capabilities.offers(mechanism));
    }
});
