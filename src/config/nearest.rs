//! Hints for mistyped words. The only module that uses strsim.

/// Returns a hint for a mistyped word: the nearest known word, or all of them if there are few.
pub(crate) fn nearest<'a>(
    word: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Option<String> {
    let near = known
        .clone()
        .filter(|_| word.len() <= LONGEST_TYPO)
        .map(|name| (strsim::osa_distance(word, name), name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, name)| *distance <= name.len().max(word.len()) / 3 + 1);
    match near {
        Some((_, name)) => Some(format!("Did you mean \"{name}\"?")),
        None if known.clone().nth(MOST_NAMED).is_some() => None,
        None => {
            let known: Vec<_> = known.collect();
            Some(format!("Name one of {}", known.join(", ")))
        }
    }
}

/// The most words that a hint lists.
const MOST_NAMED: usize = 30;

/// The longest word that is compared with known words.
const LONGEST_TYPO: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_word_gets_its_nearest_neighbour_as_hint() {
        for (word, hint) in [
            ("pasword", "Did you mean \"password\"?"),
            ("max_size", "Did you mean \"max-size\"?"),
            ("Server", "Did you mean \"server\"?"),
            ("sevrer", "Did you mean \"server\"?"),
            ("elephant", "Name one of password, max-size, server"),
            ("", "Name one of password, max-size, server"),
        ] {
            let known = ["password", "max-size", "server"].into_iter();
            assert_eq!(nearest(word, known).as_deref(), Some(hint));
        }
    }
}
