//! Finds the POP3 servers of a domain by its DNS (RFC 6186, RFC 8314). Anybody can forge an answer,
//! so the user must confirm a server that was found here, and the server must prove its name. This
//! is the only module that uses simple-dns.

use std::cmp::Reverse;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use std::{fmt, fs};

use simple_dns::rdata::{RData, SRV};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, Question, RCODE, TYPE};

use crate::os::random::random;
use crate::os::signals::{Interrupt, WaitError};
use crate::os::thread::Task;

/// A server that the DNS of a domain names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FoundServer {
    /// The server's name.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// The service, which says how TLS begins.
    pub service: Service,
}

/// The service that a server is named for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Service {
    /// POP3, with TLS by STLS.
    Pop3,
    /// POP3 over TLS from the first octet.
    Pop3s,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pop3 => "_pop3._tcp",
            Self::Pop3s => "_pop3s._tcp",
        })
    }
}

/// Finds the servers of a domain, the preferred ones first: TLS from the first octet before STLS
/// (RFC 8314 section 5.1), then by priority and weight. The list is empty if no answer comes in
/// time, or if it does not fit into one datagram: the caller then tries common names.
///
/// # Errors
/// The system refuses a thread, or a signal arrived.
pub fn servers(domain: &str, interrupt: &Interrupt) -> io::Result<Vec<FoundServer>> {
    let domain = domain.to_owned();
    let asking = Task::start(interrupt, move || {
        let resolvers = resolvers();
        let of = |service| ask(&domain, service, &resolvers);
        [of(Service::Pop3s), of(Service::Pop3)].concat()
    })?;
    match asking.wait(Instant::now() + DNS_TIMEOUT, Duration::ZERO) {
        Ok(servers) => Ok(servers),
        Err(WaitError::TimedOut) => Ok(Vec::new()),
        Err(error) => Err(io::Error::other(error)),
    }
}

/// Returns true if a name can be that of a host or a domain: letters, digits and hyphens, in two
/// labels or more.
pub fn is_domain(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
    };
    name.len() <= 253 && name.contains('.') && name.split('.').all(is_label)
}

/// Returns the resolvers of this machine.
fn resolvers() -> Vec<IpAddr> {
    let text = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let mut resolvers = nameservers(&text);
    if resolvers.is_empty() {
        // The default of resolv.conf(5).
        resolvers.push(Ipv4Addr::LOCALHOST.into());
    }
    resolvers
}

fn nameservers(text: &str) -> Vec<IpAddr> {
    text.lines()
        .filter_map(|line| line.trim_start().strip_prefix("nameserver"))
        .filter_map(|rest| rest.split_ascii_whitespace().next()?.parse().ok())
        .take(MOST_RESOLVERS)
        .collect()
}

fn ask(domain: &str, service: Service, resolvers: &[IpAddr]) -> Vec<FoundServer> {
    // A datagram can be lost: a resolver that does not answer is asked again, after the others.
    let mut turns = resolvers.iter().chain(resolvers);
    let answer = |resolver: &IpAddr| {
        let question = Inquiry::new(domain, service, u16::from_ne_bytes(random()));
        exchange(&question, (*resolver, PORT).into())
    };
    turns
        .find_map(|resolver| answer(resolver).ok())
        .unwrap_or_default()
}

fn exchange(question: &Inquiry, resolver: SocketAddr) -> io::Result<Vec<FoundServer>> {
    let ours: SocketAddr = match resolver {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(ours)?;
    // From here on the kernel drops datagrams from other addresses.
    socket.connect(resolver)?;
    socket.send(&question.encode()?)?;
    let deadline = Instant::now() + RESOLVER_TIMEOUT;
    let mut answer = [0; LONGEST_ANSWER];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        let octets = socket.recv(&mut answer)?;
        // A datagram that does not answer this question is ignored: it can be forged, or late.
        if let Some(read) = question.read(&answer[..octets]) {
            return read;
        }
    }
}

/// A query for the servers of a domain.
#[derive(Clone, Debug)]
pub struct Inquiry {
    name: String,
    service: Service,
    number: u16,
}

impl Inquiry {
    /// Makes a query for one service. An answer must have the same number, so nobody should be able
    /// to guess it.
    pub fn new(domain: &str, service: Service, number: u16) -> Self {
        Self {
            name: format!("{service}.{domain}"),
            service,
            number,
        }
    }

    fn encode(&self) -> io::Result<Vec<u8>> {
        let mut packet = Packet::new_query(self.number);
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
        let name = Name::new(&self.name).map_err(io::Error::other)?;
        let kind = QTYPE::TYPE(TYPE::SRV);
        let question = Question::new(name, kind, CLASS::IN.into(), false);
        packet.questions.push(question);
        packet.build_bytes_vec().map_err(io::Error::other)
    }

