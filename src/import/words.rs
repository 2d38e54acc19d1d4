//! Values of old configurations, written as mailpull reads them.

/// Returns a command line as the value of a key: as it is if no shell is needed, else a list that runs one.
/// `%F` and other placeholders stay.
pub(super) fn command(line: &str) -> String {
    let needs_shell = line
        .chars()
        .any(|c| "|&;<>()$`*?[]{}!\n".contains(c) || (c == '#' && line.contains(" #")))
        || line
            .split_whitespace()
            .next()
            .is_some_and(|first| first.contains('='));
    if needs_shell {
        list(&["sh", "-c", line])
    } else {
        string(line)
    }
}

/// Returns a command line of an MDA, which may have the placeholders `%F` and `%L`. A shell gets their values as
/// arguments, because they come from the network.
pub(super) fn mda(line: &str) -> String {
    let value = command(line);
    if value.starts_with('"') {
        return value;
    }
    let mut script = line.to_owned();
    for (placeholder, argument) in [("%F", "\"$1\""), ("%L", "\"$2\"")] {
        for quoted in [format!("'{placeholder}'"), format!("\"{placeholder}\"")] {
            script = script.replace(&quoted, argument);
        }
        script = script.replace(placeholder, argument);
    }
    let mut words = vec!["sh", "-c", &script, "sh", "%F"];
    if line.contains("%L") {
        words.push("%L");
    }
    list(&words)
}

/// Returns a list as TOML.
pub(super) fn list(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| string(word)).collect();
    format!("[{}]", words.join(", "))
}

/// Returns a string as TOML.
pub(super) fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Returns a SHA-256 fingerprint (`01:23:...`) as lower-case digits; `None` for another kind.
pub(super) fn pin(fingerprint: &str) -> Option<String> {
    let digits: String = fingerprint.chars().filter(|c| *c != ':').collect();
    let is_sha256 = digits.len() == 64 && digits.chars().all(|c| c.is_ascii_hexdigit());
    is_sha256.then(|| digits.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needs_a_shell_gets_one() {
        for (line, value) in [
            ("procmail -f %F", "\"procmail -f %F\""),
            ("a | b", "[\"sh\", \"-c\", \"a | b\"]"),
            ("X=1 a", "[\"sh\", \"-c\", \"X=1 a\"]"),
            ("a \"b c\"", "\"a \\\"b c\\\"\""),
        ] {
            assert_eq!(command(line), value);
        }
    }
}
