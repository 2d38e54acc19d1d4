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
    let mut search = ServerSearch {
        domain: &domain,
        new_account,
        questions,
        context,
    };
    // DNS is not asked about a provider that is known.
    if search.try_each(provider_of(&domain))? {
        return Ok(true);
    }
    if context.interrupt.signal().is_some() {
        return Ok(false);
    }
    let named = match srv::servers(&domain, &context.interrupt) {
        Ok(named) => named,
        Err(error) if questions.can_ask() => {
            questions.show(&format!("{error}"));
            return Ok(false);
        }
        Err(error) => return Err(Failure::new(error, Exit::Temporary)),
    };
    search.try_each(candidates(&domain, named))
}

/// A search for the server of a domain.
struct ServerSearch<'a> {
    domain: &'a str,
    new_account: &'a mut NewAccount,
    questions: &'a Questions<'a>,
    context: &'a Context<'a>,
}

impl ServerSearch<'_> {
    /// Takes the first server that answers and proves its name. Returns true if there is one.
    fn try_each(
        &mut self,
        candidates: impl IntoIterator<Item = Candidate>,
    ) -> Result<bool, Failure> {
        for candidate in candidates {
            let (place, security) = (candidate.place(), candidate.security());
            let account = self.new_account.account_at(&place, security)?;
            if self.context.interrupt.signal().is_some() {
                break;
            }
            let answered = probe(account.dial.clone(), &self.context.interrupt);
            let answered = answered.map_err(|refusal| refusal.to_string());
            super::report_finding(&candidate.finding(&answered), &account, self.context);
            if answered.is_ok() {
                candidate.require_consent(self.domain, self.questions)?;
                candidate.settle(self.new_account)?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The reason why a server cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProbeError {
    /// The session did not begin.
    #[error(transparent)]
    Dial(#[from] dial::Error),
    /// It could not be tried, or not in time.
    #[error("{0}")]
    Broken(String),
}

/// Probes a server within one deadline, however slowly its answer drips in.
pub(super) fn probe(options: dial::DialOptions, interrupt: &Interrupt) -> Result<(), ProbeError> {
    let theirs = interrupt.clone();
    let probing = Task::start(interrupt, move || dial::probe(&options, &theirs));
    let probing = probing.map_err(|error| ProbeError::Broken(error.to_string()))?;
    match probing.wait(Instant::now() + PROBE_TIMEOUT, Duration::ZERO) {
        Ok(probed) => Ok(probed?),
        Err(broken) => Err(ProbeError::Broken(broken.to_string())),
    }
}

/// Returns the server of a provider that is known.
fn provider_of(domain: &str) -> Option<Candidate> {
    let known = providers::of(domain).and_then(|provider| provider.server);
    known.map(|host| Candidate::new(host, Service::Pop3s, CandidateSource::Provider))
}

/// Lists the servers to try, in this order: those that DNS names; those with usual
/// names, first with TLS from the first octet, then with STLS (RFC 8314 section 3). All use TLS.
fn candidates(domain: &str, named: Vec<srv::FoundServer>) -> Vec<Candidate> {
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
    named.chain(customary).collect()
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
        new_account.put("--server", "server", &server)?;
        if self.service == Service::Pop3 {
            new_account.put("--security", "security", self.security())?;
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
    fn a_known_provider_has_its_own_server() {
        let place = provider_of("hotmail.com").map(|candidate| candidate.place());
        assert_eq!(place.as_deref(), Some("outlook.office365.com:995"));
        assert_eq!(provider_of("example.com"), None);
    }
}
