//! The rules of well-known providers, which often explain why a login fails. They are likely causes
//! only: nothing here is asked of a server.

/// A provider with known rules.
#[derive(Debug)]
pub(super) struct MailProvider {
    /// The provider's name.
    pub name: &'static str,
    /// The domains of its servers and its users.
    domains: &'static [&'static str],
    /// The value of the key `oauth2` for its sign-in.
    pub oauth2: Option<&'static str>,
    /// Its POP3 server, if that has no usual name.
    pub server: Option<&'static str>,
    /// Its peculiarities after the login.
    pub habits: &'static [&'static str],
    /// The conditions of a login, the one most often missed first.
    pub rules: &'static [&'static str],
}

/// Returns the provider of a server or a mail domain.
pub(super) fn of(host: &str) -> Option<&'static MailProvider> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let is_of = |domain: &&str| {
        let before = host.strip_suffix(*domain);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    PROVIDERS
        .iter()
        .find(|provider| provider.domains.iter().any(is_of))
}

/// Returns the causes that a refused login of this user may have at any provider.
pub(super) fn anywhere(user: &str) -> impl Iterator<Item = &'static str> {
    let is_whole = user.contains('@');
    let address = (!is_whole).then_some("the user may have to be the whole address");
    address.into_iter().chain([
        "POP3 may have to be switched on in the provider's settings",
        "with two-step verification the provider may want an app password instead of yours",
    ])
}

const APP_PASSWORD: &str =
    "the account's own password is refused: make an app password in its security settings";

const PART: &str = "its settings for POP decide which folders, and how much of the mail, are shown";

const PROVIDERS: &[MailProvider] = &[
    MailProvider {
        name: "Gmail",
        habits: &[
            "it shows some hundred messages at a time, the oldest first; fetch goes on to the last",
            "its settings, not deletions by POP, decide what becomes of mail that was fetched",
        ],
        oauth2: Some("google"),
        server: Some("pop.gmail.com"),
        domains: &["gmail.com", "googlemail.com"],
        rules: &[
            "POP must be switched on: Settings, Forwarding and POP/IMAP",
            "the account's own password is refused: sign in (oauth2 = \"google\", mailpull login), or with \
             two-step verification make an app password",
            "a token needs the scope https://mail.google.com/",
            "in a company its administrator may have to allow POP",
        ],
    },
    MailProvider {
        name: "Microsoft",
        habits: &[],
        oauth2: Some("microsoft"),
        server: Some("outlook.office365.com"),
        domains: &[
            "office365.com",
            "outlook.com",
            "office.com",
            "hotmail.com",
            "live.com",
        ],
        rules: &[
            "passwords and app passwords are refused: sign in (oauth2 = \"microsoft\", mailpull login)",
            "a token needs the scope https://outlook.office.com/POP.AccessAsUser.All",
            "POP must be switched on: outlook.com under Settings, Mail, Forwarding and IMAP; in a \
             company by its administrator, for the mailbox",
        ],
    },
    MailProvider {
        name: "Yahoo",
        habits: &[PART],
        oauth2: None,
        server: Some("pop.mail.yahoo.com"),
        domains: &["yahoo.com", "yahoodns.net"],
        rules: &[APP_PASSWORD],
    },
    MailProvider {
        name: "AOL",
        habits: &[],
        oauth2: None,
        server: None,
        domains: &["aol.com"],
        rules: &[APP_PASSWORD],
    },
    MailProvider {
        name: "iCloud",
        habits: &[],
        oauth2: None,
        server: None,
        domains: &["me.com", "icloud.com", "mac.com"],
        rules: &["iCloud has no POP3, only IMAP"],
    },
    MailProvider {
        name: "GMX",
        habits: &["a second login within some minutes may be refused"],
        oauth2: None,
        server: None,
        domains: &["gmx.net", "gmx.com", "gmx.de", "gmx.at", "gmx.ch"],
        rules: &[
            "POP3 must be switched on: E-mail settings, POP3/IMAP",
            "with two-step verification it wants an app password",
        ],
    },
    MailProvider {
        name: "WEB.DE",
        habits: &["a second login within 15 minutes may be refused"],
        oauth2: None,
        server: None,
        domains: &["web.de"],
        rules: &[
            "POP3 must be switched on: E-mail settings, POP3/IMAP",
            "with two-step verification it wants an app password",
        ],
    },
    MailProvider {
        name: "Telekom",
        habits: &[],
        oauth2: None,
        server: Some("securepop.t-online.de"),
        domains: &["t-online.de", "magenta.de"],
        rules: &["it wants the password for e-mail programs, which is made in the customer centre"],
    },
    MailProvider {
        name: "Fastmail",
        habits: &[],
        oauth2: None,
        server: None,
        domains: &["fastmail.com", "messagingengine.com"],
        rules: &[APP_PASSWORD],
    },
    MailProvider {
        name: "Zoho",
        habits: &[],
        oauth2: None,
        server: None,
        domains: &["zoho.com", "zoho.eu", "zoho.in"],
        rules: &[
            "POP must be switched on: Settings, Mail accounts, POP",
            "with two-step verification it wants an app password",
        ],
    },
    MailProvider {
        name: "Yandex",
        habits: &[PART],
        oauth2: None,
        server: None,
        domains: &["yandex.com", "yandex.ru", "yandex.net"],
        rules: &[
            "POP3 must be switched on: Settings, Email clients; folders are chosen there, too",
            APP_PASSWORD,
        ],
    },
    MailProvider {
        name: "Mail.ru",
        habits: &[],
        oauth2: None,
        server: None,
        domains: &["mail.ru"],
        rules: &[APP_PASSWORD],
    },
    MailProvider {
        name: "Tencent or NetEase",
        habits: &[PART],
        oauth2: None,
        server: None,
        domains: &["qq.com", "exmail.qq.com", "163.com", "126.com"],
        rules: &[
            "POP3 must be switched on in the settings, which also give the authorization code that \
             stands for the password",
        ],
    },
    MailProvider {
        name: "Proton",
        habits: &[],
        oauth2: None,
        server: None,
        domains: &["proton.me", "protonmail.com", "protonmail.ch"],
        rules: &["Proton has no POP3, and its bridge offers only IMAP"],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_address_is_not_suggested_twice() {
        assert_eq!(anywhere("joe").count(), 3);
        assert_eq!(anywhere("joe@example.com").count(), 2);
    }

    #[test]
    fn a_server_belongs_to_the_provider_of_its_domain() {
        for (host, name) in [
            ("pop.gmail.com", Some("Gmail")),
            ("POP.GMAIL.COM.", Some("Gmail")),
            ("outlook.office365.com", Some("Microsoft")),
            ("pop-mail.outlook.com", Some("Microsoft")),
            ("pop3.web.de", Some("WEB.DE")),
            ("web.de", Some("WEB.DE")),
            ("notgmail.com", None),
            ("gmail.com.example.org", None),
            ("localhost", None),
            ("", None),
        ] {
            assert_eq!(of(host).map(|provider| provider.name), name, "{host}");
        }
    }

    #[test]
    fn every_domain_belongs_to_one_provider() {
        let mut domains: Vec<_> = PROVIDERS.iter().flat_map(|it| it.domains).collect();
        domains.sort_unstable();
        assert!(domains.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
