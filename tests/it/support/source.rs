//! Reads Rust source as words, just well enough to know which paths it names. The rules are in `layers`.

/// A source file without comments, literals and unit tests.
pub(crate) struct Source {
    /// The number of lines in the file.
    pub(crate) lines: usize,
    /// The path below `src`.
    pub(crate) path: String,
    paths: Vec<Path>,
    words: Vec<Word>,
}

/// A path as it is written, groups resolved: `crate::{a, b::c}` is `crate::a` and `crate::b::c`.
struct Path {
    line: usize,
    names: Vec<String>,
}

struct Word {
    line: usize,
    text: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let is_tests = path.ends_with("/tests.rs") || path.contains("/tests/");
        let words = without_tests(words(if is_tests { "" } else { text }));
        Self {
            lines: text.lines().count(),
            path: path.to_owned(),
            paths: paths(&words),
            words,
        }
    }

    /// Returns the path of its module: `pop3/wire` for `pop3/wire.rs`, `pop3` for `pop3/mod.rs`.
    pub(crate) fn module(&self) -> &str {
        let path = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        path.strip_suffix("/mod").unwrap_or(path)
    }

    /// Returns true if it is this file, or in this folder.
    pub(crate) fn is_in(&self, place: &str) -> bool {
        match place.strip_suffix('/') {
            Some(folder) => self.path.starts_with(place) || self.path == format!("{folder}.rs"),
            None => place.is_empty() || self.path == place,
        }
    }

    /// Lists the modules of this crate that it uses, as paths (`poll/plan`), with the lines.
    pub(crate) fn uses(&self) -> impl Iterator<Item = (usize, String)> {
        self.paths.iter().filter_map(|path| {
            let used = self.resolve(&path.names)?;
            Some((path.line, used))
        })
    }

    /// Lists the lines that name a third-party crate.
    pub(crate) fn mentions(&self, name: &str) -> impl Iterator<Item = usize> {
        let begins_with = move |path: &&Path| path.names.first().is_some_and(|n| n == name);
        self.paths.iter().filter(begins_with).map(|path| path.line)
    }

    /// Lists the lines that name an item of another crate or something in it: `std::fs` is named by
    /// `std::fs::File`, too.
    pub(crate) fn names_item(&self, item: &str) -> impl Iterator<Item = usize> {
        let item: Vec<_> = item.split("::").collect();
        let is_in_item = move |path: &&Path| {
            let begins = path
                .names
                .iter()
                .zip(&item)
                .all(|(name, part)| name == part);
            begins && path.names.len() >= item.len()
        };
        self.paths.iter().filter(is_in_item).map(|path| path.line)
    }

    /// Lists the lines that call a method.
    pub(crate) fn calls_method(&self, method: &str) -> impl Iterator<Item = usize> {
        self.words
            .windows(3)
            .filter(move |words| {
                words[0].text == "." && words[1].text == method && words[2].text == "("
            })
            .map(|words| words[1].line)
    }

    /// Lists the names of the types and traits that it defines.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = &str> {
        self.words.windows(2).filter_map(|pair| {
            let is_definition = ["struct", "enum", "trait"].contains(&&*pair[0].text);
            is_definition.then_some(&*pair[1].text)
        })
    }

    /// Lists the lines that make a value of a type of `custody`: `Proof {`, `Proof(` and
    /// `Proof::function(`.
    pub(crate) fn makings(&self, proof: &str) -> impl Iterator<Item = usize> {
        let is_proof = |path: &Path| {
            path.names
                .windows(2)
                .any(|pair| pair[0] == "custody" && pair[1] == proof)
        };
        let is_known = self.paths.iter().any(is_proof);
        let named = move |at: &usize| is_known && self.words[*at].text == proof;
        (0..self.words.len())
            .filter(named)
            .filter(|&at| self.makes(at))
            .map(|at| self.words[at].line)
    }

    /// Returns true if the type named at this word is being made.
    fn makes(&self, at: usize) -> bool {
        let mut start = at;
        while self.word(start.wrapping_sub(1)) == "::" {
            // A variant of an enum that happens to have the name.
            if self
                .word(start.wrapping_sub(2))
                .starts_with(char::is_uppercase)
            {
                return false;
            }
            start -= 2;
        }
        let is_reference = self.word(start.wrapping_sub(1)) == "&";
        let before = self.word(start.wrapping_sub(if is_reference { 2 } else { 1 }));
        match self.word(at + 1) {
            "{" => !["->", "enum", "for", "impl", "struct"].contains(&before),
            "(" => before != "struct",
            "::" => {
                self.word(at + 2).starts_with(|c: char| c.is_lowercase())
                    && self.word(at + 3) == "("
            }
            _ => false,
        }
    }

    fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", |word| &word.text)
    }

    /// Finds the module that a path leads to: all of its names that can be modules, which are in lower case.
    fn resolve(&self, names: &[String]) -> Option<String> {
        let supers = names.iter().take_while(|name| *name == "super").count();
        let above: Vec<&str> = match names.first()?.as_str() {
            "crate" | "mailpull" => Vec::new(),
            "super" => {
                let module: Vec<_> = self.module().split('/').collect();
                module[..module.len().checked_sub(supers)?].to_vec()
            }
            _ => return None,
        };
        let below = names[supers.max(1)..].iter().map(String::as_str);
        let modules: Vec<_> = above
            .into_iter()
            .chain(below)
            .take_while(|name| *name != "self" && name.starts_with(char::is_lowercase))
            .collect();
        (!modules.is_empty()).then(|| modules.join("/"))
    }
}

