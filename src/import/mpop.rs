//! mpoprc, the configuration of mpop: lines `COMMAND ARGUMENT`, in accounts that may inherit from others.

use std::collections::HashMap;

use super::{OldAccount, OldSurroundings, StatePlace, Translation, account_name, expanded, words};

/// The settings of an account: the argument of each command, in the order of the last setting.
type MpopSettings = Vec<(String, String)>;

/// Translates an mpoprc.
///
/// # Errors
/// A line is no command, an account inherits from one that is not there, or a name is there twice.
pub(super) fn translate(text: &str, around: &OldSurroundings<'_>) -> Result<Translation, String> {
    let mut defaults = MpopSettings::new();
    let mut accounts: Vec<(String, MpopSettings)> = Vec::new();
    let mut names = HashMap::new();
    let mut current: Option<usize> = None;
    let mut is_in_defaults = false;
    let mut translation = Translation::default();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |what: &str| format!("line {}: {what}", index + 1);
        let (command, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let argument = unquoted(argument.trim());
        match command {
            "defaults" => {
                is_in_defaults = true;
                current = None;
            }
            "account" => {
                is_in_defaults = false;
                let (name, parents) = argument.split_once(':').unwrap_or((argument, ""));
                let name = name.trim();
                let mut settings = defaults.clone();
                for parent in parents.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                    let at: &usize = names
                        .get(parent)
                        .ok_or_else(|| wrong(&format!("there is no account {parent:?}")))?;
                    for (command, argument) in accounts[*at].1.clone() {
                        put(&mut settings, command, argument);
                    }
                }
                if names.insert(name.to_owned(), accounts.len()).is_some() {
                    return Err(wrong(&format!("there are two accounts {name:?}")));
                }
                current = Some(accounts.len());
                accounts.push((name.to_owned(), settings));
            }
            "eval" => translation.notes.push(format!(
                "line {}: \"eval\" runs a command for each start; write what it prints into the configuration: {argument}",
                index + 1
            )),
            command if !COMMANDS.contains(&command) => {
                return Err(wrong(&format!("mpop has no command {command:?}")));
            }
            command => match current {
                Some(at) => put(&mut accounts[at].1, command.to_owned(), argument.to_owned()),
                None if is_in_defaults => put(&mut defaults, command.to_owned(), argument.to_owned()),
                None => return Err(wrong("a command comes before the first account")),
            },
        }
    }
    let mut places: Vec<MpopSettings> = Vec::new();
    for (name, settings) in accounts {
        // `account default : work` is another name for an account.
        if places.contains(&settings) {
            translation
                .notes
                .push(format!("account {name:?} is the same as another one"));
            continue;
        }
        translation.accounts.push(account(&name, &settings, around));
        places.push(settings);
    }
    Ok(translation)
}

fn put(settings: &mut MpopSettings, command: String, argument: String) {
    settings.retain(|(other, _)| *other != command);
    settings.push((command, argument));
}

fn unquoted(argument: &str) -> &str {
    let inner = argument.strip_prefix('"');
    inner
        .and_then(|inner| inner.strip_suffix('"'))
        .unwrap_or(argument)
}

fn account(name: &str, settings: &MpopSettings, around: &OldSurroundings<'_>) -> OldAccount {
    let mut account = OldAccount::named(account_name(name));
    let get = |command: &str| {
        let found = settings.iter().find(|(other, _)| other == command);
        found
            .map(|(_, argument)| &**argument)
            .filter(|argument| !argument.is_empty())
    };
    // An empty argument means "on" for these.
    let is_on = |command: &str, default: bool| {
        let found = settings.iter().find(|(other, _)| other == command);
        found.map_or(default, |(_, argument)| ["", "on"].contains(&&**argument))
    };
    // The command as the file spells it, or its absence.
    let spelled = |command: &str| {
        let found = settings.iter().find(|(other, _)| other == command);
        found.map_or_else(|| format!("(no {command})"), spelled)
    };
    let (host, user) = (
        get("host").unwrap_or_default(),
        get("user").unwrap_or_default(),
    );
    account.reads(spelled("host"));
    account.set("server", host);
    if let Some(port) = get("port") {
        account.reads(spelled("port"));
        account.set("port", port);
    }
    account.reads(spelled("user"));
    account.set("user", user);
    let security = match (is_on("tls", false), is_on("tls_starttls", true)) {
        (true, true) => "starttls",
        (true, false) => "tls",
        (false, _) => "none",
    };
    account.reads(spelled("tls"));
    account.set_security(security, host);
    account.reads(spelled("keep"));
    // mpop deletes mail unless it is told to keep it.
    account.set("keep", is_on("keep", false).to_string());
    if let Some(password) = get("password") {
        account.reads(spelled("password"));
        account.set_password(password);
    }
    let is_set = |(_, argument): &&(String, String)| !argument.is_empty();
    for setting in settings.iter().filter(is_set) {
        account.reads(self::spelled(setting));
        translate_one(&mut account, &setting.0, &setting.1, around);
    }
    let file = get("uidls_file").unwrap_or("~/.mpop_uidls/%U_at_%H");
    let file = file.replace("%U", user).replace("%H", host);
    account.state = Some(StatePlace {
        file: expanded(&file, around.home).into(),
        host: host.to_owned(),
        user: user.to_owned(),
    });
    account
}

