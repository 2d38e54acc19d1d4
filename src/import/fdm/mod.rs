//! fdm.conf, the configuration of fdm: accounts, and rules that say what is done with their mail.

mod expansion;
mod parser;
mod rules;
mod value;
mod words;

use parser::{FdmAccount, FdmClause, FdmConf};
use value::FdmValue;

use super::words as values;
use super::{
    OldAccount, OldSurroundings, StatePlace, Translation, account_name, expanded, seconds,
};

/// Translates a fdm.conf.
///
/// # Errors
/// A word stands where it means nothing.
pub(super) fn translate(text: &str, around: &OldSurroundings<'_>) -> Result<Translation, String> {
    let conf = parser::parse(text)?;
    let mut translation = Translation::default();
    for file in &conf.includes {
        translation.notes.push(format!(
            "include {file}: that file is not read; put its text in place of the include"
        ));
    }
    for setting in &conf.settings {
        translation.notes.extend(note_on_setting(setting));
    }
    for account in &conf.accounts {
        let kind = &*account.source.keyword;
        if kind == "pop3" || kind == "pop3s" {
            translation
                .accounts
                .push(translated(account, &conf, around));
        } else {
            translation.notes.push(format!(
                "account {} is of type {kind} and left out: mailpull speaks POP3",
                account.name
            ));
        }
    }
    Ok(translation)
}

/// Returns what the user should know about a setting that no account gets.
fn note_on_setting(setting: &FdmClause) -> Option<String> {
    let keyword = &*setting.keyword;
    let why = match keyword {
        // For each account.
        "maximum-size" | "timeout" | "proxy" | "verify-certificates" => return None,
        // mailpull does that anyway, or has no use for it.
        "allow-multiple" | "ignore-errors" | "lock-file" | "lock-timeout" | "lock-types"
        | "lock-wait" | "lookup-order" | "no-received" | "parallel-accounts" | "purge-after"
        | "queue-high" | "queue-low" | "strip-characters" => return None,
        "delete-oversized" => {
            "large messages stay on the server; delete them by hand: mailpull delete"
        }
        "unmatched-mail" => "all mail of an account goes to one place",
        "file-umask" => "files are readable by their owner only; see file-mode",
        "default-user" | "command-user" => "mailpull delivers as the user who runs it",
        _ => "it has no counterpart and is left out",
    };
    Some(format!("set {keyword}: {why}"))
}

fn translated(old: &FdmAccount, conf: &FdmConf, around: &OldSurroundings<'_>) -> OldAccount {
    let mut account = OldAccount::named(account_name(&old.name));
    if old.is_disabled {
        account.reads("disabled");
        account.set("enabled", "false");
    }
    let source = &old.source;
    let spelled = |keyword: &str| match source.argument(keyword) {
        None => format!("(no {keyword})"),
        Some(value) if keyword == "pass" && value.text().is_some() => "pass ***".to_owned(),
        Some(value) => format!("{keyword} {value}"),
    };
    let text = |account: &mut OldAccount, keyword: &str| {
        account.reads(spelled(keyword));
        read_tags(&text_of(source, keyword, account), around)
    };
    let host = match source.argument("pipe") {
        Some(command) => {
            account.reads(spelled("pipe"));
            let words = ["sh", "-c", &command.to_string()].map(str::to_owned);
            account.set(
                "tunnel-command",
                values::list(&words.each_ref().map(|word| &**word)),
            );
            "localhost".to_owned()
        }
        None => text(&mut account, "server"),
    };
    account.set("server", &*host);
    if source.argument("port").is_some() {
        match &*text(&mut account, "port") {
            "pop3" | "pop3s" => {}
            port => account.set("port", port),
        }
    }
    let user = text(&mut account, "user");
    if !user.is_empty() {
        account.set("user", &*user);
    }
    account.reads(match source.has("starttls") {
        true => format!("{} starttls", source.keyword),
        false => source.keyword.clone(),
    });
    set_security(&mut account, source, conf, &host);
    account.reads(spelled("pass"));
    match source.argument("pass") {
        None => account.note("fdm took the password, and the user if none was named, from ~/.netrc: set user and password-command"),
        Some(pass) => match pass.text() {
            Some(password) => account.set_password(&read_tags(password, around)),
            None => account.set_command("password-command", &pass.printed()),
        },
    }
    // fdm deletes mail unless it is told to keep it.
    account.reads(match source.has("keep") {
        true => "keep",
        false => "(no keep)",
    });
    account.set("keep", source.has("keep").to_string());
    set_limits(&mut account, conf);
    rules::set_destination(&mut account, &old.name, conf, around);
    if source.has("old-only") {
        account.reads("old-only");
        account.note("old-only: mailpull fetches what is new");
    }
    match source.argument("cache") {
        Some(cache) => {
            let file = read_tags(&cache.to_string(), around);
            account.state = Some(StatePlace {
                file: expanded(&file, around.home).into(),
                host,
                user,
            });
        }
        None if source.has("keep") => {
            account.reads("keep");
            account.note(
                "fdm kept the mail and fetched all of it each time; to leave there what is on the server now: \
                 mailpull seen catch-up",
            );
        }
        None => {}
    }
    account
}

