//! The configurations and states of other fetchers.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mailpull::import::{OldProgram, OldSurroundings};

fuzz_target!(|input: &[u8]| {
    let around = OldSurroundings {
        home: "/home/joe",
        local_user: "joe",
        file_stem: "getmailrc",
    };
    let text = String::from_utf8_lossy(input);
    for program in [
        OldProgram::Fdm,
        OldProgram::Fetchmail,
        OldProgram::Getmail,
        OldProgram::Mpop,
        OldProgram::Thunderbird,
    ] {
        let Ok(translation) = program.translate(&text, &around) else {
            continue;
        };
        for account in translation.accounts {
            if let Some(place) = &account.state {
                program.known_ids(input, place);
            }
        }
    }
});
