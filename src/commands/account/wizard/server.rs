//! The step of the wizard that finds the server. A server is looked at as soon as it is named, and nothing
//! secret is sent.

use super::super::super::questions::{Proposal, TypedAnswer};
use super::super::{discovery, findings, providers, report_finding};
use super::obstacle::Obstacle;
use super::{Turn, Wizard, WizardStep};
use crate::commands::account::discovery::ProbeError;
use crate::config::Account;
use crate::dial::{self, DialStep};
use crate::exit::{Exit, Failure};
use crate::net::{self, tls};
use crate::report::{Fact, Finding};

/// A server that cannot be used as it is.
pub(super) struct BlockedServer {
    /// HOST or HOST:PORT.
    pub(super) server: String,
    pub(super) security: &'static str,
    pub(super) obstacle: Obstacle,
}

impl Wizard<'_> {
    /// Searches for the server by the address, or asks for it.
    pub(super) fn find_server(&mut self) -> Result<Turn, Failure> {
        let user = self.user()?;
        if self.searched_for.as_deref() != Some(&*user) {
            self.searched_for = Some(user.clone());
            if self.search(&user)? {
                return Ok(Turn::Unasked);
            }
        }
        let domain = user.rsplit_once('@').map(|(_, domain)| domain);
        let known = domain.and_then(providers::of).and_then(|it| it.server);
        let current = self.new_account.answer("server").map(str::to_owned);
        let proposal = self.typed_server.clone().or(current);
        let proposal = proposal.or_else(|| known.map(str::to_owned));
        let question = "Server of your provider (HOST or HOST:PORT)";
        match self.questions.ask(question, proposal.as_deref())? {
            TypedAnswer::Back => Ok(Turn::Back),
            TypedAnswer::Text(server) => self.try_server(&server),
        }
    }

    fn search(&mut self, user: &str) -> Result<bool, Failure> {
        if self.new_account.require_searchable().is_err() {
            return Ok(false);
        }
        let (questions, context) = (&self.questions, self.context);
        match discovery::find(user, &mut self.new_account, questions, context) {
            Ok(is_found) => Ok(is_found),
            // The user did not agree to what DNS says.
            Err(failure) if failure.exit == Exit::Usage && context.interrupt.signal().is_none() => {
                Ok(false)
            }
            Err(failure) => Err(failure),
        }
        .and_then(|is_found| match context.interrupt.signal() {
            Some(signal) => Err(Failure::new("interrupted", Exit::Signal(signal))),
            None => Ok(is_found),
        })
    }

    /// Looks for a server that was typed, with TLS from the first octet and by STLS, unless the arguments say
    /// which.
    fn try_server(&mut self, server: &str) -> Result<Turn, Failure> {
        self.typed_server = Some(server.to_owned());
        let given = self.arguments.security.as_deref();
        let mut blocked: Option<BlockedServer> = None;
        for security in securities(server, given) {
            let account = match self.new_account.account_at(server, security) {
                Ok(account) => account,
                Err(error) => return Ok(self.explain(&error.into())),
            };
            match self.look_at(&account, security) {
                Ok(()) => return Ok(self.take_server(server, security)),
                Err(Obstacle::Other) if self.context.interrupt.signal().is_some() => {
                    let signal = self.context.interrupt.signal().unwrap_or_default();
                    return Err(Failure::new("interrupted", Exit::Signal(signal)));
                }
                Err(obstacle) => {
                    let is_last = obstacle.lasts(server.contains(':'));
                    if blocked.is_none() || is_last {
                        blocked = Some(BlockedServer {
                            server: server.to_owned(),
                            security,
                            obstacle,
                        });
                    }
                    if is_last {
                        break;
                    }
                }
            }
        }
        match blocked {
            Some(blocked) => self.offer_ways(&blocked),
            None => Ok(Turn::Again),
        }
    }

    /// Looks at a server, and reports what is found.
    pub(super) fn look_at(&self, account: &Account, security: &str) -> Result<(), Obstacle> {
        let probed = discovery::probe(account.dial.clone(), &self.context.interrupt);
        if let Err(ProbeError::Dial(dial::Error::Net(net::Error::Tls(tls::Error::Untrusted(it))))) =
            &probed
        {
            let found = findings::of_step(DialStep::Untrusted(it), account);
            for finding in &found {
                report_finding(finding, account, self.context);
            }
        }
        let place = account.dial.net.endpoint.to_string();
        let outcome = match &probed {
            Ok(()) => "it answers and proves its name".to_owned(),
            Err(error) => error.to_string(),
        };
        let finding = Finding::new("search", format_args!("{place}, {security}: {outcome}"))
            .with("server", Fact::text(&place))
            .with("found", Fact::Number(u64::from(probed.is_ok())));
        report_finding(&finding, account, self.context);
        probed.map_err(|error| Obstacle::of(&error))
    }

    /// Takes a server as the answer.
    fn take_server(&mut self, server: &str, security: &str) -> Turn {
        if let Err(error) = self.new_account.put("--server", "server", server) {
            return self.explain(&error.into());
        }
        match security {
            "tls" => {
                self.new_account.clear("security");
                Turn::Next
            }
            security => self.put("--security", "security", security),
        }
    }

    /// Offers what may help with a server that cannot be used as it is.
    pub(super) fn offer_ways(&mut self, blocked: &BlockedServer) -> Result<Turn, Failure> {
        let mut ways = Vec::new();
        let mut proposal = Proposal::First;
        match &blocked.obstacle {
            Obstacle::Unknown { .. } => {
                proposal = Proposal::None;
                ways.push((TRUST, Way::Pin));
            }
            Obstacle::NoTls if blocked.security == "tls" => {
                ways.push((
                    "begin without TLS and switch to it (STARTTLS)",
                    Way::StartTls,
                ));
            }
            Obstacle::Name => {
                let words = "another server: one of those that the certificate is for";
                ways.push((words, Way::Another));
            }
            Obstacle::NoTls | Obstacle::NoAddress | Obstacle::NoAnswer | Obstacle::Other => {}
        }
        if blocked.obstacle != Obstacle::Name {
            ways.push(("another server, or another port", Way::Another));
        }
        ways.push(("try again", Way::Retry));
        let labels: Vec<_> = ways.iter().map(|(label, _)| (*label).to_owned()).collect();
        let question = format!(
            "{} cannot be used as it is. What should be done?",
            blocked.server
        );
        let Some(chosen) = self.questions.choose(&question, &labels, proposal)? else {
            return Ok(Turn::Back);
        };
        let server = &*blocked.server;
        match ways[chosen].1 {
            Way::Another => Ok(Turn::To(WizardStep::Server)),
            Way::Retry => self.try_server(server),
            Way::StartTls => match self.take_server(server, "starttls") {
                Turn::Next => self.try_taken(server, "starttls"),
                turn => Ok(turn),
            },
            Way::Pin => {
                if let Obstacle::Unknown { pin } = &blocked.obstacle {
                    self.new_account.put("-o", "tls-pin", pin)?;
                }
                match self.take_server(server, blocked.security) {
                    Turn::Next => self.try_taken(server, blocked.security),
                    turn => Ok(turn),
                }
            }
        }
    }

    /// Looks once more at a server whose settings were changed.
    fn try_taken(&mut self, server: &str, security: &'static str) -> Result<Turn, Failure> {
        let account = self.new_account.account_at(server, security)?;
        match self.look_at(&account, security) {
            Ok(()) => Ok(Turn::Next),
            Err(obstacle) => self.offer_ways(&BlockedServer {
                server: server.to_owned(),
                security,
                obstacle,
            }),
        }
    }
}