/// Returns a setting as the file spells it, without a password.
fn spelled((command, argument): &(String, String)) -> String {
    match &**command {
        "password" => "password ***".to_owned(),
        _ => format!("{command} {argument}").trim_end().to_owned(),
    }
}

/// Translates a command that stands for itself. Those that belong together are translated before.
fn translate_one(
    account: &mut OldAccount,
    command: &str,
    argument: &str,
    around: &OldSurroundings<'_>,
) {
    match (command, argument) {
        ("delivery", delivery) => deliver(account, delivery, around),
        ("auth", "on") | ("only_new", "on") | ("pipelining", _) | ("timeout", "off") => {}
        ("auth", mechanism @ ("user" | "apop" | "plain" | "login" | "cram-md5" | "digest-md5" | "scram-sha-1"
            | "scram-sha-256" | "external" | "xoauth2" | "oauthbearer")) => account.set("auth", mechanism),
        ("auth", "scram-sha-1-plus" | "scram-sha-256-plus") => {
            account.set("auth", argument.trim_end_matches("-plus"));
        }
        ("auth", other) => account.note(format!("auth {other}: mailpull takes the best mechanism that the server offers")),
        ("passwordeval", line) => account.set_command("password-command", line),
        ("timeout", seconds) => account.set("timeout", super::seconds(seconds)),
        ("tls_trust_file", "system") => {}
        ("tls_trust_file", file) => account.set("tls-ca-file", expanded(file, around.home)),
        ("tls_key_file", file) => account.set("tls-client-key", expanded(file, around.home)),
        ("tls_cert_file", file) => account.set("tls-client-cert", expanded(file, around.home)),
        ("tls_host_override", name) => account.set("tls-name", name),
        ("tls_certcheck", "off") => account.set("tls-verify", "false"),
        ("tls_fingerprint", fingerprint) => account.note(match words::pin(fingerprint) {
            Some(digits) => format!(
                "tls_fingerprint {digits} is that of the certificate, and tls-pin is that of its key: to see it, run \
                 mailpull account test"
            ),
            None => "tls_fingerprint is not SHA-256; to pin the certificate, see tls-pin".to_owned(),
        }),
        ("proxy_host", host) => account.set("proxy", format!("socks5h://{host}:1080")),
        ("proxy_port", port) => {
            let proxy = account.keys.iter_mut().find(|(key, _)| *key == "proxy");
            if let Some((_, proxy)) = proxy
                && let Some((host, _)) = proxy.rsplit_once(':')
            {
                *proxy = format!("{host}:{port}");
            }
        }
        ("source_ip", address) => account.set("source-address", address),
        ("skipsize", "off") | ("killsize", "off") => {}
        ("skipsize", kilobytes) => account.set("max-size", format!("{kilobytes} KiB")),
        ("socket", path) => account.set("server", path),
        ("killsize", _) => account.note("killsize deletes large messages unread; delete them by hand: mailpull delete"),
        ("only_new", _) => account.note("only_new off: mailpull fetches each message once; to fetch one again: mailpull seen forget"),
        ("received_header", "off") => {}
        ("received_header", _) => account.note("received_header: mailpull adds no header; the server's are kept"),
        ("filter", _) => account.note("filter: let the MDA or the mail server sort the mail"),
        ("ntlmdomain" | "tls_priorities" | "tls_min_dh_prime_bits" | "tls_crl_file" | "tls_force_sslv3", _) => {
            account.note(format!("{command} has no counterpart and is left out"));
        }
        _ => {}
    }
}

