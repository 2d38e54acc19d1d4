//! The system calls of a run by which files change, are flushed or are looked at. The paths are
//! those below the folder that holds the Maildir, and the random parts of file names are left out:
//! two runs that do the same have the same list.

use std::fmt;

/// The calls of one run, one list for each thread.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    threads: Vec<(String, Vec<String>)>,
}

impl Calls {
    /// Adds a call of a thread. Calls that are repeated at once count as one, because a file is
    /// written, and a folder is read, in any number of pieces.
    pub(crate) fn add(&mut self, thread: &str, call: &str, paths: &[&str]) {
        if paths == ["."] && call != "fsync" {
            // The way to the Maildir.
            return;
        }
        let names = paths.iter().map(|path| format!(" {}", nameless(path)));
        let line = call.to_owned() + &names.collect::<String>();
        let at = self.threads.iter().position(|(other, _)| other == thread);
        let at = at.unwrap_or_else(|| {
            self.threads.push((thread.to_owned(), Vec::new()));
            self.threads.len() - 1
        });
        let lines = &mut self.threads[at].1;
        if lines.last() != Some(&line) {
            lines.push(line);
        }
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, (_, lines)) in self.threads.iter().enumerate() {
            writeln!(f, "thread {}:", nth + 1)?;
            // Some transactions of the first thread change nothing, and then SQLite flushes
            // nothing.
            let is_listed = |line: &&String| nth > 0 || *line != "commit";
            for line in lines.iter().filter(is_listed) {
                writeln!(f, "  {line}")?;
            }
        }
        Ok(())
    }
}

/// Returns a path with `F` as the name of a message, and without the mark in the names of other
/// files of ours.
fn nameless(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if !["tmp", "new", "cur"]
        .iter()
        .any(|end| folder.ends_with(end))
    {
        return path.to_owned();
    }
    let name = match name.strip_prefix(".mailpull-") {
        Some(rest) => format!(".mailpull-M{}", rest.get(32..).unwrap_or_default()),
        None if name.starts_with('.') => ".F".to_owned(),
        None => "F".to_owned(),
    };
    format!("{folder}/{name}")
}
