//! The files of other fetchers: their usual places, and how they are read.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::config;
use crate::exit::{Exit, Failure};
use crate::import::OldProgram;

/// The largest configuration or state that is read, in octets.
const LARGEST_FILE: u64 = 256 << 20;

/// Returns the usual place of a configuration, or all states of Thunderbird.
pub(super) fn usual_places(program: OldProgram, home: &Path) -> Result<Vec<PathBuf>, Failure> {
    let config = config::user_config_folder().unwrap_or_else(|| home.join(".config"));
    let places = match program {
        OldProgram::Fdm => vec![home.join(".fdm.conf"), PathBuf::from("/etc/fdm.conf")],
        OldProgram::Fetchmail => vec![home.join(".fetchmailrc")],
        OldProgram::Getmail => vec![
            config.join("getmail/getmailrc"),
            home.join(".getmail/getmailrc"),
        ],
        OldProgram::Mpop => vec![home.join(".mpoprc"), config.join("mpop/config")],
        OldProgram::Thunderbird => thunderbird_folders(home),
    };
    let found = match program {
        OldProgram::Thunderbird => places.iter().flat_map(|folder| states_in(folder)).collect(),
        _ => {
            let found = places.iter().find(|place| place.exists()).cloned();
            Vec::from_iter(found)
        }
    };
    if !found.is_empty() {
        return Ok(found);
    }
    let names: Vec<_> = places
        .iter()
        .map(|place| place.display().to_string())
        .collect();
    let (name, names) = (program.name(), names.join(" or "));
    let kind = match program {
        OldProgram::Thunderbird => "state in",
        _ => "configuration at",
    };
    let hint = format!("Name it: mailpull import {name} FILE");
    Err(Failure::new(format!("{name} has no {kind} {names}"), Exit::Usage).with_hint(hint))
}

/// Returns the folders in which Thunderbird has its profiles: its own, and those of snap and Flatpak.
fn thunderbird_folders(home: &Path) -> Vec<PathBuf> {
    [
        ".thunderbird",
        "snap/thunderbird/common/.thunderbird",
        ".var/app/org.mozilla.Thunderbird/.thunderbird",
    ]
    .map(|folder| home.join(folder))
    .into()
}

/// Returns `PROFILE/Mail/ACCOUNT/popstate.dat` in a folder of profiles, in the order of their names.
fn states_in(folder: &Path) -> Vec<PathBuf> {
    let mails = entries(folder)
        .into_iter()
        .map(|profile| profile.join("Mail"));
    let accounts = mails.flat_map(|mail| entries(&mail));
    let states = accounts.map(|account| account.join("popstate.dat"));
    states.filter(|state| state.exists()).collect()
}

/// Returns the entries of a folder that can be read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort_unstable();
    paths
}

/// Reads a file of the old program.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let cannot = |error: io::Error| unreadable(path, &error);
    let size = fs::metadata(path).map_err(cannot)?.len();
    if size > LARGEST_FILE {
        let what = format!("{} is too large: {size} octets", path.display());
        return Err(Failure::new(what, Exit::Configuration));
    }
    fs::read(path).map_err(cannot)
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let what = format!("cannot read {}: {error}", path.display());
    Failure::new(what, Exit::Configuration)
}
