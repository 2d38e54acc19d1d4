//! Text in the character set of some country, which says nothing of it: guesses the character set if that is
//! safe. Pure.
//!
//! A wrong guess would show nonsense, or words that nobody said. So a guess is used only if all of the
//! text makes sense in it.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, IBM866, WINDOWS_1252};

/// Returns text that is not UTF-8 as UTF-8; `None` if its character set cannot be told. `is_cut` says that the
/// text went on, so that its last character may be incomplete.
pub(crate) fn decoded(octets: &[u8], is_cut: bool) -> Option<String> {
    if octets.iter().any(u8::is_ascii_control) {
        return None;
    }
    let whole = decoded_whole(octets);
    whole.or_else(|| match octets.split_last() {
        Some((_, shorter)) if is_cut => decoded_whole(shorter),
        _ => None,
    })
}

fn decoded_whole(octets: &[u8]) -> Option<String> {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(octets, true);
    let guess = detector.guess(None, Utf8Detection::Deny);
    // Any octets are letters in it.
    let guess = Some(guess).filter(|guess| *guess != IBM866);
    // In short texts Spanish is taken for a language of Central Europe.
    [guess, Some(WINDOWS_1252)]
        .into_iter()
        .flatten()
        .find_map(|encoding| sensible(encoding, octets))
}

fn sensible(encoding: &'static Encoding, octets: &[u8]) -> Option<String> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(octets)?;
    makes_sense(&text).then(|| text.into_owned())
}

/// Returns true if each word is one of a single script, and looks like a word.
fn makes_sense(text: &str) -> bool {
    let is_word = |c: char| c.is_alphabetic();
    let foreign = |c: &char| !c.is_ascii();
    if !text
        .chars()
        .filter(foreign)
        .all(|c| is_word(c) || is_punctuation(c))
    {
        return false;
    }
    let mut words = text.split(|c| !is_word(c)).filter(|word| !word.is_ascii());
    let mut longest = 0;
    let all_are_words = words.all(|word| {
        longest = longest.max(word.chars().count());
        looks_like_a_word(word)
    });
    // A single letter may mean anything.
    all_are_words && longest > 1 && is_of_one_language(text) && has_enough_letters(text)
}

/// Returns false if there are so few letters of another alphabet that any octets could be such letters.
fn has_enough_letters(text: &str) -> bool {
    let is_of_alphabet = |c: &char| matches!(Script::of(*c), Script::Alphabet(_));
    let letters = text.chars().filter(is_of_alphabet).count();
    letters == 0 || letters >= FEWEST_LETTERS
}

/// The fewest letters of an alphabet in a text.
const FEWEST_LETTERS: usize = 5;

/// Returns true if all letters in Latin script belong to one language.
fn is_of_one_language(text: &str) -> bool {
    let foreign: Vec<_> = text
        .chars()
        .filter(|c| !c.is_ascii() && Script::of(*c) == Script::Latin)
        .flat_map(char::to_lowercase)
        .collect();
    let has_all = |letters: &str| foreign.iter().all(|c| letters.contains(*c));
    LANGUAGES.iter().any(|letters| has_all(letters))
}

/// The letters of languages in Latin script, apart from those of ASCII.
const LANGUAGES: &[&str] = &[
    "áéíóúüñ",
    "àâæçéèêëîïôœùûüÿ",
    "äöüßé",
    "àèéìíîòóùú",
    "àáâãçéêíóôõúü",
    "áéëïóöü",
    "åäöæøéü",
    "áðéíóúýþæö",
    "áčďéěíňóřšťúůýžäĺľôŕ",
    "ąćęłńóśźż",
    "áéíóöőúüű",
    "çğıi̇öşüâîû",
    "ăâîşţșț",
    "čćđšž",
];

fn looks_like_a_word(word: &str) -> bool {
    let mut scripts = word.chars().map(Script::of);
    let Some(script) = scripts.next() else {
        return true;
    };
    if !scripts.all(|other| other == script) {
        return false;
    }
    match script {
        // Most letters of a language in Latin script are ASCII.
        Script::Latin => {
            let foreign = word.chars().filter(|c| !c.is_ascii()).count();
            let all = word.chars().count();
            (foreign * 2 <= all || all == 1) && has_plausible_case(word)
        }
        Script::Alphabet(_) => has_plausible_case(word),
        Script::Ideographs => true,
        Script::Other => false,
    }
}

