//! Fuzzes configuration files. They give accounts, or an error that has one line. The same text is
//! also tried as an argument of `-o`.
#![no_main]

mod shared;

use libfuzzer_sys::fuzz_target;
use mailpull::config::{Config, Overrides, Selector};

fuzz_target!(|text: &[u8]| {
    let home = Some(std::path::PathBuf::from("/home/me"));
    let parse = || Config::parse(text, "config.toml", home.clone());
    let selected = parse().and_then(|config| {
        let selection = config.select(&Selector::default(), &Overrides::default())?;
        let accounts = selection.accounts.into_iter();
        let names: Vec<_> = accounts.map(|account| account.name).collect();
        let (names, shard) = (&*names, None);
        parse()?.select(&Selector { names, shard }, &Overrides::default())
    });
    if let Err(error) = selected {
        let shown = error.to_string();
        assert!(shared::is_one_safe_line(&shown), "{shown:?}");
    }
    if let Ok(option) = str::from_utf8(text)
        && let Err(error) = Overrides::new([], &[option.to_owned()])
    {
        let shown = error.to_string();
        assert!(shared::is_one_safe_line(&shown), "{shown:?}");
    }
});
