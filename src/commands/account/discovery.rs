//! Where a domain's maildrops are: what is known, what its DNS says, what such servers are called.
//! Logs nobody in; whether a server that is elsewhere is the right one is for the user to say.

use std::time::{Duration, Instant};

use super::questions::Questions;
use crate::commands::Context;
use crate::commands::account::providers;
use crate::config::NewAccount;
use crate::dial;
use crate::exit::{Exit, Failure};
use crate::net::srv::{self, Service};
use crate::os::signals::Interrupt;
use crate::os::thread::Task;
use crate::report::{Fact, Finding};

/// A server that may be the one.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Candidate {
    host: String,
    port: u16,
    service: Service,
    source: CandidateSource,
}

/// Who says that it may.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum CandidateSource {
    /// Its name: such servers are often called so.
    Custom,
    /// The domain's DNS.
    Dns,
    /// The table of providers.
    Provider,
}

/// Finds the server for a user's address: the first that answers and proves its name. Tells what
/// was tried, and lets the new account say it. Whether there was one.
pub(super) fn find(
    user: &str,
    new_account: &mut NewAccount,
    questions: &Questions<'_>,
    context: &Context<'_>,
) -> Result<bool, Failure> {
    let domain = user.rsplit_once('@').map(|(_, domain)| domain);
    let Some(domain) = domain.filter(|domain| srv::is_domain(domain)) else {
        return Ok(false);
    };
    new_account.require_searchable()?;
    let domain = domain.to_ascii_lowercase();
    let named = srv::servers(&domain, &context.interrupt)
        .map_err(|error| Failure::new(error, Exit::Temporary))?;
    for candidate in candidates(&domain, named) {
        let account = new_account.account_at(&candidate.place(), candidate.security())?;
        if context.interrupt.signal().is_some() {
            break;
        }
        let answered = knock(account.dial.clone(), &context.interrupt);
        super::report_finding(&candidate.told(&answered), &account, context);
        if answered.is_ok() {
            candidate.insist_on_consent(&domain, questions)?;
            candidate.settle(new_account)?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Knocks within one deadline, however its answer drips. Whoever is slower is left behind.
fn knock(options: dial::DialOptions, interrupt: &Interrupt) -> Result<(), String> {
    let theirs = interrupt.clone();
    let knocking = Task::start(interrupt, move || dial::probe(&options, &theirs));
    let knocking = knocking.map_err(|error| error.to_string())?;
    match knocking.wait(Instant::now() + PROBE_TIMEOUT, Duration::ZERO) {
        Ok(knocked) => knocked.map_err(|error| error.to_string()),
        Err(broken) => Err(broken.to_string()),
    }
}

/// What to try, in this order: what is known; what the domain names; what such servers are called,
/// first in TLS from the first octet, then by STLS (RFC 8314 section 3). Nothing without TLS.
fn candidates(domain: &str, named: Vec<srv::FoundServer>) -> Vec<Candidate> {
    let known = providers::of(domain).and_then(|provider| provider.server);
    let known = known.map(|host| Candidate::new(host, Service::Pop3s, CandidateSource::Provider));
    let named = named.into_iter().map(|server| Candidate {
        host: server.host,
        port: server.port,
        service: server.service,
        source: CandidateSource::Dns,
    });
    let hosts = hosts(domain);
    let customary = [Service::Pop3s, Service::Pop3]
        .into_iter()
        .flat_map(|service| {
            let candidate =
                move |host: &String| Candidate::new(host, service, CandidateSource::Custom);
            hosts.iter().map(candidate)
        });
    known.into_iter().chain(named).chain(customary).collect()
}

/// What a domain's servers are called, where they are called so.
fn hosts(domain: &str) -> [String; 4] {
    ["pop.", "pop3.", "mail.", ""].map(|prefix| format!("{prefix}{domain}"))
}

impl Candidate {
    fn new(host: &str, service: Service, source: CandidateSource) -> Self {
        Self {
            host: host.to_owned(),
            port: default_port(service),
            service,
            source,
        }
    }

    fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// What the key `security` calls it.
    fn security(&self) -> &'static str {
        match self.service {
            Service::Pop3 => "starttls",
            Service::Pop3s => "tls",
        }
    }

    fn told(&self, answered: &Result<(), String>) -> Finding {
        let place = self.place();
        let source = match self.source {
            CandidateSource::Custom => "as such servers are often called",
            CandidateSource::Dns => "as the domain's DNS says",
            CandidateSource::Provider => "as is known of the provider",
        };
        let outcome = match answered {
            Ok(()) => "it answers and proves its name".to_owned(),
            Err(why) => why.clone(),
        };
        let security = self.security();
        Finding::new(
            "search",
            format_args!("{place}, {source}, {security}: {outcome}"),
        )
        .with("server", Fact::text(place))
        .with("security", Fact::text(security))
        .with("found", Fact::Number(u64::from(answered.is_ok())))
    }

    /// Asks about a server that only DNS names: the answer may be anybody's (RFC 6186 section 6),
    /// and a server of anybody's proves its own name, too; one within the domain may be a
    /// neighbour's.
    fn insist_on_consent(&self, domain: &str, questions: &Questions<'_>) -> Result<(), Failure> {
        if self.source != CandidateSource::Dns || hosts(domain).contains(&self.host) {
            return Ok(());
        }
        let place = self.place();
        let says = format!("DNS says that the mail of {domain} is at {place}");
        if questions.confirm(&format!("{says}; anybody could have. Is it right?"))? {
            return Ok(());
        }
        let what = format!("{says}; if that is right, name it: --server {place}");
        Err(Failure::new(what, Exit::Usage))
    }

    fn settle(self, new_account: &mut NewAccount) -> Result<(), Failure> {
        let server = match self.port == default_port(self.service) {
            true => self.host.clone(),
            false => self.place(),
        };
        new_account.set("--server", "server", server)?;
        if self.service == Service::Pop3 {
            new_account.set("--security", "security", self.security().to_owned())?;
        }
        Ok(())
    }
}

/// How long a server that may not be there is waited for, from the name to STLS.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

fn default_port(service: Service) -> u16 {
    match service {
        Service::Pop3 => 110,
        Service::Pop3s => 995,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(domain: &str, named: &[(&str, u16, Service)]) -> Vec<String> {
        let server = |(host, port, service): &(&str, u16, Service)| srv::FoundServer {
            host: (*host).to_owned(),
            port: *port,
            service: *service,
        };
        let candidates = candidates(domain, named.iter().map(server).collect());
        let told =
            |candidate: &Candidate| format!("{} {}", candidate.place(), candidate.security());
        candidates.iter().map(told).collect()
    }

    #[test]
    fn what_is_named_is_tried_before_what_is_customary() {
        let named = [
            ("mx.example.net", 1995, Service::Pop3s),
            ("mx.example.net", 110, Service::Pop3),
        ];
        assert_eq!(
            places("example.com", &named),
            [
                "mx.example.net:1995 tls",
                "mx.example.net:110 starttls",
                "pop.example.com:995 tls",
                "pop3.example.com:995 tls",
                "mail.example.com:995 tls",
                "example.com:995 tls",
                "pop.example.com:110 starttls",
                "pop3.example.com:110 starttls",
                "mail.example.com:110 starttls",
                "example.com:110 starttls",
            ]
        );
    }

    #[test]
    fn a_known_provider_is_tried_first() {
        let places = places("hotmail.com", &[("evil.example", 995, Service::Pop3s)]);
        assert_eq!(places[0], "outlook.office365.com:995 tls");
    }
}