/// Cuts the unit tests off, which are last: they may use what they like.
fn without_tests(mut words: Vec<Word>) -> Vec<Word> {
    let attribute = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
    let end = words.windows(attribute.len()).position(|window| {
        let texts = window.iter().map(|word| word.text.as_str());
        texts.eq(attribute)
    });
    words.truncate(end.unwrap_or(words.len()));
    words
}

fn paths(words: &[Word]) -> Vec<Path> {
    let text = |at: usize| words.get(at).map_or("", |word| word.text.as_str());
    let mut paths = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let before = if at == 0 { "" } else { text(at - 1) };
        let is_start = is_name(text(at)) && before != "::" && before != ".";
        if is_start && (text(at + 1) == "::" || before == "use") {
            at = tree(words, at, &[], &mut paths);
        } else {
            at += 1;
        }
    }
    paths
}

/// Reads one branch of a path and returns where it ends.
fn tree(words: &[Word], mut at: usize, above: &[String], paths: &mut Vec<Path>) -> usize {
    let text = |at: usize| words.get(at).map_or("", |word| word.text.as_str());
    let line = words.get(at).map_or(0, |word| word.line);
    let mut names = above.to_vec();
    while is_name(text(at)) {
        names.push(text(at).to_owned());
        at += 1;
        if text(at) != "::" {
            break;
        }
        at += 1;
    }
    if text(at) != "{" || text(at.wrapping_sub(1)) != "::" {
        paths.push(Path { line, names });
        return at;
    }
    at += 1;
    while at < words.len() && text(at) != "}" {
        let before = at;
        at = tree(words, at, &names, paths);
        while !["", ",", "}"].contains(&text(at)) {
            at += 1;
        }
        if text(at) == "," || at == before {
            at += 1;
        }
    }
    at + 1
}

fn name_length(text: &str) -> usize {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Splits source into names, `::`, `->` and single characters. Comments and literals are left out.
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let (skipped, after) = rest.split_at(skipped(rest));
        if !skipped.is_empty() {
            line += skipped.matches('\n').count();
            rest = after;
            continue;
        }
        let length = if is_name(rest) || first.is_ascii_digit() {
            name_length(rest)
        } else if rest.starts_with("::") || rest.starts_with("->") {
            2
        } else {
            first.len_utf8()
        };
        let (word, after) = rest.split_at(length);
        words.push(Word {
            line,
            text: word.to_owned(),
        });
        rest = after;
    }
    words
}

