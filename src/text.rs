//! Text from a server or a message, made safe to show.

use std::fmt::{self, Write as _};

use crate::charset;
use crate::hidden;

/// The most octets of such text that are shown.
pub(crate) const SHOWN_OCTETS: usize = 512;

/// Text from a server or a message. `Display` shows it escaped and cut, on one line.
///
/// Text in another character set than UTF-8 is shown readably if the character set can be told. Control
/// characters (C0, DEL, C1), other octets that are not UTF-8, and the characters that reorder a
/// line (bidi controls) could rewrite a terminal or a log, so each is shown as an escape. Secrets of this
/// process are left out.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct ServerText(Box<[u8]>);

/// A text that is shown escaped and cut, also with secrets.
#[derive(Clone, Copy, Debug)]
pub struct WithSecrets<'t>(&'t ServerText);

impl ServerText {
    /// Takes the octets as they came, at most [`SHOWN_OCTETS`] and one more, which shows that it was cut.
    pub fn new(octets: &[u8]) -> Self {
        Self(octets[..octets.len().min(SHOWN_OCTETS + 1)].into())
    }

    /// Returns the octets as they came, for comparisons.
    pub fn as_octets(&self) -> &[u8] {
        &self.0
    }

    /// Returns it in lower case for comparisons, which may contain secrets. What is no text is replaced.
    pub(crate) fn to_comparable(&self) -> String {
        let octets = &self.0[..];
        let text = match str::from_utf8(octets) {
            Ok(text) => text.into(),
            Err(_) => charset::decoded(octets, self.shown().1)
                .map_or_else(|| String::from_utf8_lossy(octets), Into::into),
        };
        text.to_lowercase()
    }

    /// Shows it also with secrets: for a name that the user has to type as it is.
    pub fn with_secrets(&self) -> WithSecrets<'_> {
        WithSecrets(self)
    }

    /// Returns the part that is shown, and whether it is cut.
    fn shown(&self) -> (&[u8], bool) {
        let shown = &self.0[..self.0.len().min(SHOWN_OCTETS)];
        (shown, self.0.len() > SHOWN_OCTETS)
    }

    /// Returns true if there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for ServerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl fmt::Display for ServerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, is_cut) = self.shown();
        let masked = hidden::mask(shown, is_cut);
        let readable = match str::from_utf8(&masked) {
            Ok(_) => None,
            Err(_) => charset::decoded(&masked, is_cut),
        };
        match readable {
            // A secret may have been in that character set.
            Some(text) => write_escaped(f, &hidden::mask(text.as_bytes(), is_cut), is_cut),
            None => write_escaped(f, &masked, is_cut),
        }
    }
}

impl fmt::Display for WithSecrets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, is_cut) = self.0.shown();
        write_escaped(f, shown, is_cut)
    }
}

fn write_escaped(f: &mut fmt::Formatter<'_>, octets: &[u8], is_cut: bool) -> fmt::Result {
    for chunk in octets.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                c if is_unsafe(c) => write!(f, "{}", c.escape_unicode())?,
                c => f.write_char(c)?,
            }
        }
        for octet in chunk.invalid() {
            write!(f, "\\x{octet:02x}")?;
        }
    }
    if is_cut {
        f.write_str("…")?;
    }
    Ok(())
}

impl From<&[u8]> for ServerText {
    fn from(octets: &[u8]) -> Self {
        Self::new(octets)
    }
}

impl From<&str> for ServerText {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

/// Text of our own on one line, with parts from elsewhere. `Display` escapes what could rewrite a terminal or
/// begin another line, wherever it came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneLine<T>(pub T);

impl<T: fmt::Display> fmt::Display for OneLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(is_unsafe) {
            let (safe, found) = rest.split_at(at);
            self.0.write_str(safe)?;
            let mut chars = found.chars();
            if let Some(c) = chars.next() {
                write!(self.0, "{}", c.escape_unicode())?;
            }
            rest = chars.as_str();
        }
        self.0.write_str(rest)
    }
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_ours_is_escaped_once() {
        for (text, shown) in [
            ("größe of \\u{1b}", "größe of \\u{1b}"),
            ("a\u{1b}[2J\nb", "a\\u{1b}[2J\\u{a}b"),
            ("\u{202e}", "\\u{202e}"),
            ("", ""),
        ] {
            assert_eq!(OneLine(text).to_string(), shown);
        }
    }

    #[test]
    fn text_that_could_rewrite_a_terminal_is_escaped() {
        for (octets, shown) in [
            (&b"+OK ready"[..], "+OK ready"),
            ("größe".as_bytes(), "größe"),
            (b"\x1b]0;owned\x07", "\\u{1b}]0;owned\\u{7}"),
            (b"a\r\nb\tc\0", "a\\u{d}\\u{a}b\\u{9}c\\u{0}"),
            (b"\x9b31m \xff", "\\x9b31m \\xff"),
            ("\u{9b}31m".as_bytes(), "\\u{9b}31m"),
            ("\u{202e}cod.exe".as_bytes(), "\\u{202e}cod.exe"),
            (b"C:\\x", "C:\\\\x"),
        ] {
            assert_eq!(ServerText::new(octets).to_string(), shown);
        }
    }

    #[test]
    fn text_in_another_character_set_is_shown_readably() {
        for (octets, shown) in [
            (&b"\xc3\xdc\xc2\xeb\xb4\xed\xce\xf3"[..], "密码错误"),
            (b"Pa\xdfwort ung\xfcltig", "Paßwort ungültig"),
            (
                b"Pa\xdfwort ung\xfcltig\x07",
                "Pa\\xdfwort ung\\xfcltig\\u{7}",
            ),
        ] {
            assert_eq!(ServerText::new(octets).to_string(), shown);
        }
        let long = ServerText::new(&b"\xc3\xdc\xc2\xeb".repeat(1000)).to_string();
        assert!(
            long.starts_with("密码密码") && long.ends_with('…'),
            "{long}"
        );
    }

    #[test]
    fn a_secret_in_another_character_set_is_masked() {
        hidden::hide("grüßgott".as_bytes());
        let text = ServerText::new(b"Pa\xdfwort gr\xfc\xdfgott ist ung\xfcltig");
        assert_eq!(text.to_string(), "Paßwort (hidden) ist ungültig");
    }

    #[test]
    fn long_text_is_cut() {
        let shown = ServerText::new(&[b'x'; 10_000]).to_string();
        assert_eq!(shown.chars().count(), SHOWN_OCTETS + 1);
        assert!(shown.ends_with('…'));
    }
}
