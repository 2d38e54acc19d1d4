//! What is unusual about a server, and the keys that suit it. Pure.

use crate::pop3::{CapaUse, Mechanism, ServerHabits, ServerProfile};
use crate::report::{Fact, Finding};

/// What a test has seen of a server.
pub(super) struct SeenServer<'a> {
    pub(super) profile: &'a ServerProfile,
    pub(super) habits: ServerHabits,
    /// The mechanisms that were chosen, one for each attempt to log in.
    pub(super) chosen: &'a [Mechanism],
}

/// Describes what is unusual. A key that suits the server comes last in a line.
pub(super) fn findings(server: &SeenServer<'_>) -> Vec<Finding> {
    let SeenServer {
        profile,
        habits,
        chosen,
    } = server;
    let mut findings = Vec::new();
    match profile.capa {
        CapaUse::Always => {}
        CapaUse::BeforeLogin => findings.push(unusual(
            "the session breaks at CAPA after the login; it is left out for a day, and nothing is pipelined",
        )),
        CapaUse::Never => findings.push(unusual(
            "the session breaks at CAPA; it is left out for a day, and USER logs in",
        )),
    }
    if let [first, .., last] = chosen[..]
        && first != last
    {
        let value = last.name().to_ascii_lowercase();
        findings.push(with_key(
            &format!("it offers {first} and does not support it"),
            "auth",
            &value,
        ));
    }
    if profile.after_login.are_known && !profile.announces_uidl() {
        findings.push(unusual("it does not announce UIDL"));
    }
    if !profile.may_have_top() {
        findings.push(unusual(
            "it does not announce TOP: before a deletion only the size is compared",
        ));
    }
    if habits.part.is_some() {
        findings.push(unusual("it lists a part of its mail at a time"));
    }
    if habits.keeps_mail && profile.expire().is_some() {
        findings.push(unusual(
            "it does not delete what was fetched, although it announces EXPIRE",
        ));
    }
    match profile.login_delay() {
        Some(_) if habits.allows_logins => findings.push(unusual(
            "it allows another login at once, although it announces LOGIN-DELAY",
        )),
        Some(delay) => {
            let value = format!("{} s", delay.as_secs());
            findings.push(with_key(
                "it limits logins (LOGIN-DELAY)",
                "interval",
                &value,
            ));
        }
        None => {}
    }
    findings
}

fn unusual(what: &str) -> Finding {
    Finding::new("unusual", what)
}

fn with_key(what: &str, key: &str, value: &str) -> Finding {
    Finding::new("unusual", format_args!("{what}: {key} = \"{value}\""))
        .with("key", Fact::text(key))
        .with("value", Fact::text(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(profile: &str, habits: ServerHabits, chosen: &[Mechanism]) -> Vec<String> {
        let profile = ServerProfile::parse(profile).expect("it is a profile");
        let server = SeenServer {
            profile: &profile,
            habits,
            chosen,
        };
        findings(&server).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn an_ordinary_server_is_not_unusual() {
        let none: &[&str] = &[];
        let shown = shown(
            "TOP,UIDL\nTOP,UIDL\ntls 1",
            ServerHabits::default(),
            &[Mechanism::Plain],
        );
        assert_eq!(shown, none);
    }

    #[test]
    fn an_unusual_server_is_named_with_the_key_that_suits() {
        let gmail = ServerHabits {
            part: Some(100),
            allows_logins: true,
            keeps_mail: true,
        };
        let plain_then_user = [Mechanism::Plain, Mechanism::User];
        for (profile, habits, chosen, lines) in [
            (
                "SASL PLAIN,TOP\nTOP,LOGIN-DELAY 300\ntls 1",
                ServerHabits::default(),
                &plain_then_user[..],
                &[
                    "it offers PLAIN and does not support it: auth = \"user\"",
                    "it does not announce UIDL",
                    "it limits logins (LOGIN-DELAY): interval = \"300 s\"",
                ][..],
            ),
            (
                "UIDL\nUIDL,LOGIN-DELAY 300,EXPIRE 0\ntls 1",
                gmail,
                &[],
                &[
                    "it does not announce TOP: before a deletion only the size is compared",
                    "it lists a part of its mail at a time",
                    "it does not delete what was fetched, although it announces EXPIRE",
                    "it allows another login at once, although it announces LOGIN-DELAY",
                ],
            ),
            (
                "-\n-\ntls 1 no-capa",
                ServerHabits::default(),
                &[],
                &["the session breaks at CAPA; it is left out for a day, and USER logs in"],
            ),
        ] {
            let lines: Vec<_> = lines
                .iter()
                .map(|line| format!("unusual: {line}"))
                .collect();
            assert_eq!(shown(profile, habits, chosen), lines);
        }
    }
}
