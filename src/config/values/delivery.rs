//! The destination of messages.

use super::server::{self, Server};
use super::{Value, Wrong, count, line, programs, quoted, words};
use crate::delivery::FileMode;
use crate::delivery::mbox::MboxLocks;
use crate::targets::lmtp::EnvelopeAddress;

/// The destination of messages, as it was written.
#[derive(Clone, Debug)]
pub(in crate::config) enum WrittenTarget {
    Lmtp(Server),
    Maildir(String),
    Mbox(String),
    Mda(Vec<String>),
    /// The targets with these names.
    Named(Vec<String>),
}

/// The kind of a target that has a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::config) enum TargetKind {
    Imap,
    Lmtp,
    Maildir,
    Mbox,
}

/// The protection of a connection by LMTP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::config) enum LmtpSecurity {
    None,
    StartTls,
}

/// Reads `deliver`.
pub(in crate::config) fn deliver(value: Value) -> Result<WrittenTarget, Wrong> {
    let names = match value {
        Value::List(values) => words(values)?,
        value => vec![line(value)?],
    };
    let is_twice = |at: usize| names[..at].contains(&names[at]);
    match (0..names.len()).find(|at| is_twice(*at)) {
        _ if names.is_empty() => Err("names no target".into()),
        Some(at) => Err(format!("names {} twice", quoted(&names[at])).into()),
        None => Ok(WrittenTarget::Named(names)),
    }
}

/// Reads `kind`.
pub(in crate::config) fn kind(value: Value) -> Result<TargetKind, Wrong> {
    match line(value)?.as_str() {
        "imap" => Ok(TargetKind::Imap),
        "lmtp" => Ok(TargetKind::Lmtp),
        "maildir" => Ok(TargetKind::Maildir),
        "mbox" => Ok(TargetKind::Mbox),
        other => {
            let shown = quoted(other);
            Err(format!("must be \"imap\", \"lmtp\", \"maildir\" or \"mbox\", not {shown}").into())
        }
    }
}

/// Reads `folder`.
pub(in crate::config) fn folder(value: Value) -> Result<String, Wrong> {
    match line(value)? {
        folder if folder.is_empty() => Err("is empty".into()),
        folder => Ok(folder),
    }
}

/// Reads `lmtp`.
pub(in crate::config) fn lmtp(value: Value) -> Result<WrittenTarget, Wrong> {
    Ok(WrittenTarget::Lmtp(server::server(value)?))
}

/// Reads `lmtp-security`.
pub(in crate::config) fn lmtp_security(value: Value) -> Result<LmtpSecurity, Wrong> {
    match line(value)?.as_str() {
        "none" => Ok(LmtpSecurity::None),
        "starttls" => Ok(LmtpSecurity::StartTls),
        other => Err(format!("must be \"none\" or \"starttls\", not {}", quoted(other)).into()),
    }
}

/// Reads `recipient`.
pub(in crate::config) fn recipient(value: Value) -> Result<EnvelopeAddress, Wrong> {
    let text = line(value)?;
    EnvelopeAddress::parse(&text).ok_or_else(|| {
        let shown = quoted(&text);
        format!("must be a plain address in ASCII, such as \"me@example.com\", not {shown}").into()
    })
}

/// Reads `local-user`. It can neither become an option of a program nor a second argument.
pub(in crate::config) fn local_user(value: Value) -> Result<String, Wrong> {
    let name = line(value)?;
    let is_inner = |c: char| c.is_alphanumeric() || "._+-@$".contains(c);
    if name.starts_with(|c: char| c.is_alphanumeric() || c == '_')
        && name.chars().skip(1).all(is_inner)
    {
        return Ok(name);
    }
    let shown = quoted(&name);
    Err(format!("must be the name of a user of this machine, not {shown}").into())
}

/// Reads `maildir`.
pub(in crate::config) fn maildir(value: Value) -> Result<WrittenTarget, Wrong> {
    Ok(WrittenTarget::Maildir(line(value)?))
}

