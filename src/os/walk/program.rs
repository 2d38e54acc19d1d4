//! Judges a program before it is started: others than its owner could exchange it for one of theirs, which then gets
//! the password or the mail.
//!
//! sshd(8) refuses such a program (`AuthorizedKeysCommand`); sudo(8) and git(1) start it. mailpull refuses it, as it
//! refuses a configuration that others can write. But a program may belong to any user, as those of Homebrew and of a
//! Nix without root do: whoever names a program trusts its owner. Only root must not run what belongs to others.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::super::sys::{self, Kind, PathCalls, RealCalls};
use super::{IfMissing, PathRule, UnsafePath, Walk, WalkError, has_other_members};

/// Requires that nobody but its owner can exchange a program. It is looked for as execvp(3) would. Other reasons
/// for which it cannot be started are left to the start.
///
/// # Errors
/// Others can write to it or to a folder on the way to it. Or we are root, and it belongs to another user.
pub(crate) fn require_safe_program(name: &OsStr) -> Result<(), UnsafePath> {
    match find(name).map(|path| judge(&path)) {
        Some(Err(WalkError::Unsafe(path))) if !path.has_fixed_modes => Err(path),
        _ => Ok(()),
    }
}

/// Returns the path of a program.
fn find(name: &OsStr) -> Option<PathBuf> {
    if name.as_encoded_bytes().contains(&b'/') {
        return Some(name.into());
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    let mut paths = env::split_paths(&folders).map(|folder| folder.join(name));
    paths.find(|path| sys::can_run(path))
}

fn judge(path: &Path) -> Result<(), WalkError> {
    let mut walk = Walk::<RealCalls>::begin(path, PathRule::Program)?;
    while let Some(name) = walk.go_to_last(IfMissing::Refuse)? {
        // A program that can be run need not be readable, so it is not opened.
        let facts = RealCalls::facts_at(&walk.folder.handle, &name);
        let facts = facts.map_err(|errno| walk.refused_at(&name, errno))?;
        if facts.kind == Kind::Link {
            walk.follow(&name, Errno::LOOP)?;
            continue;
        }
        walk.learn_about_root(&facts);
        let has_others = |group| has_other_members(group, facts.owner);
        let by_owner = walk.users.judge_program_owner(&facts, &walk.folder.facts);
        let judged = by_owner.and_then(|()| walk.users.judge_program_mode(&facts, has_others));
        let program = walk.folder.path.join(&name);
        return judged.map_err(|reason| walk.unsafe_path(program, facts.kind, reason));
    }
    Ok(())
}
