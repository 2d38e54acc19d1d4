//! fetchmailrc, the configuration of fetchmail: words in free form, with words that mean nothing between them.

mod parser;
mod words;

use parser::{FLAGS, FetchmailSettings, Fetchmailrc, PolledServer};

use super::words as values;
use super::{
    OldAccount, OldSurroundings, StatePlace, Translation, account_name, expanded, seconds,
};

/// Translates a fetchmailrc.
///
/// # Errors
/// A word stands where it means nothing, or a string does not end.
pub(super) fn translate(text: &str, around: &OldSurroundings<'_>) -> Result<Translation, String> {
    let Fetchmailrc {
        global,
        defaults,
        servers,
    } = parser::parse(text)?;
    let mut translation = Translation::default();
    let mut id_file = "~/.fetchids".to_owned();
    for (keyword, argument) in &global {
        match &**keyword {
            "idfile" => id_file.clone_from(argument),
            "daemon" => translation.notes.push(format!(
                "set daemon {argument}: run mailpull watch, or a timer; see interval"
            )),
            "syslog" => translation
                .notes
                .push("set syslog: write log = \"syslog\" at the top of the configuration".into()),
            "logfile" => translation.notes.push(format!(
                "set logfile: write log = {} at the top of the configuration",
                values::string(argument)
            )),
            other => translation
                .notes
                .push(format!("set {other} has no counterpart and is left out")),
        }
    }
    for server in &servers {
        let count = server.users.len().max(1);
        let users: Vec<_> = match server.users.is_empty() {
            true => vec![FetchmailSettings::new()],
            false => server.users.clone(),
        };
        for user in users {
            let settings: FetchmailSettings = [
                &defaults.settings,
                defaults.users.first().unwrap_or(&FetchmailSettings::new()),
                &server.settings,
                &user,
            ]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
            let account = FetchmailAccount {
                server,
                settings: &settings,
                around,
                is_only: count == 1,
                id_file: &id_file,
            };
            match account.translate() {
                Ok(account) => translation.accounts.push(account),
                Err(note) => translation.notes.push(note),
            }
        }
    }
    Ok(translation)
}

struct FetchmailAccount<'a> {
    server: &'a PolledServer,
    /// All that applies, the strongest last.
    settings: &'a FetchmailSettings,
    around: &'a OldSurroundings<'a>,
    is_only: bool,
    id_file: &'a str,
}

