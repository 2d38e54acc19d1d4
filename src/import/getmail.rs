//! getmailrc, the configuration of getmail6: sections of `name = value`, whose lists are Python tuples.

use super::{
    OldAccount, OldSurroundings, StatePlace, Translation, account_name, expanded, seconds, words,
};

/// An entry: its section, name and value.
type Entry = (String, String, String);

/// Translates a getmailrc, which has one account.
///
/// # Errors
/// A line is no entry, or comes before the first section.
pub(super) fn translate(text: &str, around: &OldSurroundings<'_>) -> Result<Translation, String> {
    let entries = read(text)?;
    let get = |section: &str, name: &str| {
        let found = entries
            .iter()
            .rev()
            .find(|entry| entry.0 == section && entry.1 == name);
        found.map(|entry| &*entry.2)
    };
    let mut translation = Translation::default();
    let kind = get("retriever", "type").unwrap_or_default();
    if !kind.contains("POP3") {
        translation.notes.push(format!(
            "the retriever {kind} is left out: mailpull speaks POP3"
        ));
        return Ok(translation);
    }
    let is_tls = kind.contains("SSL");
    let (host, user) = (
        get("retriever", "server").unwrap_or_default(),
        get("retriever", "username").unwrap_or_default(),
    );
    let port = get("retriever", "port").unwrap_or(if is_tls { "995" } else { "110" });
    let stem = match around.file_stem {
        "getmailrc" => host,
        stem => stem,
    };
    let mut account = OldAccount::named(account_name(stem));
    account.reads(format!("server = {host}"));
    account.set("server", host);
    match get("retriever", "port") {
        Some(port) => account.reads(format!("port = {port}")),
        None => account.reads("(no port)"),
    }
    account.set("port", port);
    account.reads(format!("username = {user}"));
    account.set("user", user);
    account.reads(format!("type = {kind}"));
    account.set_security(if is_tls { "tls" } else { "none" }, host);
    // getmail keeps mail unless it is told to delete it.
    let days = get("options", "delete_after").filter(|days| *days != "0");
    let keep = match (is_true(get("options", "delete")), days) {
        (true, _) => "false".to_owned(),
        (false, Some(days)) => format!("{days} days"),
        (false, None) => "true".to_owned(),
    };
    account.reads(match (get("options", "delete"), days) {
        (_, Some(days)) => format!("delete_after = {days}"),
        (Some(delete), None) => format!("delete = {delete}"),
        (None, None) => "(no delete)".to_owned(),
    });
    account.set("keep", keep);
    if let Some(password) = get("retriever", "password") {
        account.reads("password = ***");
        account.set_password(password);
    }
    if kind.contains("Multidrop") {
        account.note("a multidrop mailbox: mail for several recipients is not sorted; all of it goes to one destination");
    }
    for (section, name, value) in &entries {
        account.reads(match &**name {
            "password" => "password = ***".to_owned(),
            _ => format!("{name} = {value}"),
        });
        match &**section {
            "retriever" => retriever(&mut account, name, value, around),
            "destination" => {}
            "options" => option(&mut account, name, value),
            other => account.note(format!(
                "section [{other}] is left out; let the MDA or the mail server sort the mail"
            )),
        }
    }
    let value = |name: &str| get("destination", name).unwrap_or_default();
    account.reads(match value("path") {
        "" => format!("type = {}", value("type")),
        path => format!("path = {path}"),
    });
    destination(&mut account, &value, around);
    account.notes.dedup();
    account.state = Some(StatePlace {
        file: format!("oldmail-{}", spelled(&format!("{host}-{port}-{user}"))).into(),
        host: host.to_owned(),
        user: user.to_owned(),
    });
    translation.accounts.push(account);
    Ok(translation)
}

