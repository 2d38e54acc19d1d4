//! The rules between `lmtp`, `recipient`, `lmtp-security` and `allow-cleartext`.

use crate::config::error::Error;
use crate::config::origin::Origin;
use crate::config::settings::{Settings, value_or_default};
use crate::config::values::delivery::LmtpSecurity;
use crate::config::values::server::{Host, Server};
use crate::net::Endpoint;
use crate::targets::lmtp::{self, EnvelopeAddress};

/// The port that LMTP uses where none is named: 25 is that of SMTP, and must not be used (RFC 2033
/// section 5). There is no official one.
const PORT: u16 = 24;

/// Checks the keys about a mail server.
///
/// # Errors
/// There is no recipient, or mail would cross a network in cleartext.
pub(super) fn options(
    settings: &Settings,
    server: &Server,
    origin: &Origin,
) -> Result<lmtp::LmtpOptions, Error> {
    let endpoint = match &server.host {
        Host::Name(host) => Endpoint::Tcp {
            host: host.clone(),
            port: server.port.unwrap_or(PORT),
        },
        Host::Socket(path) => Endpoint::Unix(path.clone()),
    };
    let recipient = recipient(settings, origin)?;
    let is_here = endpoint.is_loopback();
    let allows_cleartext = value_or_default(&settings.allow_cleartext);
    let is_encrypted = match &settings.lmtp_security {
        None => !is_here,
        Some(at) if at.value == LmtpSecurity::None && !is_here && !allows_cleartext => {
            return Err(at.wrong_with_hint(
                &format!("would send the mail to {endpoint} in cleartext"),
                "Use \"starttls\", or set allow-cleartext = true to send it anyway",
            ));
        }
        Some(at) => at.value == LmtpSecurity::StartTls,
    };
    Ok(lmtp::LmtpOptions {
        endpoint,
        recipient,
        is_encrypted,
        allows_cleartext,
        adds_id_header: value_or_default(&settings.id_header),
    })
}

/// Returns the recipient: `recipient`, or else `local-user`.
fn recipient(settings: &Settings, origin: &Origin) -> Result<EnvelopeAddress, Error> {
    if let Some(at) = &settings.recipient {
        return Ok(at.value.clone());
    }
    let at = settings.local_user.as_ref();
    let at = at.ok_or_else(|| Error::Incomplete {
        at: origin.clone(),
        what: "\"recipient\", which lmtp needs",
        hint: match origin.was_typed() {
            true => "Add --recipient me@example.com",
            false => "Add recipient = \"me@example.com\"",
        },
    })?;
    EnvelopeAddress::parse(&at.value).ok_or_else(|| at.wrong("cannot be a recipient"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::Document;
    use crate::config::keys::SectionKind;
    use crate::config::values::delivery::WrittenTarget;
    use crate::config::{Account, Config, Overrides};

    /// Checks an account of these lines, which begin on line 2 of the file `f`.
    fn check(text: &str) -> Result<lmtp::LmtpOptions, Error> {
        let text = format!("[accounts.w]\n{text}");
        let document = Document::parse(text.as_bytes(), "f").expect("the text is TOML");
        let section = document.accounts.into_iter().next();
        let section = section.expect("there is one account");
        let settings = Settings::read(SectionKind::Account, section.entries)?;
        let target = settings.target.as_ref().map(|at| at.value.clone());
        let Some(WrittenTarget::Lmtp(server)) = target else {
            panic!("lmtp is set: {text}");
        };
        let at = settings.target.as_ref().map(|at| &at.origin);
        options(&settings, &server, at.unwrap_or(&section.origin))
    }

    #[test]
    fn mail_leaves_this_machine_only_encrypted() {
        for (server, keys, address, is_encrypted) in [
            ("/run/lmtp", "", "/run/lmtp", false),
            ("localhost", "", "localhost:24", false),
            ("127.0.0.1:2424", "", "127.0.0.1:2424", false),
            ("[::1]", "lmtp-security = 'starttls'", "[::1]:24", true),
            ("mx.example.com", "", "mx.example.com:24", true),
            (
                "mx.example.com",
                "lmtp-security = 'none'\nallow-cleartext = true",
                "mx.example.com:24",
                false,
            ),
            (
                "mx.example.com",
                "allow-cleartext = true",
                "mx.example.com:24",
                true,
            ),
        ] {
            let text = format!("lmtp = '{server}'\nrecipient = 'me'\n{keys}");
            let options = check(&text).expect(&text);
            assert_eq!(options.endpoint.to_string(), address);
            assert_eq!(options.is_encrypted, is_encrypted, "{text}");
        }
        let error = check("lmtp = 'mx'\nrecipient = 'me'\nlmtp-security = 'none'");
        assert_eq!(
            error.expect_err("it is refused").to_string(),
            "f:4: \"lmtp-security\" would send the mail to mx:24 in cleartext"
        );
    }

    #[test]
    fn a_target_may_not_lead_back_to_its_own_mailbox() {
        for (server, user, lmtp, recipient, leads_back) in [
            ("mx.example.com", "me", "MX.example.com:24", "me", true),
            (
                "mx.example.com",
                "me@example.com",
                "mx.example.com",
                "me",
                true,
            ),
            ("mx.example.com", "me@a", "mx.example.com", "me@b", false),
            ("mx.example.com", "me", "mx.example.com", "you", false),
            ("pop.example.com", "me", "mx.example.com", "me", false),
            ("localhost", "me", "/run/dovecot/lmtp", "me", true),
            ("/run/pop3", "me", "127.0.0.1", "me", true),
            // A tunnel to another machine.
            ("localhost:1110", "me", "/run/dovecot/lmtp", "me", false),
        ] {
            let overrides = [
                format!("server={server}"),
                format!("lmtp={lmtp}"),
                format!("recipient={recipient}"),
                format!("user={user}"),
            ];
            let overrides = Overrides::new([], &overrides).expect("the options are valid");
            let account = Account::from_url("pops://h", &overrides, &Config::default());
            assert_eq!(
                account.is_err(),
                leads_back,
                "{server} {user} {lmtp} {recipient}"
            );
        }
    }

    #[test]
    fn a_local_user_is_the_recipient_where_none_is_named() {
        for (keys, recipient) in [
            ("local-user = 'joe'", "joe"),
            ("local-user = 'joe'\nrecipient = 'me'", "me"),
        ] {
            let options = check(&format!("lmtp = '/run/lmtp'\n{keys}")).expect(keys);
            assert_eq!(options.recipient.to_string(), recipient);
        }
        let error = check("lmtp = '/run/lmtp'\nlocal-user = 'größe'").expect_err("it is not ASCII");
        assert_eq!(
            error.to_string(),
            "f:3: \"local-user\" cannot be a recipient"
        );
    }

    #[test]
    fn a_mail_server_needs_a_recipient() {
        for (text, message) in [
            (
                "lmtp = 'mx'",
                "f:2: there is no \"recipient\", which lmtp needs",
            ),
            (
                "lmtp = 'mx'\nrecipient = 'me>'",
                "f:3: \"recipient\" must be a plain address in ASCII, such as \
                 \"me@example.com\", not \"me>\"",
            ),
            (
                "lmtp = 'run/lmtp'\nrecipient = 'me'",
                "f:2: \"lmtp\" must be a host, host:port, [IPv6]:port or the absolute path of a \
                 socket, not \"run/lmtp\"",
            ),
            (
                "lmtp = 'mx'\nmaildir = 'm'",
                "f:3: \"maildir\" contradicts \"lmtp\"",
            ),
        ] {
            assert_eq!(check(text).expect_err(text).to_string(), message);
        }
    }
}
