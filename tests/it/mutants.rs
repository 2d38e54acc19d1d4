//! Checks the patches of `tests/mutants`: each still fits the source, and says which rule it
//! breaks.

use std::fs;
use std::path::Path;

use crate::support::claims::read;

const FOLDER: &str = "tests/simulation/mutants";

/// A patch that breaks one rule.
struct Mutant {
    name: String,
    text: String,
}

/// The lines of a file that a part of a patch replaces.
#[derive(Debug, Eq, PartialEq)]
struct Hunk {
    file: String,
    old: String,
}

impl Mutant {
    /// Returns the first line, which says what rule the patch breaks.
    fn rule(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    fn hunks(&self) -> Vec<Hunk> {
        let mut file = "";
        let mut hunks = Vec::new();
        for line in self.text.lines() {
            if let Some(path) = line.strip_prefix("--- a/") {
                file = path;
            } else if line.starts_with("@@ ") {
                hunks.push(Hunk {
                    file: file.to_owned(),
                    old: String::new(),
                });
            } else if let Some(hunk) = hunks.last_mut()
                && let Some(old) = line.strip_prefix([' ', '-'])
                && !line.starts_with("--- ")
            {
                hunk.old.extend([old, "\n"]);
            }
        }
        hunks
    }

    /// Lists the mistakes in the patch.
    fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        if !self.rule().ends_with('.') {
            mistakes.push("the first line must be a sentence that says what rule it breaks".into());
        }
        let hunks = self.hunks();
        if hunks.is_empty() {
            mistakes.push("it changes nothing".into());
        }
        for Hunk { file, old } in hunks {
            let count = read(&file).map_or(0, |source| source.matches(&old).count());
            if count != 1 {
                mistakes.push(format!(
                    "these lines are {count} times in {file}; change the patch as the source has \
                     changed:\n{old}"
                ));
            }
        }
        let name = &self.name;
        mistakes
            .into_iter()
            .map(|mistake| format!("{name}: {mistake}"))
            .collect()
    }
}

fn mutants() -> Vec<Mutant> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let files = fs::read_dir(folder).expect("the folder can be read");
    let mutant = |path: &Path| Mutant {
        name: path.file_name().unwrap_or_default().display().to_string(),
        text: fs::read_to_string(path).expect("the patch can be read"),
    };
    let files = files.map(|file| file.expect("the folder can be read"));
    files.map(|file| mutant(&file.path())).collect()
}

#[test]
fn every_mutant_fits_the_source_and_names_its_rule() {
    let mutants = mutants();
    let mistakes: Vec<_> = mutants.iter().flat_map(Mutant::mistakes).collect();
    assert!(!mutants.is_empty());
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn every_mutant_breaks_another_rule() {
    let mut rules: Vec<_> = mutants()
        .iter()
        .map(|mutant| mutant.rule().to_owned())
        .collect();
    rules.sort();
    let repeated = rules.windows(2).find(|pair| pair[0] == pair[1]);
    assert_eq!(repeated, None);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_that_does_not_fit_is_found() {
        let this = "tests/it/mutants.rs";
        let hunk = |old: &str| format!("--- a/{this}\n+++ b/{this}\n@@ -1 +1 @@\n-{old}\n+x\n");
        let fits = hunk("/// A patch that breaks one rule.");
        for (text, count) in [
            (format!("A rule.\n\n{fits}"), 0),
            (format!("A rule.\n\n{fits}{fits}"), 0),
            (format!("A rule\n\n{fits}"), 1),
            ("A rule.\n".to_owned(), 1),
            (format!("A rule.\n\n{fits}{}", hunk("/// No such line.")), 1),
            (format!("A rule.\n\n{}", hunk("}")), 1),
            (format!("A rule.\n\n{}", fits.replace(this, "nowhere")), 1),
        ] {
            let name = "a".to_owned();
            let mistakes = Mutant {
                name,
                text: text.clone(),
            }
            .mistakes();
            assert_eq!(mistakes.len(), count, "{text} {mistakes:?}");
        }
    }
}
