//! Words that only a shell understands, in a command that no shell reads.
//!
//! Without a shell `|`, `>` and `$HOME` are arguments like any others: a program would print a wrong password, or
//! mail would go elsewhere. So they are refused. A program that reads a language of its own, such as sh -c, awk or
//! ssh, may get them.

use super::Wrong;

/// Refuses a list of words if a shell would read one of them differently.
pub(super) fn refuse_in_list(words: &[String]) -> Result<(), Wrong> {
    // The arguments of an interpreter are read by it. It may follow another program: sudo, env, nice.
    let ours = words.iter().take_while(|word| !is_interpreter(word));
    match ours.into_iter().find(|word| is_for_shell(word)) {
        Some(word) => Err(refused(word)),
        None => Ok(()),
    }
}

/// Refuses a line that is split into words if a shell would read a part of it differently. What is quoted for the
/// shell is an ordinary character there, too.
pub(super) fn refuse_in_line(line: &str, words: &[String]) -> Result<(), Wrong> {
    // In double quotes a shell expands `$`. An interpreter does that itself.
    let expands_itself = words.iter().any(|word| is_interpreter(word));
    let mut quote = None;
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (None | Some('"'), '\\') => drop(chars.next()),
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, '|' | '&' | ';' | '<' | '>' | '(' | ')') => {
                return Err(refused(&line[at..=at]));
            }
            (Some('"'), '$' | '`') if expands_itself => {}
            (None | Some('"'), '$' | '`') if is_expanded(&line[at..]) => {
                return Err(refused(expanded(&line[at..])));
            }
            _ => {}
        }
    }
    Ok(())
}

fn refused(word: &str) -> Wrong {
    let problem = format!("contains {}, but no shell is run", super::quoted(word));
    Wrong {
        problem,
        hint: Some("For a shell, write [\"sh\", \"-c\", \"...\"]".to_owned()),
    }
}

/// Returns true if a program reads its arguments as a language of its own, or hands them to a shell.
fn is_interpreter(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    INTERPRETERS.contains(&name)
}

const INTERPRETERS: [&str; 20] = [
    "ash", "awk", "bash", "busybox", "dash", "expect", "fish", "gawk", "jq", "ksh", "mawk", "mksh",
    "perl", "python", "ruby", "sed", "sh", "ssh", "tclsh", "zsh",
];

/// Returns true if a word of a list is an operator of the shell, or the shell would replace a part of it.
fn is_for_shell(word: &str) -> bool {
    if word.contains(char::is_whitespace) {
        // A shell has no such words unless they are quoted.
        return word.contains("$(") || word.matches('`').count() > 1;
    }
    let ends_command = word.len() > 1 && word.ends_with(';') && !word.ends_with("\\;");
    is_operator(word) || ends_command || word.char_indices().any(|(at, _)| is_expanded(&word[at..]))
}

/// Returns true if a word is an operator (`|`, `&&`, `;`) or a redirection (`>`, `2>&1`, `</dev/null`).
fn is_operator(word: &str) -> bool {
    if ["|", "||", "|&", "&", "&&", ";", ";;", "(", ")"].contains(&word) {
        return true;
    }
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '&');
    // `<me@example.com>` is an address.
    rest.starts_with('>') || rest.starts_with('<') && !rest.ends_with('>')
}

/// Returns true if a shell would replace the beginning of a text: `$NAME`, `${`, `$(`, or a command in backquotes.
fn is_expanded(text: &str) -> bool {
    let mut chars = text.chars();
    let is_name = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    match chars.next() {
        // A single letter is more often a part of a regular expression or another language.
        Some('$') => match chars.next() {
            Some('{' | '(') => true,
            first => is_name(first) && is_name(chars.next()),
        },
        Some('`') => text[1..].contains('`'),
        _ => false,
    }
}

/// Returns the part of a text that a shell would replace.
fn expanded(text: &str) -> &str {
    let end = text[1..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    &text[..end.map_or(text.len(), |end| 1 + end.max(1))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell_are_refused_in_a_list() {
        for (words, is_refused) in [
            (&["pass", "show", "mail"][..], false),
            (&["pass", "show", "mail", "|", "head", "-1"], true),
            (&["pass", "mail", "2>/dev/null"], true),
            (&["pass", "mail", ">", "/dev/null"], true),
            (&["pass", "mail", "2>&1"], true),
            (&["pass", "mail", "&>/dev/null"], true),
            (&["cat", "</etc/passwd"], true),
            (&["a", "&&", "b"], true),
            (&["a", "||", "b"], true),
            (&["a", "b;", "c"], true),
            (&["a", "&"], true),
            (&["cat", "$HOME/.password"], true),
            (&["gpg", "--homedir=${HOME}/.gnupg"], true),
            (&["cat", "$(pwd)/x"], true),
            (&["echo", "`pass show mail`"], true),
            (&["echo", "$user"], true),
            // These are what they look like.
            (&["sendmail", "-f", "<%F>", "me"], false),
            (&["grep", "a|b$", "/x"], false),
            (&["x", "a>b", "R&D", "50$", "$p", "a;b"], false),
            (&["x", "Tom & Jerry", "costs $HOME or so"], false),
            (&["awk", "/mail/{print$NF}", "/x"], false),
            (&["sh", "-c", "pass show mail | head -1"], false),
            (&["/bin/bash", "-c", "$0 && $1", "&&"], false),
            (&["sudo", "-u", "me", "sh", "-c", "x", "$HOME"], false),
            (&["ssh", "gate", "cat", "x", "|", "head"], false),
            (&["python3.12", "-c", "print(f'${x}')"], false),
        ] {
            let list: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
            assert_eq!(refuse_in_list(&list).is_err(), is_refused, "{words:?}");
        }
    }

    #[test]
    fn unquoted_characters_of_a_shell_are_refused_in_a_line() {
        for (line, refused) in [
            ("procmail -d me", None),
            ("procmail | foo", Some("|")),
            ("spamc|procmail", Some("|")),
            ("cat > /dev/null", Some(">")),
            ("cat >>x", Some(">")),
            ("procmail && foo", Some("&")),
            ("a; b", Some(";")),
            ("(a)", Some("(")),
            ("procmail $HOME/.procmailrc", Some("$HOME")),
            ("procmail \"${HOME}/x\"", Some("${")),
            ("x `id`", Some("`id")),
            ("x '|' \"a>b\" \\; 'it costs $HOME'", None),
            ("x 5$ $p \\$HOME", None),
            ("sh -c 'spamc | procmail'", None),
            ("sh -c \"cat > $HOME/x\"", None),
            ("sh -c 'spamc' | procmail", Some("|")),
        ] {
            let words = shell_words::split(line).expect("the quotes are closed");
            let wrong = refuse_in_line(line, &words)
                .err()
                .map(|wrong| wrong.problem);
            let expected = refused.map(|word| format!("contains \"{word}\", but no shell is run"));
            assert_eq!(wrong, expected, "{line}");
        }
    }
}
