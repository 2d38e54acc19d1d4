//! The former tags of renamed accounts. They are in a text file beside the database, so that the
//! accounts' files are still recognised if the database is lost.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Notes that files with the tag `former` belong to the account whose tag is `tag` now.
///
/// # Errors
/// The file cannot be written. It may then end with a part of a line, which is ignored.
pub(super) fn note(path: &Path, tag: &str, former: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    // It begins on a new line: after a power cut the last one may be incomplete.
    file.write_all(format!("\n{tag} {former}\n").as_bytes())?;
    file.sync_all()
}

/// Adds to an account's tags those that it had before, and the ones before those.
pub(super) fn add(path: &Path, tags: &mut Vec<String>) {
    // There is no file if no account was ever renamed. If it cannot be read, the files of former
    // names are not recognised, and their messages may be delivered again.
    let noted = fs::read_to_string(path).unwrap_or_default();
    let mut position = 0;
    while let Some(tag) = tags.get(position).cloned() {
        position += 1;
        for line in noted.lines() {
            if let Some((later, former)) = line.split_once(' ')
                && later == tag
                && !tags.iter().any(|known| known == former)
            {
                tags.push(former.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_former_tags_are_found_even_in_a_circle() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("renamed");
        for (tag, former) in [("b", "a"), ("c", "b"), ("a", "c"), ("x", "y")] {
            note(&path, tag, former).expect("the folder is ours");
        }
        let mut tags = vec!["c".to_owned()];

        add(&path, &mut tags);

        assert_eq!(tags, ["c", "b", "a"]);
    }
}