/// Reads `mbox`.
pub(in crate::config) fn mbox(value: Value) -> Result<WrittenTarget, Wrong> {
    Ok(WrittenTarget::Mbox(line(value)?))
}

/// Reads `mbox-lock`.
pub(in crate::config) fn mbox_lock(value: Value) -> Result<MboxLocks, Wrong> {
    let mut names = match value {
        Value::List(values) => words(values)?,
        value => vec![line(value)?],
    };
    names.sort_unstable();
    match names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["fcntl"] => Ok(MboxLocks::Fcntl),
        ["dotlock", "fcntl"] => Ok(MboxLocks::FcntlAndDotLock),
        _ => Err("must be \"fcntl\", or [\"fcntl\", \"dotlock\"]".into()),
    }
}

/// Reads `mda`.
pub(in crate::config) fn mda(value: Value) -> Result<WrittenTarget, Wrong> {
    Ok(WrittenTarget::Mda(programs::argv(value)?))
}

/// Reads `file-mode`.
pub(in crate::config) fn file_mode(value: Value) -> Result<FileMode, Wrong> {
    let hint = "must be \"0600\", \"0640\", \"0644\", \"0660\" or \"0664\"";
    match value {
        Value::Text(text) => FileMode::parse(&text).ok_or_else(|| hint.into()),
        other => Err(other.instead_of("a string of four octal digits")),
    }
}

/// Reads `mda-jobs`: the number of programs that run at once.
pub(in crate::config) fn jobs(value: Value) -> Result<u64, Wrong> {
    // Each program has open files, and more than a few programs only wait for the disk.
    const MOST_JOBS: u64 = 64;
    match count(value)? {
        jobs if jobs <= MOST_JOBS => Ok(jobs),
        _ => Err(format!("must be at most {MOST_JOBS}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_cannot_change_its_command() {
        for (text, is_address) in [
            ("me@example.com", true),
            ("me", true),
            ("", false),
            ("me@h> NOTIFY=NEVER", false),
            ("Me <me@h>", false),
            ("größe@h", false),
        ] {
            assert_eq!(
                recipient(Value::from_text(text)).is_ok(),
                is_address,
                "{text}"
            );
        }
    }

    #[test]
    fn an_mbox_is_always_locked_by_fcntl() {
        let list = |names: &[&str]| {
            let names = names.iter().map(|name| Value::from_text(name));
            mbox_lock(Value::List(names.collect())).ok()
        };
        assert_eq!(mbox_lock(Value::from_text("fcntl")), Ok(MboxLocks::Fcntl));
        assert_eq!(list(&["fcntl"]), Some(MboxLocks::Fcntl));
        for both in [["fcntl", "dotlock"], ["dotlock", "fcntl"]] {
            assert_eq!(list(&both), Some(MboxLocks::FcntlAndDotLock));
        }
        for other in [&["dotlock"][..], &["flock"], &["fcntl", "fcntl"], &[]] {
            assert_eq!(list(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_local_user_is_one_plain_word() {
        for (text, is_user) in [
            ("joe", true),
            ("_mail", true),
            ("joe+work@example.com", true),
            ("-froot", false),
            ("a b", false),
            ("../x", false),
            ("%F", false),
            ("", false),
        ] {
            assert_eq!(
                local_user(Value::from_text(text)).is_ok(),
                is_user,
                "{text}"
            );
        }
    }

    #[test]
    fn an_mda_in_one_string_is_split_like_shell_words() {
        for (text, words) in [
            ("procmail -d me", Some(&["procmail", "-d", "me"][..])),
            ("'my mda' \"a b\" c\\ d", Some(&["my mda", "a b", "c d"])),
            ("x '$HOME' \\| y", Some(&["x", "$HOME", "|", "y"])),
            ("x | y", None),
            ("x 'y", None),
        ] {
            let read = mda(Value::from_text(text)).ok();
            match (read, words) {
                (Some(WrittenTarget::Mda(read)), Some(words)) => assert_eq!(read, words),
                (read, words) => assert!(read.is_none() && words.is_none(), "{text}"),
            }
        }
    }
}