fn deliver(account: &mut OldAccount, delivery: &str, around: &OldSurroundings<'_>) {
    let (method, place) = delivery.split_once([' ', '\t']).unwrap_or((delivery, ""));
    let place = unquoted(place.trim());
    match method {
        "maildir" => account.set("maildir", expanded(place, around.home)),
        "mbox" => account.set("mbox", expanded(place, around.home)),
        "mda" => account.set("mda", words::mda(place)),
        other => account.note(format!(
            "delivery {other} has no counterpart; name a maildir, an mbox or an mda"
        )),
    }
}

/// The commands of mpop 1.4.
const COMMANDS: [&str; 35] = [
    "auth",
    "delivery",
    "filter",
    "host",
    "keep",
    "killsize",
    "ntlmdomain",
    "only_new",
    "password",
    "passwordeval",
    "pipelining",
    "port",
    "proxy_host",
    "proxy_port",
    "received_header",
    "skipsize",
    "socket",
    "source_ip",
    "timeout",
    "tls",
    "tls_cert_file",
    "tls_certcheck",
    "tls_crl_file",
    "tls_fingerprint",
    "tls_force_sslv3",
    "tls_host_override",
    "tls_key_file",
    "tls_min_dh_prime_bits",
    "tls_nocertcheck",
    "tls_nostarttls",
    "tls_priorities",
    "tls_starttls",
    "tls_trust_file",
    "uidls_file",
    "user",
];

#[cfg(test)]
mod tests {
    use super::*;

    const AROUND: OldSurroundings<'_> = OldSurroundings {
        home: "/home/joe",
        local_user: "joe",
        file_stem: "mpoprc",
    };

    fn keys(text: &str) -> Vec<(String, Vec<(&'static str, String)>)> {
        let translation = translate(text, &AROUND).expect("the text is a configuration");
        let accounts = translation.accounts.into_iter();
        accounts
            .map(|account| (account.name, account.keys))
            .collect()
    }

    #[test]
    fn an_account_inherits_from_defaults_and_parents() {
        let text = "defaults\ntls on\ntls_starttls off\ndelivery maildir ~/Mail\n\n\
            account base\nhost pop.example.org\nuser base\n\
            account work : base\nuser \"joe smith\"\nkeep on\naccount default : work\n";
        let accounts = keys(text);
        assert_eq!(accounts.len(), 2);
        assert_eq!(accounts[1].0, "work");
        for pair in [
            ("server", "pop.example.org"),
            ("user", "joe smith"),
            ("security", "tls"),
            ("keep", "true"),
            ("maildir", "/home/joe/Mail"),
        ] {
            assert!(
                accounts[1].1.contains(&(pair.0, pair.1.to_owned())),
                "{pair:?}"
            );
        }
        assert!(accounts[0].1.contains(&("keep", "false".to_owned())));
    }

    #[test]
    fn a_program_may_stand_in_quotes() {
        let accounts = keys("account a\nhost h\nuser u\ndelivery mda \"procmail -f '%F' | x\"\n");
        let mda = accounts[0].1.iter().find(|(key, _)| *key == "mda");
        let expected = r#"["sh", "-c", "procmail -f \"$1\" | x", "sh", "%F"]"#;
        assert_eq!(mda.map(|(_, value)| &**value), Some(expected));
    }

    #[test]
    fn cleartext_stays_cleartext_with_a_note() {
        let translation =
            translate("account a\nhost pop.example.org\nuser u\n", &AROUND).expect("valid");
        let account = &translation.accounts[0];
        assert!(
            account
                .keys
                .contains(&("allow-cleartext", "true".to_owned()))
        );
        assert_eq!(account.notes.len(), 1);
    }

    #[test]
    fn settings_without_a_counterpart_are_listed() {
        let text = "account a\nhost localhost\nuser u\nkillsize 100\nfilter x\ntls_priorities NORMAL\n\
            delivery exchange /x\neval echo\n";
        let translation = translate(text, &AROUND).expect("valid");
        assert_eq!(translation.accounts[0].notes.len(), 4);
        assert_eq!(translation.notes.len(), 1);
    }

    #[test]
    fn a_mistake_names_its_line() {
        for (text, error) in [
            ("account a\nhots x", "line 2: mpop has no command \"hots\""),
            ("host x", "line 1: a command comes before the first account"),
            ("account a : b", "line 1: there is no account \"b\""),
        ] {
            assert_eq!(translate(text, &AROUND).expect_err(text), error);
        }
    }
}