/// Reads the entries. A line that begins with a blank goes on with the one before.
fn read(text: &str) -> Result<Vec<Entry>, String> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut section = None;
    for (index, line) in text.lines().enumerate() {
        let wrong = |what: &str| format!("line {}: {what}", index + 1);
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with([' ', '\t'])
            && let Some(last) = entries.last_mut()
        {
            last.2.push(' ');
            last.2.push_str(trimmed);
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[') {
            section = Some(name.trim_end_matches(']').to_owned());
            continue;
        }
        let section: &String = section
            .as_ref()
            .ok_or_else(|| wrong("an entry comes before the first section"))?;
        let (name, value) = trimmed
            .split_once(['=', ':'])
            .ok_or_else(|| wrong("no \"=\" is there"))?;
        entries.push((
            section.clone(),
            name.trim().to_ascii_lowercase(),
            value.trim().to_owned(),
        ));
    }
    Ok(entries)
}

fn retriever(account: &mut OldAccount, name: &str, value: &str, around: &OldSurroundings<'_>) {
    match name {
        "type" | "server" | "port" | "username" | "password" => {}
        "password_command" => {
            let words = tuple(value);
            let words: Vec<_> = words.iter().map(|word| &**word).collect();
            match words[..] {
                [] => account.set_command("password-command", value),
                _ => account.set("password-command", words::list(&words)),
            }
        }
        "use_apop" if is_true(Some(value)) => account.set("auth", "apop"),
        "timeout" => account.set("timeout", seconds(value)),
        "ca_certs" => account.set("tls-ca-file", expanded(value, around.home)),
        "certfile" => account.set("tls-client-cert", expanded(value, around.home)),
        "keyfile" => account.set("tls-client-key", expanded(value, around.home)),
        "ssl_cert_hostname" => account.set("tls-name", value),
        "ssl_fingerprints" => account.note(
            "ssl_fingerprints: to pin the certificate, run mailpull account test and set tls-pin",
        ),
        "use_xoauth2" if is_true(Some(value)) => {
            account.note("use_xoauth2: see oauth2 and oauth2-token-command");
        }
        "use_apop" | "use_xoauth2" | "delete_dup_msgids" => {}
        other => account.note(format!("{other} has no counterpart and is left out")),
    }
}

fn option(account: &mut OldAccount, name: &str, value: &str) {
    match name {
        "delete" | "delete_after" | "verbose" | "to_oldmail_on_each_mail" => {}
        "read_all" if is_true(Some(value)) => {
            account.note("read_all: mailpull fetches each message once; to fetch one again: mailpull seen forget");
        }
        "max_message_size" if value != "0" => account.set("max-size", value),
        "max_messages_per_session" if value != "0" => account.set("max-messages", value),
        "max_bytes_per_session" if value != "0" => account.set("max-total", value),
        "message_log" => account.note(format!(
            "message_log: write log = {} at the top of the configuration",
            words::string(value)
        )),
        "message_log_syslog" if is_true(Some(value)) => {
            account
                .note("message_log_syslog: write log = \"syslog\" at the top of the configuration");
        }
        "delivered_to" | "received" if is_true(Some(value)) => {
            account.note(format!(
                "{name}: mailpull adds no header; those of the server are kept"
            ));
        }
        "use_netrc"
        | "read_all"
        | "max_message_size"
        | "max_messages_per_session"
        | "max_bytes_per_session"
        | "message_log_syslog"
        | "delivered_to"
        | "received"
        | "message_log_verbose" => {}
        other => account.note(format!("{other} has no counterpart and is left out")),
    }
}

fn destination<'v>(
    account: &mut OldAccount,
    value: &dyn Fn(&str) -> &'v str,
    around: &OldSurroundings<'_>,
) {
    let path = expanded(value("path"), around.home);
    match value("type") {
        "Maildir" => account.set("maildir", path.trim_end_matches('/')),
        "Mboxrd" => account.set("mbox", path),
        "MDA_external" => {
            let arguments = tuple(value("arguments"));
            let arguments = arguments.iter().map(|word| word.replace("%(sender)", "%F"));
            let all: Vec<String> = std::iter::once(path).chain(arguments).collect();
            if all.iter().any(|word| word.contains("%(")) {
                account.note("arguments of the MDA: only %(sender) has a counterpart (%F)");
            }
            let words: Vec<_> = all.iter().map(|word| &**word).collect();
            account.set("mda", words::list(&words));
        }
        "MDA_lmtp" => {
            let (host, port) = (value("host"), value("port"));
            let place = if host.starts_with('/') || port.is_empty() {
                host.to_owned()
            } else {
                format!("{host}:{port}")
            };
            account.set("lmtp", place);
            account.set("recipient", around.local_user);
            account.note(
                "MDA_lmtp: the recipient is the local user; change recipient if it is another one",
            );
        }
        other => account.note(format!(
            "the destination {other} has no counterpart; name a maildir, an mbox or an mda"
        )),
    }
}

