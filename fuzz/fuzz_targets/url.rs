//! URLs: an account, whose parts hold no control character, or an error that tells no password.
#![no_main]

mod words;

use libfuzzer_sys::fuzz_target;
use mailpull::config::{Account, Overrides};

fuzz_target!(|url: &str| {
    match Account::from_url(url, &Overrides::default()) {
        Ok(account) => {
            assert!(!account.name.contains(char::is_control));
            assert!(!account.dial.user.contains(char::is_control));
        }
        Err(error) => {
            let told = error.to_string();
            assert!(words::is_one_safe_line(&told), "{told:?}");
            let holds_a_password = url.contains(":hunter2");
            assert!(!(holds_a_password && told.contains("hunter2")), "{told}");
        }
    }
});