/// Returns an argument as text. A command is not run: the user has to write what it prints.
fn text_of(source: &FdmClause, keyword: &str, account: &mut OldAccount) -> String {
    let Some(value) = source.argument(keyword) else {
        return String::new();
    };
    if value.text().is_none() {
        account.note(format!(
            "{keyword}: write the output of the command here, which is not run: {value}"
        ));
    }
    value.to_string()
}

fn set_security(account: &mut OldAccount, source: &FdmClause, conf: &FdmConf, host: &str) {
    let security = match &*source.keyword {
        "pop3s" => "tls",
        _ if source.has("starttls") => "starttls",
        _ => "none",
    };
    account.set_security(security, host);
    let verifies = conf
        .settings
        .iter()
        .any(|setting| setting.keyword == "verify-certificates");
    if security == "none" {
    } else if source.has("no-verify") {
        account.set("tls-verify", "false");
        account.note("the certificate is not checked, as before; better: pin it by tls-pin");
    } else if !verifies {
        account
            .note("fdm did not check the certificate without verify-certificates; mailpull does");
    }
    if source.has("insecure") {
        account.note("insecure: mailpull uses TLS 1.2 or later; see tls-min");
    }
}

/// Sets what fdm sets for all accounts.
fn set_limits(account: &mut OldAccount, conf: &FdmConf) {
    for setting in &conf.settings {
        let Some(value) = setting.argument("").map(FdmValue::to_string) else {
            continue;
        };
        let flags: String = setting
            .flags
            .iter()
            .map(|flag| format!(" {flag}"))
            .collect();
        account.reads(format!("set {} {value}{flags}", setting.keyword));
        match &*setting.keyword {
            "maximum-size" => {
                let unit = setting.flags.first().map_or("", |unit| &unit[..1]);
                let unit = match &*unit.to_ascii_lowercase() {
                    "k" => " KiB",
                    "m" => " MiB",
                    "g" => " GiB",
                    _ => "",
                };
                account.set("max-size", format!("{value}{unit}"));
            }
            "timeout" => {
                let unit = setting.flags.first().map_or("s", |unit| &unit[..1]);
                match unit {
                    "s" => account.set("timeout", seconds(&value)),
                    "m" => account.set("timeout", format!("{value}m")),
                    _ => {
                        account.note("set timeout: mailpull waits for minutes at most; see timeout")
                    }
                }
            }
            "proxy" => match value.strip_prefix("socks://") {
                Some(rest) => account.set("proxy", format!("socks5h://{rest}")),
                None => account.set("proxy", value),
            },
            _ => {}
        }
    }
}

/// Returns a string as fdm reads it from its configuration: with the tags that are known then, and without others.
fn read_tags(text: &str, around: &OldSurroundings<'_>) -> String {
    let known = |tag: &str| {
        let value = match tag {
            "h" | "home" => around.home,
            "u" | "user" => around.local_user,
            "%" => "%",
            // The account is not known yet.
            _ => "",
        };
        Some(value.to_owned())
    };
    with_tags(text, known).unwrap_or_default()
}

