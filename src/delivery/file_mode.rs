//! The permissions of delivered files, and of the folders of a Maildir that is created.

use crate::os::sys::Mode;

/// The permissions of delivered files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FileMode(u32);

impl Default for FileMode {
    fn default() -> Self {
        Self(0o600)
    }
}

impl FileMode {
    /// Reads four octal digits. The owner must be able to read and write, and nobody may run a message. If
    /// everybody could write it, nobody could trust it.
    pub fn parse(text: &str) -> Option<Self> {
        let mode = u32::from_str_radix(text, 8).ok()?;
        let is_usable = mode & 0o600 == 0o600 && mode & !0o664 == 0;
        let is_written_so = text.len() == 4 && text.bytes().all(|digit| digit.is_ascii_digit());
        (is_usable && is_written_so).then_some(Self(mode))
    }

    /// Returns true if only the owner can read the files, which is how files are created.
    pub(super) fn is_private(self) -> bool {
        self == Self::default()
    }

    /// Returns the permissions of a file.
    pub(super) fn of_file(self) -> Mode {
        Mode::from_raw_mode(self.0)
    }

    /// Returns the permissions of a folder: all who can read its files can enter it.
    pub(super) fn of_folder(self) -> u32 {
        self.0 | (self.0 & 0o444) >> 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_can_be_entered_by_those_who_can_read_the_files() {
        for (text, folder) in [
            ("0600", 0o700),
            ("0640", 0o750),
            ("0660", 0o770),
            ("0644", 0o755),
            ("0664", 0o775),
        ] {
            let mode = FileMode::parse(text).expect("it is a mode");
            assert_eq!(mode.of_folder(), folder, "{text}");
        }
    }

    #[test]
    fn an_unusable_mode_is_refused() {
        for text in [
            "", "600", "00600", "0o60", "+600", "0400", "0700", "0606", "0666", "2660", "0680",
            "rw--",
        ] {
            assert_eq!(FileMode::parse(text), None, "{text}");
        }
    }
}