/// Returns the strings of a Python tuple: `("a", 'b', r"c")`.
fn tuple(text: &str) -> Vec<String> {
    let mut strings = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '"' && c != '\'' {
            continue;
        }
        let mut string = String::new();
        while let Some(next) = chars.next() {
            match next {
                end if end == c => break,
                '\\' => string.extend(chars.next()),
                other => string.push(other),
            }
        }
        strings.push(string);
    }
    strings
}

fn is_true(value: Option<&str>) -> bool {
    value.is_some_and(|value| ["true", "yes", "on", "1"].contains(&&*value.to_ascii_lowercase()))
}

/// Returns a text as getmail writes it into the name of a file.
fn spelled(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        match c {
            '/' | '\\' | ':' | ';' | '<' | '>' | '|' if name.ends_with('\u{0}') => {}
            '/' | '\\' | ':' | ';' | '<' | '>' | '|' => name.push('\u{0}'),
            c => name.push(c),
        }
    }
    name.replace('\u{0}', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    const AROUND: OldSurroundings<'_> = OldSurroundings {
        home: "/home/joe",
        local_user: "joe",
        file_stem: "getmailrc",
    };

    #[test]
    fn a_usual_configuration_is_translated() {
        let text = "[retriever]\ntype = SimplePOP3SSLRetriever\nserver = pop.example.org\nusername = joe/x\n\
            password_command = (\"pass\", \"show\",\n  'my mail')\n[destination]\ntype = MDA_external\n\
            path = /usr/bin/procmail\narguments = (\"-f\", \"%(sender)\")\n[options]\ndelete_after = 7\nread_all = false\n";
        let translation = translate(text, &AROUND).expect("the text is a configuration");
        let account = &translation.accounts[0];
        assert_eq!(account.name, "pop.example.org");
        for pair in [
            ("security", "tls"),
            ("port", "995"),
            ("keep", "7 days"),
            ("password-command", "[\"pass\", \"show\", \"my mail\"]"),
            ("mda", "[\"/usr/bin/procmail\", \"-f\", \"%F\"]"),
        ] {
            assert!(
                account.keys.contains(&(pair.0, pair.1.to_owned())),
                "{pair:?}"
            );
        }
        assert_eq!(account.notes, Vec::<String>::new());
        let place = account.state.as_ref().expect("it has a state");
        assert_eq!(
            place.file.to_str(),
            Some("oldmail-pop.example.org-995-joe-x")
        );
    }

    #[test]
    fn settings_without_a_counterpart_are_listed() {
        let text = "[retriever]\ntype=SimplePOP3Retriever\nserver=localhost\nusername=u\n[destination]\n\
            type=MultiDestination\n[options]\nread_all=1\ndelivered_to=1\n[filter-1]\ntype=Filter_external\n";
        let translation = translate(text, &AROUND).expect("valid");
        assert_eq!(translation.accounts[0].notes.len(), 4);
    }

    #[test]
    fn an_imap_retriever_is_left_out() {
        let text = "[retriever]\ntype = SimpleIMAPSSLRetriever\n";
        let translation = translate(text, &AROUND).expect("valid");
        assert!(translation.accounts.is_empty() && translation.notes.len() == 1);
    }

    #[test]
    fn a_mistake_names_its_line() {
        for (text, error) in [
            ("a = b", "line 1: an entry comes before the first section"),
            ("[options]\nx", "line 2: no \"=\" is there"),
        ] {
            assert_eq!(translate(text, &AROUND).expect_err(text), error);
        }
    }
}
