//! What the files of renamed accounts carried before, written down beside the database: for a
//! database that is lost.
//! Does not know whether anything is lost.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes down that files with the tag `former` are those of an account whose tag is `tag` now.
///
/// # Errors
/// It cannot be written; a part of a line may be there, and tells nothing.
pub(super) fn note(path: &Path, tag: &str, former: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    // What was cut off before must not spoil this line.
    file.write_all(format!("\n{tag} {former}\n").as_bytes())?;
    file.sync_all()
}

/// Adds the former tags of an account to those that it has, and those before them.
pub(super) fn add(path: &Path, tags: &mut Vec<String>) {
    // Nobody was renamed, or nobody can tell: then nothing more is recognised.
    let noted = fs::read_to_string(path).unwrap_or_default();
    let mut looked_at = 0;
    while let Some(tag) = tags.get(looked_at).cloned() {
        looked_at += 1;
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
    fn all_former_tags_are_found_and_a_circle_has_an_end() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("renamed");
        for (tag, former) in [("b", "a"), ("c", "b"), ("a", "c"), ("x", "y")] {
            note(&path, tag, former).expect("it can be written");
        }
        let mut tags = vec!["c".to_owned()];

        add(&path, &mut tags);

        assert_eq!(tags, ["c", "b", "a"]);
    }
}