    /// Reads an answer; `None` if it does not belong to this query.
    ///
    /// # Errors
    /// The resolver reports a failure, or the answer was truncated.
    pub fn read(&self, octets: &[u8]) -> Option<io::Result<Vec<FoundServer>>> {
        let packet = Packet::parse(octets).ok()?;
        let asked = packet.questions.first()?;
        let is_ours = |other: &Name<'_>| other.to_string().eq_ignore_ascii_case(&self.name);
        let is_answer = packet.has_flags(PacketFlag::RESPONSE)
            && packet.id() == self.number
            && is_ours(&asked.qname)
            && asked.qtype == QTYPE::TYPE(TYPE::SRV);
        if !is_answer {
            return None;
        }
        // NXDOMAIN is an answer, too: there are no servers. SERVFAIL and others are failures, after
        // which the next resolver is asked.
        let has_answer = matches!(packet.rcode(), RCODE::NoError | RCODE::NameError);
        if !has_answer || packet.has_flags(PacketFlag::TRUNCATION) {
            return Some(Err(io::ErrorKind::InvalidData.into()));
        }
        let mut found: Vec<_> = packet
            .answers
            .iter()
            .filter(|record| is_ours(&record.name))
            .filter_map(|record| match &record.rdata {
                RData::SRV(srv) => Some(srv),
                _ => None,
            })
            // RFC 2782: the target "." means that there is no such service.
            .filter(|srv| srv.port != 0 && is_domain(&srv.target.to_string()))
            .collect();
        // RFC 2782 wants a random choice by weight among equal priorities. But one server is
        // written to the configuration once and for all, so the heaviest comes first.
        found.sort_by_key(|srv| (srv.priority, Reverse(srv.weight)));
        let server = |srv: &SRV<'_>| FoundServer {
            host: srv.target.to_string().to_ascii_lowercase(),
            port: srv.port,
            service: self.service,
        };
        Some(Ok(found
            .into_iter()
            .take(MOST_SERVERS)
            .map(server)
            .collect()))
    }
}

const PORT: u16 = 53;
const LONGEST_ANSWER: usize = 4096;
const MOST_RESOLVERS: usize = 3;
const MOST_SERVERS: usize = 4;
/// The most time that one resolver may take.
const RESOLVER_TIMEOUT: Duration = Duration::from_secs(2);
/// The most time that the whole search may take.
const DNS_TIMEOUT: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use simple_dns::ResourceRecord;

    use super::*;

    const NAME: &str = "_pop3s._tcp.example.com";

    fn question() -> Inquiry {
        Inquiry::new("example.com", Service::Pop3s, 7)
    }

    /// Returns an answer with these records: priority, weight, port and target.
    fn answer(name: &str, number: u16, records: &[(u16, u16, u16, &str)]) -> Vec<u8> {
        let asked = Inquiry {
            name: name.to_owned(),
            number,
            ..question()
        };
        let asked = asked.encode().expect("the name is valid");
        let mut packet = Packet::parse(&asked)
            .expect("the query is a packet")
            .into_reply();
        for (priority, weight, port, target) in records {
            let srv = SRV {
                priority: *priority,
                weight: *weight,
                port: *port,
                target: Name::new_unchecked(target),
            };
            let name = Name::new_unchecked(name);
            let record = ResourceRecord::new(name, CLASS::IN, 60, RData::SRV(srv));
            packet.answers.push(record);
        }
        packet.build_bytes_vec().expect("the packet is short")
    }

    fn hosts(octets: &[u8]) -> Option<Vec<String>> {
        let servers = question()
            .read(octets)?
            .expect("the resolver knows the name");
        Some(servers.into_iter().map(|server| server.host).collect())
    }

    #[test]
    fn servers_are_sorted_by_priority_and_weight() {
        let answer = answer(
            "_POP3S._tcp.example.com",
            7,
            &[
                (20, 0, 995, "c.example.com"),
                (10, 1, 995, "b.example.com"),
                (10, 9, 995, "A.example.com"),
            ],
        );
        let expected = ["a.example.com", "b.example.com", "c.example.com"];
        assert_eq!(hosts(&answer), Some(expected.map(str::to_owned).to_vec()));
    }

    #[test]
    fn an_answer_to_another_query_is_ignored() {
        let records = &[(0, 0, 995, "a.example.com")];
        for octets in [
            answer(NAME, 8, records),
            answer("_pop3._tcp.example.com", 7, records),
            question().encode().expect("the name is valid"),
            Vec::new(),
            vec![0xff; 100],
        ] {
            assert_eq!(hosts(&octets), None);
        }
    }

    #[test]
    fn a_dns_failure_is_not_an_empty_answer() {
        for (third, fourth, is_known) in [
            (0x84, 0x80, true),
            // NXDOMAIN.
            (0x84, 0x83, true),
            // SERVFAIL, REFUSED.
            (0x84, 0x82, false),
            (0x84, 0x85, false),
            // Truncated.
            (0x86, 0x80, false),
        ] {
            let mut answer = answer(NAME, 7, &[]);
            answer[2..4].copy_from_slice(&[third, fourth]);
            let read = question()
                .read(&answer)
                .expect("the answer belongs to the query");
            assert_eq!(read.is_ok(), is_known, "{third:x} {fourth:x}");
        }
    }

    #[test]
    fn a_record_that_names_no_server_is_skipped() {
        let answer = answer(
            NAME,
            7,
            &[
                (0, 0, 995, "."),
                (0, 0, 0, "a.example.com"),
                (0, 0, 995, "localhost"),
                (0, 0, 995, "a b.example.com"),
                (0, 0, 995, "-x.example.com"),
                (0, 0, 995, "ok.example.com"),
            ],
        );
        assert_eq!(hosts(&answer), Some(vec!["ok.example.com".to_owned()]));
    }

    #[test]
    fn a_cut_answer_causes_no_panic() {
        let whole = answer(NAME, 7, &[(0, 0, 995, "a.example.com")]);
        for end in 0..whole.len() {
            // Only a panic would be wrong.
            let _ = hosts(&whole[..end]);
        }
    }

    #[test]
    fn resolvers_come_from_resolv_conf() {
        let text = "# nameserver 192.0.2.9\nsearch x\nnameserver 192.0.2.1\n nameserver\t::1 \n\
                    nameserver nonsense\nnameserver 192.0.2.2\nnameserver 192.0.2.3";
        let expected = ["192.0.2.1", "::1", "192.0.2.2"];
        let expected =
            expected.map(|address| address.parse::<IpAddr>().expect("the address is valid"));
        assert_eq!(nameservers(text), expected);
    }
}
