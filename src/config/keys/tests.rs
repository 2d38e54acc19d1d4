//! The table of keys agrees with itself and with its readers.

use std::collections::BTreeSet;

use super::*;
use crate::config::origin::Origin;
use crate::config::values::Value;
use crate::config::{Account, Config, Overrides};

fn account(options: &[String]) -> String {
    let overrides = Overrides::new([], options).expect("the options are valid");
    let account = Account::from_url("pops://me@h", &overrides, &Config::default())
        .expect("the URL is complete");
    format!("{account:?}")
}

#[test]
fn every_name_is_there_once() {
    let names: BTreeSet<_> = KEYS.iter().map(|key| key.name).collect();
    assert_eq!(names.len(), KEYS.len());
}

#[test]
fn every_default_is_the_value_that_applies_without_it() {
    let absent = account(&[]);
    for key in KEYS.iter().filter(|key| key.fits(SectionKind::Account)) {
        if let Some(default) = key.default {
            let option = format!("{}={default}", key.name);
            assert_eq!(account(std::slice::from_ref(&option)), absent, "{option}");
        }
    }
}

#[test]
fn every_word_is_accepted_by_its_reader() {
    for key in KEYS {
        for word in key.words {
            let value = match *word {
                "true" => Value::Boolean(true),
                "false" => Value::Boolean(false),
                word => Value::from_text(word),
            };
            let mut sections = [SectionKind::Account, SectionKind::Target].into_iter();
            let section = sections.find(|section| key.fits(*section));
            let section = section.expect("a key has a section");
            let read = Settings::default().set(section, key.name, value, Origin::Url);
            assert!(read.is_ok(), "{} {word}", key.name);
        }
    }
}
