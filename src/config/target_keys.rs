//! Which keys can be in the section of an account, and which in that of a target.

use crate::config::keys::Key;
use crate::config::values::delivery::TargetKind;

/// The title of the keys that only a target has.
const TARGET: &str = "A target";

/// The titles of the keys that a server has, of an account or as a target.
const OF_SERVERS: [&str; 2] = ["TLS", "The password"];

/// The other keys that an account and a target have.
const IN_BOTH: [&str; 15] = [
    "server",
    "port",
    "security",
    "allow-cleartext",
    "proxy",
    "tunnel-command",
    "source-address",
    "timeout-connect",
    "timeout",
    "user",
    "file-mode",
    "mbox-lock",
    "recipient",
    "lmtp-security",
    "id-header",
];

/// The keys of a target that is a Maildir.
const OF_MAILDIR: &[&str] = &["kind", "path", "file-mode"];
/// The keys of a target that is an mbox file.
const OF_MBOX: &[&str] = &["kind", "path", "file-mode", "mbox-lock"];
/// The keys of a target that is a mail server.
const OF_LMTP: &[&str] = &[
    "kind",
    "server",
    "port",
    "recipient",
    "lmtp-security",
    "allow-cleartext",
    "id-header",
];
/// The keys of other targets. An IMAP server has all that are left.
const NOT_OF_IMAP: &[&str] = &[
    "path",
    "file-mode",
    "mbox-lock",
    "recipient",
    "lmtp-security",
    "id-header",
];

/// Returns true if a key can be in the section of an account.
pub(super) fn fits_account(key: &Key) -> bool {
    key.group != TARGET
}

/// Returns true if a key can be in the section of a target.
pub(super) fn fits_target(key: &Key) -> bool {
    IN_BOTH.contains(&key.name) || key.group == TARGET || OF_SERVERS.contains(&key.group)
}

/// Returns true if a key means something for such a target.
pub(super) fn fits_kind(key: &Key, kind: TargetKind) -> bool {
    match kind {
        TargetKind::Imap => !NOT_OF_IMAP.contains(&key.name),
        TargetKind::Lmtp => OF_LMTP.contains(&key.name),
        TargetKind::Maildir => OF_MAILDIR.contains(&key.name),
        TargetKind::Mbox => OF_MBOX.contains(&key.name),
    }
}
