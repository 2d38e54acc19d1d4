//! Puts the steps of `account test` into words.

use std::time::Duration;

use crate::config::Account;
use crate::dial::{Auth, DialStep, Mechanism, Security};
use crate::net::tls::{Certificate, Pin, Proof, Time, TlsStream};
use crate::net::{self, Endpoint};
use crate::pop3::{ServerProfile, Strength};
use crate::report::{Fact, Finding};
use crate::text::ServerText;

/// Puts a step towards an account's server into words.
pub(super) fn of_step(step: DialStep<'_>, account: &Account) -> Vec<Finding> {
    match step {
        DialStep::Announced(lines) => vec![capabilities("before the login", lines)],
        DialStep::Chosen(mechanism) => vec![chosen(mechanism, account.dial.auth)],
        DialStep::Encrypted(stream) => encrypted(stream, &account.dial.tls.proof),
        DialStep::Greeted(said) => vec![greeting(said, account.dial.security)],
        DialStep::Net(step) => vec![of_way(step)],
        DialStep::Untrusted(untrusted) => {
            let certificate = untrusted.certificate.iter();
            let mut findings: Vec<_> = certificate.flat_map(of_certificate).collect();
            let words = "refused; nothing but the beginning of the handshake was sent";
            findings.push(Finding::new("tls", words));
            findings
        }
    }
}

fn of_way(step: net::ConnectStep<'_>) -> Finding {
    match step {
        net::ConnectStep::Answered { address, took } => {
            let words = format!("{address} answered in {}", milliseconds(took));
            Finding::new("address", words).with("address", Fact::text(address))
        }
        net::ConnectStep::Passed(endpoint) => {
            let words = format!("passed us on to {endpoint}, whose name it resolves");
            Finding::new("proxy", words)
        }
        net::ConnectStep::Started(program) => {
            let words = format!("{program} is running, and is the connection");
            Finding::new("tunnel", words)
        }
        net::ConnectStep::Unreachable { address, why } => {
            let words = format!("{address} did not answer: {why}");
            Finding::new("address", words)
                .with("address", Fact::text(address))
                .with("problem", Fact::text(why))
        }
    }
}

/// Describes the encryption of a connection, and the certificate of the server.
pub(super) fn encrypted(stream: &TlsStream, proof: &Proof) -> Vec<Finding> {
    let mut findings = Vec::new();
    let checked = match proof {
        Proof::Authority(None) => "an authority that this machine trusts confirms the name",
        Proof::Authority(Some(_)) => "an authority in tls-ca-file confirms the name",
        Proof::Nothing => "nothing was checked: tls-verify = false",
        Proof::Pins(_) => "the certificate or its key is in tls-pin, and the name is right",
    };
    findings.push(match stream.negotiated() {
        Some(negotiated) => {
            let (version, suite) = (negotiated.version(), negotiated.suite());
            Finding::new("tls", format_args!("{version}, {suite}; {checked}"))
                .with("version", Fact::text(version))
                .with("cipher", Fact::text(suite))
        }
        None => Finding::new("tls", checked),
    });
    findings.extend(stream.certificate().iter().flat_map(of_certificate));
    findings
}

/// Describes a certificate, and the pins that would pin it.
fn of_certificate(certificate: &Certificate) -> [Finding; 5] {
    let topic = "certificate";
    let validity = match certificate.time() {
        Time::After => "it has expired",
        Time::Before => "not yet",
        Time::Within => "now",
    };
    let (first, last) = (certificate.first_day(), certificate.last_day());
    let (pin, key_pin) = (Pin::of(certificate), Pin::of_key(certificate));
    [
        Finding::new(topic, format_args!("for {}", certificate.names()))
            .with("names", Fact::text(certificate.names())),
        Finding::new(topic, format_args!("issued to {}", certificate.subject()))
            .with("subject", Fact::text(certificate.subject())),
        Finding::new(topic, format_args!("issued by {}", certificate.issuer()))
            .with("issuer", Fact::text(certificate.issuer())),
        Finding::new(
            topic,
            format_args!("valid from {first} to {last}: {validity}"),
        )
        .with("first_day", Fact::text(&first))
        .with("last_day", Fact::text(&last)),
        Finding::new(
            topic,
            format_args!(
                "tls-pin = \"{pin}\" would pin it, \"{key_pin}\" its key, which a renewal may keep"
            ),
        )
        .with("pin", Fact::text(pin))
        .with("key_pin", Fact::text(key_pin)),
    ]
}