/// A way around an obstacle.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    Another,
    Pin,
    Retry,
    StartTls,
}

const TRUST: &str =
    "trust this certificate: I have compared its fingerprint with the one at the server";

/// Returns the values of the key `security` to try for a server, in this order.
fn securities(server: &str, given: Option<&str>) -> Vec<&'static str> {
    match (given, server.rsplit_once(':').map(|(_, port)| port)) {
        (Some("none"), _) => vec!["none"],
        (Some("starttls"), _) => vec!["starttls"],
        (Some(_), _) | (None, Some("995")) => vec!["tls"],
        (None, Some("110")) => vec!["starttls", "tls"],
        (None, _) => vec!["tls", "starttls"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_says_how_tls_begins() {
        for (server, given, tried) in [
            ("pop.example.com", None, &["tls", "starttls"][..]),
            ("pop.example.com:995", None, &["tls"]),
            ("pop.example.com:110", None, &["starttls", "tls"]),
            ("pop.example.com:1995", None, &["tls", "starttls"]),
            ("pop.example.com", Some("starttls"), &["starttls"]),
            ("pop.example.com:110", Some("none"), &["none"]),
            ("pop.example.com:110", Some("tls"), &["tls"]),
        ] {
            assert_eq!(securities(server, given), tried, "{server} {given:?}");
        }
    }
}