/// Returns true if no capital follows a small letter: a text in KOI8-R, read as Windows-1251, has its capitals and its
/// small letters exchanged.
fn has_plausible_case(word: &str) -> bool {
    let mut has_small = false;
    word.chars().all(|c| {
        let is_fine = !(has_small && c.is_uppercase());
        has_small |= c.is_lowercase();
        is_fine
    })
}

/// The kinds of script that a word may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Script {
    Latin,
    /// The number of an alphabet.
    Alphabet(u8),
    /// Chinese, Japanese and Korean, which mix several.
    Ideographs,
    Other,
}

impl Script {
    fn of(c: char) -> Self {
        match c {
            'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' => Self::Latin,
            '\u{370}'..='\u{3ff}' => Self::Alphabet(0),
            '\u{400}'..='\u{4ff}' => Self::Alphabet(1),
            '\u{5d0}'..='\u{5ea}' => Self::Alphabet(2),
            '\u{621}'..='\u{64a}' => Self::Alphabet(3),
            '\u{e01}'..='\u{e4e}' => Self::Alphabet(4),
            '\u{3005}'
            | '\u{3041}'..='\u{30ff}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{ac00}'..='\u{d7a3}' => Self::Ideographs,
            _ => Self::Other,
        }
    }
}

fn is_punctuation(c: char) -> bool {
    matches!(c, '\u{a0}' | '§' | '«' | '°' | '·' | '»')
        || matches!(c, '‘' | '’' | '“' | '”' | '„' | '–' | '—' | '…' | '№')
        || matches!(c, '\u{3000}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{ff01}'..='\u{ff1f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    use encoding_rs::*;

    #[test]
    fn texts_of_servers_are_recognised_in_their_character_sets() {
        for (encoding, text) in [
            (GBK, "登录失败，密码错误"),
            (GBK, "系统繁忙，请稍后再试"),
            (GBK, "用户名或密码错误"),
            (BIG5, "密碼錯誤，請重新輸入"),
            (SHIFT_JIS, "パスワードが間違っています"),
            (SHIFT_JIS, "メールボックスはロックされています。"),
            (EUC_JP, "ユーザ名またはパスワードが正しくありません"),
            (EUC_KR, "비밀번호가 틀렸습니다"),
            (KOI8_R, "Неверное имя пользователя или пароль"),
            (KOI8_R, "Почтовый ящик заблокирован"),
            (WINDOWS_1251, "Неверный пароль, повторите попытку позже"),
            (WINDOWS_1251, "Ящик занят другой сессией"),
            (WINDOWS_1252, "Benutzername oder Paßwort ungültig"),
            (WINDOWS_1252, "Postfach ist für 15 Minuten gesperrt"),
            (
                WINDOWS_1252,
                "Boîte aux lettres verrouillée, réessayez plus tard",
            ),
            (WINDOWS_1252, "Contraseña no válida"),
            (
                WINDOWS_1252,
                "Usuário ou senha inválidos, tente novamente em alguns minutos: sessão já aberta",
            ),
            (ISO_8859_2, "Nieprawidłowa nazwa użytkownika lub hasło"),
            (WINDOWS_1253, "Λάθος όνομα χρήστη ή κωδικός πρόσβασης"),
            (
                WINDOWS_1254,
                "Kullanıcı adı veya parola yanlış, lütfen şifrenizi değiştirin",
            ),
        ] {
            let (octets, _, is_lossy) = encoding.encode(text);
            assert!(!is_lossy, "{text}");
            let read = decoded(&octets, false);
            assert_eq!(read.as_deref(), Some(text), "{}", encoding.name());
        }
    }

    #[test]
    fn a_cut_text_loses_its_last_character_at_most() {
        let (octets, ..) = GBK.encode("登录失败，密码错误");
        let cut = &octets[..octets.len() - 1];
        assert_eq!(decoded(cut, true).as_deref(), Some("登录失败，密码错"));
        assert_eq!(decoded(cut, false), None);
    }

    #[test]
    fn nothing_is_guessed_from_octets_that_are_no_text() {
        for octets in [
            &b"\xff"[..],
            b"\x9b31m \xff",
            b"a \xe9 b",
            b"\x1b]0;owned\x07 \xfcber",
            b"\x80\x81\x82\x83",
            b"\xff\xfe\xfd\xfc",
            b"\xc3\x28 \xa0\xa1",
            b"x\x90y",
            b"\xf0\x9f\x98",
        ] {
            assert_eq!(decoded(octets, false), None, "{octets:x?}");
        }
    }
}
