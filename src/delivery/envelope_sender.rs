//! What the header of a stored message tells a mail server: the envelope sender, as Return-Path has it. A
//! stranger wrote it.

use std::io::{self, Read, Seek};

use crate::mail::headers::HeaderReader;
use crate::os::sys::File;
use crate::text::{SHOWN_OCTETS, ServerText};

/// The octets of a message in which its header is looked for.
const HEADER: u64 = 64 * 1024;

/// Reads the address in the Return-Path of a message, if it is plain. The file is at its beginning
/// before and after.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn envelope_sender(message: &mut File) -> io::Result<Option<String>> {
    let return_path = read_header(message)?.finish().return_path;
    Ok(plain(return_path.as_ref()).map(str::to_owned))
}

/// Reads the header of a message. The file is at its beginning before and after.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn read_header(message: &mut File) -> io::Result<HeaderReader> {
    let mut octets = Vec::new();
    message.by_ref().take(HEADER).read_to_end(&mut octets)?;
    message.rewind()?;
    let mut reader = HeaderReader::default();
    reader.push(&octets);
    Ok(reader)
}

/// Returns the address in a Return-Path if it is plain.
///
/// Plain is `[A-Za-z0-9.@_+/=-]`, with a letter or digit first and without `..`. The sender of the
/// message chose it, so it must be neither an option of an MDA (mpop and fetchmail pass
/// `-oQ/tmp/x@y` on), nor a path, nor anything else to which a first character gives a meaning.
fn plain(return_path: Option<&ServerText>) -> Option<&str> {
    // A text that was cut to its longest length may be half an address.
    let whole = return_path.filter(|path| path.as_octets().len() <= SHOWN_OCTETS)?;
    let address = str::from_utf8(whole.as_octets()).ok()?;
    let is_plain = address
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || ".@_+/=-".contains(c));
    let begins_well = address.starts_with(|first: char| first.is_ascii_alphanumeric());
    (is_plain && begins_well && !address.contains("..")).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_address_is_a_sender() {
        for good in ["joe@example.com", "joe+list-x=y_z@example.com"] {
            assert_eq!(plain(Some(&good.into())), Some(good));
        }
        for bad in [
            "",
            "-oQ/tmp/x@y",
            "/etc/passwd@y",
            "@list@y",
            "+flags@y",
            "=x@y",
            "_x@y",
            ".x@y",
            "a b@c",
            "$(id)@x",
            "a'b@c",
            "../../x",
            "größe@example.com",
        ] {
            assert_eq!(plain(Some(&bad.into())), None, "{bad}");
        }
        assert_eq!(plain(None), None);
    }
}