fn greeting(said: &ServerText, security: Security) -> Finding {
    let finding = match security {
        // An attacker between could have sent it: nothing was encrypted yet.
        Security::StartTls => Finding::new("greeting", format_args!("{said} (before TLS)")),
        Security::None | Security::Tls => Finding::new("greeting", said),
    };
    finding.with("greeting", Fact::text(said))
}

/// Describes the mechanism of the login, and what it exposes.
fn chosen(mechanism: Option<Mechanism>, auth: Auth) -> Finding {
    let Some(mechanism) = mechanism else {
        return Finding::new("mechanism", "none, as auth = \"none\" says");
    };
    let by = match auth {
        Auth::Auto => "chosen by auth = \"auto\"",
        Auth::Named(_) | Auth::NotNeeded => "as \"auth\" says",
        Auth::Token => "the best way for an access token",
    };
    let shows = match mechanism.strength() {
        Strength::Shown => "the secret itself is sent, which only TLS hides",
        Strength::Digested => "a listener can try out guesses at the password",
        Strength::Proved => "the password is not sent, and the server must prove that it knows it",
        Strength::Bound => "and nobody can be in between",
    };
    Finding::new("mechanism", format_args!("{mechanism}, {by}: {shows}"))
        .with("mechanism", Fact::text(mechanism))
}

/// Describes the capabilities that the server announces.
pub(super) fn capabilities(when: &str, lines: &[ServerText]) -> Finding {
    let announced: Vec<_> = lines.iter().map(ToString::to_string).collect();
    let words = if announced.is_empty() {
        format!("{when}: none")
    } else {
        format!("{when}: {}", announced.join(", "))
    };
    Finding::new("capabilities", words)
        .with("when", Fact::text(when))
        .with("capabilities", Fact::List(announced))
}

/// Describes the server's limits: the time between logins and how long mail stays.
pub(super) fn demands(learned: &ServerProfile) -> Vec<Finding> {
    let delay = learned.login_delay().map(|delay| {
        let words = format!("{} must pass from one login to the next", duration(delay));
        Finding::new("login delay", words).with("seconds", Fact::Number(delay.as_secs()))
    });
    let expiry = learned.expire().map(|days| {
        let when = match days {
            0 => "once it was fetched".to_owned(),
            1 => "after a day".to_owned(),
            days => format!("after {days} days"),
        };
        let words = format!("mail is deleted there {when}, whatever \"keep\" says");
        Finding::new("expiry", words).with("days", Fact::Number(days.into()))
    });
    delay.into_iter().chain(expiry).collect()
}

/// Describes the server of an account and how it is reached.
pub(super) fn of_account(endpoint: &Endpoint, user: &str, security: Security) -> Finding {
    let security = match security {
        Security::None => "without TLS",
        Security::StartTls => "with TLS by STLS",
        Security::Tls => "with TLS from the first octet",
    };
    Finding::new("server", format_args!("{endpoint} as {user}, {security}"))
        .with("server", Fact::text(endpoint))
        .with("user", Fact::text(user))
}

/// Formats a time as short as a reply takes.
pub(super) fn milliseconds(time: Duration) -> String {
    format!(
        "{}.{} ms",
        time.as_micros() / 1000,
        time.as_micros() / 100 % 10
    )
}

fn duration(time: Duration) -> String {
    match (time.as_secs() / 60, time.as_secs() % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demands_of_a_server_are_put_into_words() {
        for (announced, demands_) in [
            (
                "LOGIN-DELAY 900",
                &["login delay: 15 min must pass from one login to the next"][..],
            ),
            (
                "EXPIRE 60,LOGIN-DELAY 61",
                &[
                    "login delay: 1 min 1 s must pass from one login to the next",
                    "expiry: mail is deleted there after 60 days, whatever \"keep\" says",
                ],
            ),
            (
                "EXPIRE 0",
                &["expiry: mail is deleted there once it was fetched, whatever \"keep\" says"],
            ),
            ("EXPIRE NEVER", &[]),
            ("TOP", &[]),
        ] {
            let learned = ServerProfile::parse(&format!("-\n{announced}"))
                .expect("the text is a profile with capabilities");
            let shown: Vec<_> = demands(&learned).iter().map(Finding::to_string).collect();
            assert_eq!(shown, demands_, "{announced}");
        }
    }
}
