//! Configuration files: accounts or an error of one line, which never tells a password. The same
//! text is tried as an argument of `-o`.
#![no_main]

mod words;

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