/// Returns a string with the tags that are the same for all messages of an account.
fn account_tags(text: &str, account: &str, around: &OldSurroundings<'_>) -> Option<String> {
    with_tags(text, |tag| match tag {
        "a" | "account" => Some(account.to_owned()),
        "h" | "home" | "u" | "user" | "%" => Some(read_tags(&format!("%[{tag}]"), around)),
        _ => None,
    })
}

/// Replaces the tags of a string, `%x` and `%[name]`. Returns `None` if one has no value.
fn with_tags(text: &str, value: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        replaced.push_str(before);
        let short = after.chars().next().map_or(0, char::len_utf8);
        let long = after
            .strip_prefix('[')
            .and_then(|long| long.split_once(']'));
        let (tag, after) = long.unwrap_or_else(|| after.split_at(short));
        replaced.push_str(&value(tag)?);
        rest = after;
    }
    replaced.push_str(rest);
    Some(replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const AROUND: OldSurroundings<'_> = OldSurroundings {
        home: "/home/joe",
        local_user: "joe",
        file_stem: "fdm",
    };

    fn account(text: &str) -> OldAccount {
        let mut translation = translate(text, &AROUND).expect(text);
        translation.accounts.remove(0)
    }

    fn value<'a>(account: &'a OldAccount, key: &str) -> Option<&'a str> {
        let found = account.keys.iter().find(|(other, _)| *other == key);
        found.map(|(_, value)| &**value)
    }

    #[test]
    fn a_usual_configuration_is_translated() {
        let text = "$base = \"%h/.fdm.d\"\nset maximum-size 100 MB\nset timeout 120\nset verify-certificates\n\
            set queue-high 5\naction \"inbox\" maildir \"${base}/in\"\n\
            account \"work\" pop3s server \"pop.example.org\" port 1995 user \"joe@example.org\" pass \"s%%'e\"\n\
            \tnew-only cache \"${base}/%a%u.cache\" keep\nmatch all action \"inbox\"\n";
        let account = account(text);
        assert_eq!(account.name, "work");
        for (key, expected) in [
            ("server", "pop.example.org"),
            ("port", "1995"),
            ("user", "joe@example.org"),
            ("security", "tls"),
            ("keep", "true"),
            ("max-size", "100 MiB"),
            ("timeout", "120s"),
            ("maildir", "/home/joe/.fdm.d/in"),
        ] {
            assert_eq!(value(&account, key), Some(expected), "{key}");
        }
        assert_eq!(
            account.password.as_deref().map(String::as_str),
            Some("s%'e")
        );
        assert_eq!(account.notes, Vec::<String>::new());
        let place = account.state.expect("it has a state");
        assert_eq!(place.file.to_str(), Some("/home/joe/.fdm.d/joe.cache"));
    }

    #[test]
    fn a_command_prints_the_password() {
        let text = "account 'a' pop3 server 'localhost' user 'u' pass $(pass show \"a b\")\n\
            match all action mbox '~/m'";
        let account = account(text);
        assert_eq!(
            value(&account, "password-command"),
            Some("\"pass show \\\"a b\\\"\"")
        );
        assert_eq!(value(&account, "mbox"), Some("/home/joe/m"));
        assert!(account.password.is_none());
    }

    #[test]
    fn other_accounts_are_named_and_left_out() {
        let text = "account 'i' imaps server 'h' folders { 'a' 'b' } no-verify\naccount 's' disabled stdin\n\
            include 'other'\nset delete-oversized";
        let translation = translate(text, &AROUND).expect("valid");
        assert!(translation.accounts.is_empty());
        assert_eq!(translation.notes.len(), 4);
    }

    #[test]
    fn a_pipe_is_a_tunnel() {
        let text = "account 'p' pop3 pipe 'ssh h popd' user 'u' pass 'p' no-apop\nmatch all action pipe 'procmail'";
        let account = account(text);
        for (key, expected) in [
            ("tunnel-command", "[\"sh\", \"-c\", \"ssh h popd\"]"),
            ("security", "none"),
            ("mda", "\"procmail\""),
            ("keep", "false"),
        ] {
            assert_eq!(value(&account, key), Some(expected), "{key}");
        }
    }
}
