//! Fuzzes URLs. They give an account without control characters, or an error without the password.
#![no_main]

mod shared;

use libfuzzer_sys::fuzz_target;
use mailpull::config::{Account, Config, Overrides};

fuzz_target!(|url: &str| {
    match Account::from_url(url, &Overrides::default(), &Config::default()) {
        Ok(account) => {
            assert!(!account.name.contains(char::is_control));
            assert!(!account.dial.user.contains(char::is_control));
        }
        Err(error) => {
            let text = error.to_string();
            assert!(shared::is_one_safe_line(&text), "{text:?}");
            let holds_a_password = url.contains(":hunter2");
            assert!(!(holds_a_password && text.contains("hunter2")), "{text}");
        }
    }
});