/// Measures the blank, comment or literal that the text begins with; 0 if it begins with a word.
fn skipped(text: &str) -> usize {
    let through = |from: usize, end: &str| {
        let found = text[from..].find(end);
        found.map_or(text.len(), |at| from + at + end.len())
    };
    if text.starts_with(char::is_whitespace) {
        return text.len() - text.trim_start().len();
    }
    if text.starts_with("//") {
        return through(2, "\n");
    }
    if text.starts_with("/*") {
        return through(2, "*/");
    }
    let unprefixed = text.trim_start_matches(['b', 'c', 'r']);
    let prefix = text.len() - unprefixed.len();
    let hashes = unprefixed.len() - unprefixed.trim_start_matches('#').len();
    let is_raw = prefix > 0 && text[..prefix].ends_with('r');
    if is_raw && prefix <= 2 && unprefixed[hashes..].starts_with('"') {
        return through(prefix + hashes + 1, &format!("\"{}", "#".repeat(hashes)));
    }
    if prefix <= 1 && unprefixed.starts_with('"') {
        return prefix + quoted(unprefixed, '"');
    }
    if prefix <= 1 && is_character(unprefixed) {
        return prefix + quoted(unprefixed, '\'');
    }
    // A lifetime: its name must not be taken for a module.
    match text.strip_prefix('\'') {
        Some(lifetime) => 1 + name_length(lifetime),
        None => 0,
    }
}

/// Measures a literal with its quotes, minding `\`.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Returns true if this is `'x'` and not a lifetime.
fn is_character(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next() == Some('\'') && (chars.next() == Some('\\') || chars.next() == Some('\''))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.text).collect()
    }

    fn joined(text: &str) -> Vec<String> {
        let paths = paths(&words(text));
        paths.iter().map(|path| path.names.join("::")).collect()
    }

    #[test]
    fn comments_and_literals_are_left_out() {
        let cases: [(&str, &[&str]); 8] = [
            ("a // crate::b\nc", &["a", "c"]),
            ("a /* crate::b */ c", &["a", "c"]),
            (r#"a "crate::\"b" c"#, &["a", "c"]),
            (r##"a r#"crate::"b"# c"##, &["a", "c"]),
            (r#"b"x" br"x\" 'c' b'\'' c"#, &["c"]),
            ("&'a str", &["&", "str"]),
            ("a::b->c", &["a", "::", "b", "->", "c"]),
            ("raw bytes", &["raw", "bytes"]),
        ];
        for (text, expected) in cases {
            assert_eq!(texts(text), expected, "{text}");
        }
    }

    #[test]
    fn groups_are_resolved() {
        let cases: [(&str, &[&str]); 5] = [
            (
                "use crate::{a, b::{self, C as D}, e::*};",
                &["crate::a", "crate::b::self", "crate::b::C", "crate::e"],
            ),
            ("use clap;", &["clap"]),
            (
                "fn f() -> crate::a::B<crate::c::D> { x.y::<z::Z>() }",
                &["crate::a::B", "crate::c::D", "z::Z"],
            ),
            (
                "use crate::{\n a,\n};\nuse crate::b;",
                &["crate::a", "crate::b"],
            ),
            ("match x { Y::Z => {} }", &["Y::Z"]),
        ];
        for (text, expected) in cases {
            assert_eq!(joined(text), expected, "{text}");
        }
    }

    #[test]
    fn unit_tests_may_use_what_they_like() {
        let source = Source::new(
            "text.rs",
            "use crate::a;\n#[cfg(test)]\nmod tests { use crate::b; }",
        );
        let uses: Vec<_> = source.uses().collect();
        assert_eq!(uses, [(1, "a".to_owned())]);
        let source = Source::new("pop3/tests.rs", "use crate::b;");
        assert_eq!(source.uses().count(), 0);
    }

    #[test]
    fn a_place_is_a_file_or_a_folder() {
        let cases = [
            ("seen/schema.rs", "seen/", true),
            ("seen.rs", "seen/", true),
            ("seen_too.rs", "seen/", false),
            ("net/tls.rs", "net/tls.rs", true),
            ("net/mod.rs", "net/tls.rs", false),
        ];
        for (path, place, is_in) in cases {
            assert_eq!(Source::new(path, "").is_in(place), is_in, "{path}");
        }
    }
}
