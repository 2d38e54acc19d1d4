//! The habits of servers that contradict what they announce. Only the greeting tells which server it is: the
//! name of the host may be that of a proxy or a tunnel. Pure.

use crate::text::ServerText;

/// The habits of a server. The default is a server that is not known.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ServerHabits {
    /// The number of messages from which on a listing may be a part of the mail: the server lists more in
    /// another session, once these are fetched.
    pub part: Option<usize>,
    /// True if the server allows another login at once, although it announces LOGIN-DELAY.
    pub allows_logins: bool,
    /// True if the server does not delete what was fetched, although it announces EXPIRE.
    pub keeps_mail: bool,
}

impl ServerHabits {
    /// Returns the habits of the server with this greeting.
    pub(super) fn of(greeting: Option<&ServerText>) -> Self {
        let is_gmail = greeting.is_some_and(|text| text.as_octets().starts_with(b"Gpop ready"));
        match is_gmail {
            true => GMAIL,
            false => Self::default(),
        }
    }
}

/// Gmail announces LOGIN-DELAY 300 and EXPIRE 0. It lists some 250 messages at a time, and its settings decide
/// what becomes of fetched mail.
const GMAIL: ServerHabits = ServerHabits {
    part: Some(100),
    allows_logins: true,
    keeps_mail: true,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_its_greeting() {
        for (greeting, habits) in [
            (Some("Gpop ready for requests from 192.0.2.1 x123"), GMAIL),
            (Some("POP3 ready"), ServerHabits::default()),
            (None, ServerHabits::default()),
        ] {
            let greeting = greeting.map(ServerText::from);
            assert_eq!(ServerHabits::of(greeting.as_ref()), habits);
        }
    }
}
