//! A finding of `account test` and `account add`.

use std::fmt::{self, Display};

/// A finding about an account, its server or the way there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Finding {
    /// The subject in a word or two.
    pub topic: &'static str,
    /// The finding for people.
    pub words: String,
    /// The facts in it for programs, by name.
    pub facts: Vec<(&'static str, Fact)>,
}

/// A value in a finding, for programs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Fact {
    /// A list of texts.
    List(Vec<String>),
    /// A number.
    Number(u64),
    /// A text.
    Text(String),
}

impl Finding {
    /// Makes a finding without facts.
    pub(crate) fn new(topic: &'static str, words: impl Display) -> Self {
        Self {
            topic,
            words: words.to_string(),
            facts: Vec::new(),
        }
    }

    /// Adds a fact.
    pub(crate) fn with(mut self, name: &'static str, fact: Fact) -> Self {
        self.facts.push((name, fact));
        self
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.topic, self.words)
    }
}

impl Fact {
    /// Makes a fact of a text.
    pub(crate) fn text(shown: impl Display) -> Self {
        Self::Text(shown.to_string())
    }
}