impl FetchmailAccount<'_> {
    fn get(&self, keyword: &str) -> Option<&str> {
        let found = self
            .settings
            .iter()
            .rev()
            .find(|(other, _)| other == keyword);
        found.map(|(_, argument)| &**argument)
    }

    fn is_on(&self, flag: &str) -> bool {
        self.get(flag) == Some("true")
    }

    /// Returns a setting as the file spells it, without a password.
    fn spelled(&self, keyword: &str) -> String {
        match self.get(keyword) {
            None => format!("(no {keyword})"),
            Some(_) if keyword == "password" => "password ***".to_owned(),
            Some("true") => keyword.to_owned(),
            Some("false") => format!("no {keyword}"),
            Some(argument) if argument.is_empty() || argument.contains(' ') => {
                format!("{keyword} '{argument}'")
            }
            Some(argument) => format!("{keyword} {argument}"),
        }
    }

    /// Translates the account.
    ///
    /// # Errors
    /// It is not fetched by POP3. The text says so.
    fn translate(&self) -> Result<OldAccount, String> {
        let server = &self.server.name;
        let host = self.get("via").unwrap_or(server);
        let user = self.get("user").unwrap_or(self.around.local_user);
        let protocol = self.get("protocol").unwrap_or("auto").to_ascii_lowercase();
        if !["auto", "pop3", "apop", "sdps"].contains(&&*protocol) {
            return Err(format!(
                "{user} at {host} is fetched by {protocol} and left out: mailpull speaks POP3"
            ));
        }
        let mut account = OldAccount::named(match self.is_only {
            true => account_name(server),
            false => account_name(&format!("{server}-{user}")),
        });
        account.reads(self.spelled("protocol"));
        if protocol == "auto" {
            account.note("no protocol was named; it is taken for POP3");
        }
        account.reads(format!("poll {server}"));
        if self.server.is_skipped {
            account.reads(format!("skip {server}"));
            account.set("enabled", "false");
        }
        if self.get("via").is_some() {
            account.reads(self.spelled("via"));
        }
        account.set("server", host);
        for keyword in ["service", "port"] {
            if let Some(port) = self.get(keyword) {
                account.reads(self.spelled(keyword));
                account.set("port", port);
            }
        }
        account.reads(self.spelled("user"));
        account.set("user", user);
        self.set_security(&mut account, host);
        // fetchmail deletes mail unless it is told to keep it.
        account.reads(self.spelled("keep"));
        account.set("keep", self.is_on("keep").to_string());
        if let Some(password) = self.get("password") {
            account.reads(self.spelled("password"));
            account.set_password(password);
        }
        self.set_login(&mut account, &protocol);
        self.set_destination(&mut account);
        let mut seen = Vec::new();
        for (keyword, _) in self.settings.iter().rev() {
            if !seen.contains(&&**keyword) {
                seen.push(&**keyword);
                account.reads(self.spelled(keyword));
                self.translate_one(&mut account, keyword, self.get(keyword).unwrap_or_default());
            }
        }
        account.state = Some(StatePlace {
            file: expanded(self.id_file, self.around.home).into(),
            host: host.to_owned(),
            user: user.to_owned(),
        });
        Ok(account)
    }

    fn set_security(&self, account: &mut OldAccount, host: &str) {
        let is_here =
            ["localhost", "127.0.0.1", "::1"].contains(&host) || self.get("plugin").is_some();
        account.reads(self.spelled("ssl"));
        if self.is_on("ssl") {
            account.set_security("tls", host);
        } else if self.get("sslproto") == Some("") || is_here {
            account.set_security("none", host);
        } else {
            account.set_security("starttls", host);
            account.note("fetchmail used TLS if the server offered it; mailpull requires it: security = \"starttls\"");
        }
        if self.get("sslcertck") == Some("false") {
            account.reads(self.spelled("sslcertck"));
            account.set("tls-verify", "false");
            account.note("the certificate is not checked, as before; better: pin it by tls-pin");
        }
    }

    fn set_login(&self, account: &mut OldAccount, protocol: &str) {
        if protocol == "apop" {
            account.reads(self.spelled("protocol"));
            account.set("auth", "apop");
        }
        if self.get("auth").is_some() {
            account.reads(self.spelled("auth"));
        }
        match self.get("auth") {
            None | Some("any" | "password") => {}
            Some("ssh") => account.set("auth", "none"),
            Some(mechanism @ ("cram-md5" | "external")) => account.set("auth", mechanism),
            Some(other) => account.note(format!(
                "auth {other}: mailpull takes the best mechanism that the server offers"
            )),
        }
    }

    /// Without an MDA, fetchmail hands mail to the SMTP server of this machine, as sendmail does.
    fn set_destination(&self, account: &mut OldAccount) {
        let names: Vec<_> = self
            .get("is")
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        account.reads(self.spelled("is"));
        let local = match names[..] {
            [] => self.around.local_user,
            [one] if !one.contains(['=', '*']) => one,
            _ => {
                account.note("several local names: mail for several recipients is not sorted; all of it goes to one");
                self.around.local_user
            }
        };
        let line = self
            .get("mda")
            .unwrap_or("/usr/sbin/sendmail -i -f %F -- %T");
        let line = line.replace("%T", "%L").replace("%s", "%L");
        if line.contains("%L") {
            account.set("local-user", local);
        }
        account.reads(self.spelled("mda"));
        account.set("mda", values::mda(&line));
        if self.get("mda").is_none() {
            account.note("fetchmail handed the mail to the SMTP server of this machine; mailpull hands it to sendmail, with the same effect");
        }
    }

    fn translate_one(&self, account: &mut OldAccount, keyword: &str, argument: &str) {
        let path = || expanded(argument, self.around.home);
        match keyword {
            "timeout" => account.set("timeout", seconds(argument)),
            "limit" if argument != "0" => account.set("max-size", argument),
            "fetchlimit" if argument != "0" => account.set("max-messages", argument),
            "preconnect" => account.set_command("pre-command", argument),
            "postconnect" => account.set_command("post-command", argument),
            "plugin" => {
                let host = self.get("via").unwrap_or(&self.server.name);
                let port = self.get("port").unwrap_or("110");
                let line = argument.replace("%h", host).replace("%p", port);
                let words: Vec<_> = line.split_whitespace().collect();
                account.set("tunnel-command", values::list(&words));
            }
            "sslcertfile" => account.set("tls-ca-file", path()),
            "sslcommonname" => account.set("tls-name", argument),
            "sslcert" => account.set("tls-client-cert", path()),
            "sslkey" => account.set("tls-client-key", path()),
            "sslfingerprint" => account.note("sslfingerprint is MD5; to pin the certificate, run mailpull account test and set tls-pin"),
            "fetchall" if argument == "true" => account.note("fetchall: mailpull fetches each message once; to fetch all again: mailpull account remove"),
            "flush" if argument == "true" => account.note("flush is left out: mailpull deletes only what it delivered itself"),
            "user" | "password" | "is" | "via" | "protocol" | "port" | "service" | "auth" | "ssl" | "sslcertck"
            | "keep" | "mda" | "limit" | "fetchlimit" | "uidl" | "here" | "there" | "fetchall" | "flush"
            | "expunge" | "batchlimit" | "warnings" | "idle" | "fetchsizelimit" | "fastuidl" | "stripcr"
            | "forcecr" | "pass8bits" | "dns" | "checkalias" | "tracepolls" | "localhost" => {}
            flag if FLAGS.contains(&flag) && argument == "false" => {}
            "sslproto" if argument.is_empty() || argument == "auto" => {}
            "sslproto" => account.note(format!("sslproto {argument}: mailpull uses TLS 1.2 or later; see tls-min")),
            other => account.note(format!("{other} has no counterpart and is left out")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AROUND: OldSurroundings<'_> = OldSurroundings {
        home: "/home/joe",
        local_user: "joe",
        file_stem: "fetchmailrc",
    };

    fn accounts(text: &str) -> Vec<OldAccount> {
        translate(text, &AROUND)
            .expect("the text is a configuration")
            .accounts
    }

    fn value<'a>(account: &'a OldAccount, key: &str) -> Option<&'a str> {
        let found = account.keys.iter().find(|(other, _)| *other == key);
        found.map(|(_, value)| &**value)
    }

    #[test]
    fn a_usual_configuration_is_translated() {
        let text = "# mine\nset daemon 300\npoll pop.example.org with proto POP3\n   \
            user \"joe@example.org\" there with password \"s\\\"e\\x41\" is joe here options ssl keep\n   \
            mda \"/usr/bin/procmail -d %T\"\n";
        let accounts = accounts(text);
        let account = &accounts[0];
        assert_eq!(account.name, "pop.example.org");
        for (key, expected) in [
            ("server", "pop.example.org"),
            ("user", "joe@example.org"),
            ("security", "tls"),
            ("keep", "true"),
            ("local-user", "joe"),
            ("mda", "\"/usr/bin/procmail -d %L\""),
        ] {
            assert_eq!(value(account, key), Some(expected), "{key}");
        }
        assert_eq!(
            account.password.as_deref().map(String::as_str),
            Some("s\"eA")
        );
        assert_eq!(account.notes, Vec::<String>::new());
    }

    #[test]
    fn several_users_of_a_server_are_several_accounts() {
        let text = "defaults proto pop3 nokeep\npoll h via 127.0.0.1 port 1110:\n user a, pass x is a\n user b pass y keep;\nskip other user c\n";
        let accounts = accounts(text);
        let names: Vec<_> = accounts.iter().map(|account| &*account.name).collect();
        assert_eq!(names, ["h-a", "h-b", "other"]);
        assert_eq!(value(&accounts[0], "server"), Some("127.0.0.1"));
        assert_eq!(value(&accounts[0], "port"), Some("1110"));
        assert_eq!(value(&accounts[0], "keep"), Some("false"));
        assert_eq!(value(&accounts[1], "keep"), Some("true"));
        assert_eq!(value(&accounts[2], "enabled"), Some("false"));
    }

    #[test]
    fn imap_accounts_are_named_and_left_out() {
        let translation = translate("poll h proto imap user a\n", &AROUND).expect("valid");
        assert!(translation.accounts.is_empty());
        assert_eq!(
            translation.notes,
            ["a at h is fetched by imap and left out: mailpull speaks POP3"]
        );
    }

    #[test]
    fn settings_without_a_counterpart_are_listed() {
        let text = "poll h proto pop3 aka a b envelope X-To no dns user u smtphost x y antispam 550 sslfingerprint 'aa' fetchall\n";
        let accounts = accounts(text);
        let notes = &accounts[0].notes;
        for part in [
            "aka",
            "envelope",
            "smtphost",
            "antispam",
            "sslfingerprint",
            "fetchall",
            "sendmail",
        ] {
            assert!(
                notes.iter().any(|note| note.contains(part)),
                "{part}: {notes:?}"
            );
        }
    }

    #[test]
    fn a_mistake_names_its_line() {
        for (text, error) in [
            ("poll h\nusr x", "line 2: fetchmail has no keyword \"usr\""),
            ("poll h user \"x", "line 1: a string does not end"),
            ("user x", "line 1: \"user\" comes before the first server"),
            ("poll", "line 1: poll needs a value"),
        ] {
            assert_eq!(translate(text, &AROUND).expect_err(text), error);
        }
    }
}
