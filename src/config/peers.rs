//! What other fetchers call the things that mailpull has, for errors that name the right key.

/// Returns what to write instead of a key of another fetcher.
pub(super) fn hint(key: &str) -> Option<&'static str> {
    let key = key.to_ascii_lowercase().replace('_', "-");
    Some(match key.as_str() {
        "host" | "hostname" | "poll" | "via" | "pop3-server" => "Write server = \"HOST\"",
        "username" | "login" | "remote-user" | "account" => "Write user = \"NAME\"",
        "pass" | "passwd" => "Write password = \"...\", or better password-command = \"...\"",
        "passwordeval" | "passwd-cmd" | "pass-cmd" | "passcmd" => {
            "Write password-command = \"...\""
        }
        "ssl" | "use-ssl" | "tls" => "Write security = \"tls\", which is the default",
        "tls-starttls" | "starttls" | "sslproto" => "Write security = \"starttls\"",
        "protocol" | "proto" | "type" => "Leave it out: mailpull speaks POP3 only",
        "delete" | "nokeep" | "flush" => "Write keep = false",
        "delete-after" => "Write keep = \"14 days\"",
        "fetchall" | "read-all" => "Leave it out: every message that was not delivered is fetched",
        "tls-trust-file" | "sslcertfile" | "cafile" | "ca-certs" => "Write tls-ca-file = \"/PATH\"",
        "tls-fingerprint" | "sslfingerprint" => "Write tls-pin = \"sha256:...\"",
        "delivery" | "destination" => "Write maildir = \"/PATH\" or mda = \"COMMAND\"",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::KEYS;

    #[test]
    fn keys_of_other_fetchers_lead_to_ours() {
        for (key, ours) in [
            ("host", "server"),
            ("username", "user"),
            ("ssl", "security"),
            ("passwordeval", "password-command"),
            ("delete_after", "keep"),
            ("tls_starttls", "security"),
        ] {
            let hint = hint(key).expect(key);
            assert!(hint.starts_with(&format!("Write {ours} = ")), "{hint}");
        }
        assert_eq!(hint("elephant"), None);
    }

    #[test]
    fn no_key_of_ours_is_taken_for_one_of_others() {
        for key in KEYS {
            assert_eq!(hint(key.name), None, "{}", key.name);
        }
    }
}
