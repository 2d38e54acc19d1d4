//! The configuration of the tests' Dovecot, in the syntax of both versions that Debian has.

use std::fmt;
use std::path::Path;

/// The syntax of a configuration file. It changed between 2.3 and 2.4.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Dialect {
    /// Dovecot 2.3, in Debian 12.
    V2_3,
    /// Dovecot 2.4, in Debian 13.
    V2_4,
}

impl Dialect {
    /// Reads the output of `dovecot --version`, such as `2.3.19.1 (9b53102964)`.
    pub(super) fn of(version: &str) -> Option<Self> {
        let mut numbers = version.trim().split('.').map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(2)), Some(Ok(3))) => Some(Self::V2_3),
            (Some(Ok(2)), Some(Ok(4_u32))) => Some(Self::V2_4),
            _ => None,
        }
    }
}

/// The user that Dovecot's processes run as.
#[derive(Clone, Debug)]
pub(super) enum RunsAs {
    /// The tests run as root. Dovecot uses the package's own users, and `mail` owns the mail.
    Root { mail: u32 },
    /// The tests run as another user, who owns everything. No process can use chroot.
    User {
        gid: u32,
        group: String,
        uid: u32,
        user: String,
    },
}

/// The values in a configuration file. All files are in `folder`: `cert.pem`, `key.pem`, `users`
/// and, made by Dovecot, `log`, `mail`, `run` and `state`.
pub(super) struct DovecotConfig<'a> {
    pub(super) dialect: Dialect,
    pub(super) folder: &'a Path,
    pub(super) identity: &'a RunsAs,
    pub(super) port: u16,
    pub(super) tls_port: u16,
    /// More lines for the end of the file.
    pub(super) extra: &'a str,
}

impl fmt::Display for DovecotConfig<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = self.folder.display();
        match self.dialect {
            Dialect::V2_3 => write!(
                f,
                "disable_plaintext_auth = no\n\
                 mail_location = maildir:{folder}/mail/%u\n\
                 ssl_cert = <{folder}/cert.pem\n\
                 ssl_key = <{folder}/key.pem\n\
                 passdb {{\n  driver = passwd-file\n  args = {folder}/users\n}}\n\
                 userdb {{\n  driver = passwd-file\n  args = {folder}/users\n}}\n"
            )?,
            // The first line must be the version of the syntax.
            Dialect::V2_4 => write!(
                f,
                "dovecot_config_version = 2.4.0\n\
                 dovecot_storage_version = 2.4.0\n\
                 auth_allow_cleartext = yes\n\
                 mail_driver = maildir\n\
                 mail_path = {folder}/mail/%{{user}}\n\
                 ssl_server_cert_file = {folder}/cert.pem\n\
                 ssl_server_key_file = {folder}/key.pem\n\
                 passdb passwd-file {{\n  passwd_file_path = {folder}/users\n}}\n\
                 userdb passwd-file {{\n  passwd_file_path = {folder}/users\n}}\n"
            )?,
        }
        write!(
            f,
            "auth_failure_delay = 0\n\
             auth_mechanisms = plain login apop\n\
             base_dir = {folder}/run\n\
             listen = 127.0.0.1\n\
             log_path = {folder}/log\n\
             protocols = pop3\n\
             ssl = yes\n\
             state_dir = {folder}/state\n\
             namespace inbox {{\n  inbox = yes\n}}\n\
             protocol pop3 {{\n  mail_max_userip_connections = 1000\n  \
             pop3_fast_size_lookups = yes\n  pop3_no_flag_updates = yes\n}}\n\
             service pop3-login {{\n  \
             inet_listener pop3 {{\n    port = {}\n  }}\n  \
             inet_listener pop3s {{\n    port = {}\n    ssl = yes\n  }}\n  \
             unix_listener {folder}/socket {{\n    mode = 0666\n  }}\n}}\n\
             service anvil {{\n  unix_listener anvil-auth-penalty {{\n    mode = 0\n  }}\n}}\n",
            self.port, self.tls_port
        )?;
        match self.identity {
            RunsAs::Root { mail } => writeln!(f, "first_valid_uid = {mail}")?,
            RunsAs::User {
                group, uid, user, ..
            } => write!(
                f,
                "default_internal_group = {group}\n\
                 default_internal_user = {user}\n\
                 default_login_user = {user}\n\
                 first_valid_uid = {uid}\n\
                 service anvil {{\n  chroot =\n}}\n\
                 service pop3-login {{\n  chroot =\n}}\n"
            )?,
        }
        f.write_str(self.extra)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(dialect: Dialect, identity: &RunsAs) -> String {
        let config = DovecotConfig {
            dialect,
            folder: Path::new("/d"),
            identity,
            port: 1110,
            tls_port: 1995,
            extra: "",
        };
        config.to_string()
    }

    #[test]
    fn the_version_decides_the_dialect() {
        let cases = [
            ("2.3.19.1 (9b53102964)\n", Some(Dialect::V2_3)),
            ("2.4.1-4 (7d8c0e5759)\n", Some(Dialect::V2_4)),
            ("2.2.36", None),
            ("dovecot", None),
        ];
        for (version, dialect) in cases {
            assert_eq!(Dialect::of(version), dialect, "{version}");
        }
    }

    #[test]
    fn each_dialect_has_its_own_settings() {
        let only_2_3 = [
            "disable_plaintext_auth",
            "mail_location",
            "ssl_cert =",
            "{\n  driver =",
        ];
        let only_2_4 = [
            "auth_allow_cleartext = yes",
            "mail_driver = maildir\nmail_path = /d/mail/%{user}",
            "ssl_server_cert_file = /d/cert.pem",
            "ssl_server_key_file = /d/key.pem",
            "passdb passwd-file {\n  passwd_file_path = /d/users\n}",
        ];
        let root = RunsAs::Root { mail: 1234 };
        let (old, new) = (config(Dialect::V2_3, &root), config(Dialect::V2_4, &root));
        assert!(new.starts_with("dovecot_config_version = 2.4"));
        for word in only_2_3 {
            assert!(old.contains(word) && !new.contains(word), "{word}");
        }
        for word in only_2_4 {
            assert!(new.contains(word) && !old.contains(word), "{word}");
        }
    }

    #[test]
    fn an_ordinary_user_owns_everything_and_chroots_nothing() {
        let identity = RunsAs::User {
            gid: 1000,
            group: "g".to_owned(),
            uid: 1001,
            user: "u".to_owned(),
        };
        for dialect in [Dialect::V2_3, Dialect::V2_4] {
            let config = config(dialect, &identity);
            for line in [
                "default_internal_user = u",
                "default_login_user = u",
                "  chroot =",
            ] {
                assert!(config.lines().any(|other| other == line), "{line}");
            }
        }
    }
}
