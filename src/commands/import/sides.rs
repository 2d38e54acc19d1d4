//! Both sides of a dry run: what the old configuration says, and beside it what mailpull's would say.

use crate::import::OldAccount;
use crate::text::OneLine;

/// Returns the text of a new account with the old setting that led to each line on its left. Settings that need no
/// counterpart come last.
pub(super) fn side_by_side(old: &OldAccount, program: &str, text: &str) -> String {
    let mut rows = vec![(program.to_owned(), "mailpull".to_owned())];
    let mut used = Vec::new();
    for line in text.lines() {
        let subject = line.strip_prefix("# ").unwrap_or(line);
        let key = line.split_once(" = ").map_or("", |(key, _)| key);
        let is_shown = |note: &&String| OneLine(note).to_string() == subject;
        let note = old.notes.iter().find(is_shown).map_or("", |note| &**note);
        let setting = old.origin(if note.is_empty() { key } else { note });
        // A setting that leads to several lines stands beside the first.
        let is_new = setting.is_some_and(|setting| used.last() != Some(&setting));
        let left = setting.filter(|_| is_new).unwrap_or_default();
        used.extend(setting);
        rows.push((shortened(left), line.to_owned()));
    }
    for setting in &old.settings {
        if !used.contains(&&**setting) {
            rows.push((shortened(setting), String::new()));
        }
    }
    let lengths = rows.iter().map(|(left, _)| left.chars().count());
    let width = lengths.max().unwrap_or_default();
    let lines = rows.into_iter().map(|(left, right)| {
        let line = format!("{left:width$}  {right}");
        format!("{}\n", line.trim_end())
    });
    lines.collect()
}

/// Returns a setting in one line that leaves space for the other side.
fn shortened(setting: &str) -> String {
    let line = OneLine(setting).to_string();
    if line.chars().count() <= WIDEST_SETTING {
        return line;
    }
    let begin: String = line.chars().take(WIDEST_SETTING - 1).collect();
    format!("{begin}…")
}

/// The most characters of an old setting that are shown.
const WIDEST_SETTING: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{OldProgram, OldSurroundings};

    #[test]
    fn each_line_stands_beside_the_setting_that_led_to_it() {
        let around = OldSurroundings {
            home: "/home/joe",
            local_user: "joe",
            file_stem: "mpoprc",
        };
        let text = "account work\nhost localhost\nuser joe\npassword secret\nkillsize 5\npipelining auto\n\
            delivery maildir ~/Mail\n";
        let translation = OldProgram::Mpop.translate(text, &around).expect("valid");
        let old = &translation.accounts[0];
        let new = format!(
            "# {}\nserver = \"localhost\"\nkeep = false\nmaildir = \"/home/joe/Mail\"\n",
            old.notes[0]
        );

        let shown = side_by_side(old, "mpop", &new);

        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines[0], "mpop                     mailpull");
        assert!(
            lines[1].starts_with("killsize 5               # killsize deletes"),
            "{shown}"
        );
        for line in [
            "host localhost           server = \"localhost\"",
            "(no keep)                keep = false",
            "delivery maildir ~/Mail  maildir = \"/home/joe/Mail\"",
            "pipelining auto",
        ] {
            assert!(lines.contains(&line), "{line}\n{shown}");
        }
        assert!(!shown.contains("secret"));
    }
}
