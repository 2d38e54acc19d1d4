//! Finds the POP3 server of a mail address: by the table of providers, by DNS, and by usual names.
//! No login is tried.

use std::time::{Duration, Instant};

use super::super::questions::Questions;
use crate::commands::Context;
use crate::commands::account::providers;
use crate::config::NewAccount;
use crate::dial;
use crate::exit::{Exit, Failure};
use crate::net::srv::{self, Service};
use crate::os::signals::Interrupt;
use crate::os::thread::Task;
use crate::report::{Fact, Finding};

/// A server that may be the right one.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Candidate {
    host: String,
    port: u16,
    service: Service,
    source: CandidateSource,
}

/// The reason to try a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum CandidateSource {
    /// Its name is a usual one for such servers.
    UsualName,
    /// The domain's DNS names it.
    Dns,
    /// The table of providers has it.
    Provider,
}

/// Finds the server for a user's address: the first that answers and proves its name. Reports what was
/// tried and puts the server into the new account. Returns true if there was one.
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
        let answered = probe(account.dial.clone(), &context.interrupt);
        super::report_finding(&candidate.finding(&answered), &account, context);
        if answered.is_ok() {
            candidate.require_consent(&domain, questions)?;
            candidate.settle(new_account)?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Probes a server within one deadline, however slowly its answer drips in.
fn probe(options: dial::DialOptions, interrupt: &Interrupt) -> Result<(), String> {
    let theirs = interrupt.clone();
    let probing = Task::start(interrupt, move || dial::probe(&options, &theirs));
    let probing = probing.map_err(|error| error.to_string())?;
    match probing.wait(Instant::now() + PROBE_TIMEOUT, Duration::ZERO) {
        Ok(probed) => probed.map_err(|error| error.to_string()),
        Err(broken) => Err(broken.to_string()),
    }
}

/// Lists the servers to try, in this order: the provider's; those that DNS names; those with usual
/// names, first with TLS from the first octet, then with STLS (RFC 8314 section 3). All use TLS.
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
                move |host: &String| Candidate::new(host, service, CandidateSource::UsualName);
            hosts.iter().map(candidate)
        });
    known.into_iter().chain(named).chain(customary).collect()
}

/// Returns the usual names of a domain's servers.
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

    /// Returns the value of the key `security` for it.
    fn security(&self) -> &'static str {
        match self.service {
            Service::Pop3 => "starttls",
            Service::Pop3s => "tls",
        }
    }

    fn finding(&self, answered: &Result<(), String>) -> Finding {
        let place = self.place();
        let source = match self.source {
            CandidateSource::UsualName => "a usual name",
            CandidateSource::Dns => "named by the domain's DNS",
            CandidateSource::Provider => "known as the provider's",
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

    /// Asks the user whether a server is the right one if its name comes only from DNS. The answer of
    /// DNS may be forged (RFC 6186 section 6), and an attacker's server can prove its own name, too.
    /// The user is also asked about a server within the domain, which may belong to another user of
    /// the domain, unless it has one of the usual names.
    fn require_consent(&self, domain: &str, questions: &Questions<'_>) -> Result<(), Failure> {
        if self.source != CandidateSource::Dns || hosts(domain).contains(&self.host) {
            return Ok(());
        }
        let place = self.place();
        let says = format!("DNS says that the mail of {domain} is at {place}");
        if questions.confirm(&format!("{says}, which may be forged. Is it right?"))? {
            return Ok(());
        }
        let what = format!("{says}, which may be forged");
        let hint = format!("If it is right: --server {place}");
        Err(Failure::new(what, Exit::Usage).with_hint(hint))
    }

    fn settle(self, new_account: &mut NewAccount) -> Result<(), Failure> {
        let server = if self.port == default_port(self.service) {
            self.host.clone()
        } else {
            self.place()
        };
        new_account.set("--server", "server", server)?;
        if self.service == Service::Pop3 {
            new_account.set("--security", "security", self.security().to_owned())?;
        }
        Ok(())
    }
}

/// The time for probing a server that may not exist, from resolving its name to STLS.
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
        let shown =
            |candidate: &Candidate| format!("{} {}", candidate.place(), candidate.security());
        candidates.iter().map(shown).collect()
    }

    #[test]
    fn servers_named_by_dns_are_tried_before_usual_names() {
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
