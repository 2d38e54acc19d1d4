//! What `account test` and `account add` found out, one thing at a time.
//! Does not know how it was found out.

use std::fmt::{self, Display};

/// One thing that was found out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Finding {
    /// What it is about, in a word or two.
    pub topic: &'static str,
    /// What there is to say, for people.
    pub words: String,
    /// The same for programs, by name.
    pub facts: Vec<(&'static str, Fact)>,
}

/// A fact for programs.
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
    /// Makes one without facts.
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
    /// Makes a text.
    pub(crate) fn text(shown: impl Display) -> Self {
        Self::Text(shown.to_string())
    }
}
