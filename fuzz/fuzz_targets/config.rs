//! Configuration files: accounts or an error of one line, which never tells a password. The same
//! text is tried as an argument of `-o`.
#![no_main]

mod words;

use libfuzzer_sys::fuzz_target;
use mailpull::config::{Config, Overrides};

fuzz_target!(|text: &[u8]| {
    let home = Some("/home/me".into());
    let selected = Config::parse(text, "config.toml", home).and_then(|config| {
        let accounts = config.select(&[], &Overrides::default())?;
        let names: Vec<_> = accounts.into_iter().map(|account| account.name).collect();
        config.select(&names, &Overrides::default())
    });
    if let Err(error) = selected {
        let told = error.to_string();
        assert!(words::is_one_safe_line(&told), "{told:?}");
    }
    if let Ok(option) = str::from_utf8(text)
        && let Err(error) = Overrides::new([], &[option.to_owned()])
    {
        let told = error.to_string();
        assert!(words::is_one_safe_line(&told), "{told:?}");
    }
});
