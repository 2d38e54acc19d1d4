//! The rules between `server`, `port`, `security` and `auth`.

use std::path::Path;
use std::time::Duration;

use crate::config::error::Error;
use crate::config::oauth2;
use crate::config::origin::Origin;
use crate::config::route;
use crate::config::settings::{Settings, value_or, value_or_default};
use crate::config::tls;
use crate::config::values::server::Host;
use crate::dial::{self, Auth, Security};
use crate::net::{self, Endpoint};

/// The service that a server offers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum MailService {
    /// IMAP, to store messages.
    Imap,
    /// POP3, to fetch them.
    Pop3,
}

/// Checks the keys about the connection and the login.
///
/// # Errors
/// There is no server or no user, a path is invalid, or the password would be sent in cleartext.
pub(super) fn options(
    settings: &Settings,
    origin: &Origin,
    service: MailService,
    secret_variables: &[String],
    home: Option<&Path>,
) -> Result<dial::DialOptions, Error> {
    let security = value_or_default(&settings.security);
    let endpoint = endpoint(settings, security, origin, service)?;
    let options = dial::DialOptions {
        net: net::ConnectOptions {
            route: route::route(settings, &endpoint, secret_variables, home)?,
            endpoint,
            connect_timeout: value_or(&settings.timeout_connect, CONNECT_TIMEOUT),
            timeout: value_or(&settings.timeout, TIMEOUT),
        },
        security,
        allows_cleartext: value_or_default(&settings.allow_cleartext),
        tls: tls::options(settings, home)?,
        user: user(settings, origin)?,
        auth: auth(settings),
    };
    refuse_cleartext(settings, &options)?;
    Ok(options)
}

fn endpoint(
    settings: &Settings,
    security: Security,
    origin: &Origin,
    service: MailService,
) -> Result<Endpoint, Error> {
    let server = settings.server.as_ref().ok_or_else(|| Error::Incomplete {
        at: origin.clone(),
        what: "\"server\"",
        hint: match service {
            MailService::Imap => "Add server = \"imap.example.com\"",
            MailService::Pop3 => "Add server = \"pop.example.com\"",
        },
    })?;
    Ok(match &server.value {
        Host::Name(host) => Endpoint::Tcp {
            host: host.clone(),
            port: value_or(&settings.port, service.default_port(security)),
        },
        Host::Socket(path) => Endpoint::Unix(path.clone()),
    })
}

impl MailService {
    fn default_port(self, security: Security) -> u16 {
        match (self, security) {
            (Self::Imap, Security::None | Security::StartTls) => 143,
            (Self::Imap, Security::Tls) => 993,
            (Self::Pop3, Security::None | Security::StartTls) => 110,
            (Self::Pop3, Security::Tls) => 995,
        }
    }
}

fn user(settings: &Settings, origin: &Origin) -> Result<String, Error> {
    let user = settings.user.as_ref().map(|at| at.value.clone());
    user.ok_or_else(|| Error::Incomplete {
        at: origin.clone(),
        what: "\"user\"",
        hint: match origin {
            Origin::Url => "Write it before the host: pops://USER@HOST, with %40 for @",
            _ => "Add user = \"me@example.com\"",
        },
    })
}

/// Returns the way to log in: the one that was named, or the one that suits the secret.
fn auth(settings: &Settings) -> Auth {
    match value_or_default(&settings.auth) {
        Auth::Auto if oauth2::has_token(settings) => Auth::Token,
        auth => auth,
    }
}

/// Refuses to send a password without TLS to another machine, unless `allow-cleartext` is set. Even
/// then the password is sent readably only if `auth` names such a way; `auto` never does.
fn refuse_cleartext(settings: &Settings, options: &dial::DialOptions) -> Result<(), Error> {
    let Some(at) = &settings.security else {
        return Ok(());
    };
    let is_allowed = value_or_default(&settings.allow_cleartext);
    if options.security != Security::None || options.net.stays_here() || is_allowed {
        return Ok(());
    }
    let endpoint = &options.net.endpoint;
    Err(Error::Cleartext {
        at: at.origin.clone(),
        endpoint: endpoint.to_string(),
    })
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(180);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::Document;
    use crate::config::keys::SectionKind;
    use crate::exit::Exit;

    /// Checks an account of these lines, which begin on line 2 of the file `f`.
    fn options_of(text: &str) -> Result<dial::DialOptions, Error> {
        let text = format!("[accounts.w]\n{text}");
        let document = Document::parse(text.as_bytes(), "f").expect("the text is TOML");
        let section = document
            .accounts
            .into_iter()
            .next()
            .expect("there is one account");
        let settings =
            Settings::read(SectionKind::Account, section.entries).expect("the keys are known");
        options(&settings, &section.origin, MailService::Pop3, &[], None)
    }

    #[test]
    fn the_port_follows_from_the_security_unless_it_is_set() {
        for (text, endpoint) in [
            ("server = 'h'", "h:995"),
            ("server = 'h'\nsecurity = 'starttls'", "h:110"),
            ("server = '127.0.0.1'\nsecurity = 'none'", "127.0.0.1:110"),
            ("server = 'h:99'", "h:99"),
            ("server = 'h'\nport = 99", "h:99"),
            ("server = '::1'\nport = 99", "[::1]:99"),
            ("server = '/run/pop3'\nport = 99", "/run/pop3"),
        ] {
            let options = options_of(&format!("user = 'me'\n{text}")).expect(text);
            assert_eq!(options.net.endpoint.to_string(), endpoint);
        }
    }

    #[test]
    fn a_cleartext_password_leaves_this_machine_only_on_request() {
        let allowed = "allow-cleartext = true";
        for (server, text, is_allowed) in [
            ("h", "", false),
            ("h", allowed, true),
            ("h", "allow-cleartext = true\nauth = 'auto'", true),
            ("h", "auth = 'user'", false),
            ("h", "allow-cleartext = true\nauth = 'user'", true),
            ("h", "allow-cleartext = true\nauth = 'apop'", true),
            ("127.0.0.1.example.com", "", false),
            ("localhost.example.com", "", false),
            ("192.0.2.1", "", false),
            ("localhost", "", true),
            ("LOCALHOST", "", true),
            ("127.9.9.9", "", true),
            ("::1", "", true),
            ("/run/pop3", "", true),
        ] {
            let text = format!("server = '{server}'\nuser = 'me'\nsecurity = 'none'\n{text}");
            let options = options_of(&text);
            assert_eq!(options.is_ok(), is_allowed, "{text}");
            if let Err(error) = options {
                assert_eq!(error.exit(), Exit::Configuration);
                assert!(error.to_string().starts_with("f:4: "), "{error}");
            }
        }
    }
}
