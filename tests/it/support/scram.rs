//! A server with SCRAM (RFC 5802, 7677), channel binding (RFC 5929) and an empty maildrop. It can
//! also attempt the attacks of a false server. It is written from the RFCs and uses OpenSSL.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::hash::{MessageDigest, hash};
use openssl::pkcs5::pbkdf2_hmac;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use openssl::x509::X509;

use super::certificates::TestCertificate;
use super::model_server::PASSWORD;
use super::stream::{ServerStream, TlsAcceptor};

/// A mistake of the server in the exchange, such as an attacker would make.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ScramFault {
    /// The server behaves correctly.
    None,
    /// It sends `+OK` instead of its signature.
    LeaveOutTheSignature,
    /// It sends a signature that is not made with the password.
    ForgeTheSignature,
    /// Its nonce does not begin with the client's.
    ChangeTheNonce,
    /// It sends this text instead of its first message.
    Say(&'static str),
    /// It offers channel binding, and then refuses every type that the client uses.
    BindOtherwise,
    /// It asks for this number of iterations.
    Rounds(u64),
}

/// A running server. It serves one client after the other, one for each of
/// [`ScramBehaviour::faults`].
pub(crate) struct ScramServer {
    address: SocketAddr,
    running: JoinHandle<Vec<String>>,
}

/// The behaviour of a server.
#[derive(Clone, Debug)]
pub(crate) struct ScramBehaviour {
    /// The mechanisms that it announces in SASL.
    pub(crate) sasl: &'static str,
    /// The user's password.
    pub(crate) password: String,
    /// The fault in the session with each client.
    pub(crate) faults: Vec<ScramFault>,
}

impl ScramBehaviour {
    pub(crate) fn offering(sasl: &'static str) -> Self {
        Self {
            sasl,
            password: PASSWORD.to_owned(),
            faults: vec![ScramFault::None],
        }
    }
}

impl ScramServer {
    /// Starts a server, with TLS if it has a certificate.
    pub(crate) fn start(certificate: Option<&TestCertificate>, behaviour: ScramBehaviour) -> Self {
        let tls = certificate.map(|certificate| (certificate.acceptor(), end_point(certificate)));
        Self::serve(tls, behaviour)
    }

    /// Starts a server that shows one certificate and binds logins to another, as if a
    /// man in the middle relayed the session.
    pub(crate) fn start_as(
        shown: &TestCertificate,
        own: &TestCertificate,
        behaviour: ScramBehaviour,
    ) -> Self {
        Self::serve(Some((shown.acceptor(), end_point(own))), behaviour)
    }

    fn serve(tls: Option<(TlsAcceptor, Vec<u8>)>, behaviour: ScramBehaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let running = thread::spawn(move || {
            let mut heard = Vec::new();
            for &fault in &behaviour.faults {
                let (socket, _) = listener.accept().expect("a client connects");
                let mut stream = ServerStream::new(socket).expect("a socket can be set up");
                if let Some((acceptor, _)) = &tls {
                    stream
                        .start_tls(acceptor)
                        .expect("the client completes the handshake");
                }
                let mut session = ScramSession {
                    stream: BufReader::new(stream),
                    behaviour: behaviour.clone(),
                    fault,
                    end_point: tls.as_ref().map(|(_, end_point)| end_point.clone()),
                    heard: Vec::new(),
                };
                // A client that disconnects ends the session, which is not an error here.
                let _ = session.hold();
                heard.append(&mut session.heard);
            }
            heard
        });
        Self { address, running }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the end, and returns the client's lines. Lines of an exchange are decoded from
    /// base64.
    pub(crate) fn finish(self) -> Vec<String> {
        self.running.join().expect("the server does not panic")
    }
}

/// Returns the channel binding `tls-server-end-point`: the SHA-256 of the certificate.
fn end_point(certificate: &TestCertificate) -> Vec<u8> {
    let certificate = X509::from_pem(certificate.pem.as_bytes()).expect("our own PEM can be read");
    let der = certificate.to_der().expect("a certificate can be encoded");
    openssl::sha::sha256(&der).to_vec()
}

struct ScramSession {
    stream: BufReader<ServerStream>,
    behaviour: ScramBehaviour,
    fault: ScramFault,
    end_point: Option<Vec<u8>>,
    heard: Vec<String>,
}

/// The session is over: the client has disconnected or ended it.
struct Over;

impl ScramSession {
    fn hold(&mut self) -> Result<(), Over> {
        self.say("+OK ready")?;
        loop {
            let line = self.hear()?;
            self.heard.push(line.clone());
            let (command, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match command {
                "CAPA" => {
                    let sasl = self.behaviour.sasl;
                    self.say(&format!("+OK\r\nUIDL\r\nSASL {sasl}\r\n."))?;
                }
                "AUTH" => self.authenticate(rest)?,
                "UIDL" | "LIST" => self.say("+OK\r\n.")?,
                "QUIT" => {
                    self.say("+OK")?;
                    return Err(Over);
                }
                _ => self.say("-ERR what?")?,
            }
        }
    }

    fn authenticate(&mut self, arguments: &str) -> Result<(), Over> {
        let (mechanism, initial) = arguments.split_once(' ').ok_or(Over)?;
        let digest = match mechanism.contains("SHA-256") {
            true => MessageDigest::sha256(),
            false => MessageDigest::sha1(),
        };
        let first = text(initial);
        self.heard.push(first.clone());
        let (flag, rest) = first.split_once(',').ok_or(Over)?;
        let (_, bare) = rest.split_once(',').ok_or(Over)?;
        if self.fault == ScramFault::BindOtherwise && flag.starts_with("p=") {
            self.ask("e=unsupported-channel-binding-type")?;
            return self.say("-ERR [AUTH] no");
        }
        if let ScramFault::Say(words) = self.fault {
            self.ask(words)?;
        }
        let nonce = attribute(bare, "r=");
        let nonce = match self.fault {
            ScramFault::ChangeTheNonce => "another".to_owned(),
            _ => format!("{nonce}server"),
        };
        let rounds = match self.fault {
            ScramFault::Rounds(rounds) => rounds,
            _ => 4096,
        };
        let server_first = format!("r={nonce},s={},i={rounds}", STANDARD.encode("salt"));
        let last = self.ask(&server_first)?;
        let (without_proof, proof) = last.split_once(",p=").ok_or(Over)?;
        let signed = format!("{bare},{server_first},{without_proof}");
        let mut salted = vec![0; digest.size()];
        let password = self.behaviour.password.as_bytes();
        let rounds = usize::try_from(rounds).expect("the tests' numbers of rounds are small");
        pbkdf2_hmac(password, b"salt", rounds, digest, &mut salted).expect("OpenSSL can hash");
        let client = hmac(digest, &salted, b"Client Key");
        let stored = hash(digest, &client).expect("OpenSSL can hash");
        let mask = hmac(digest, &stored, signed.as_bytes());
        let expected: Vec<u8> = client.iter().zip(mask).map(|(a, b)| a ^ b).collect();
        if proof != STANDARD.encode(expected) {
            self.ask("e=invalid-proof")?;
            return self.say("-ERR [AUTH] no");
        }
        let header = format!("{flag},,").into_bytes();
        let bound = self.end_point.clone().filter(|_| flag.starts_with("p="));
        let binding = [header, bound.unwrap_or_default()].concat();
        // The flag "y" means that the server seems to have no channel binding. If it has, somebody
        // has removed -PLUS from its offer, and it must refuse (RFC 5802 section 6).
        let was_misled = flag == "y" && self.behaviour.sasl.contains("-PLUS");
        let claimed = attribute(without_proof, "c=");
        if was_misled || claimed != STANDARD.encode(binding) {
            self.ask("e=channel-bindings-dont-match")?;
            return self.say("-ERR [AUTH] no");
        }
        let server = hmac(digest, &salted, b"Server Key");
        let signature = match self.fault {
            ScramFault::LeaveOutTheSignature => return self.say("+OK"),
            ScramFault::ForgeTheSignature => vec![7; digest.size()],
            _ => hmac(digest, &server, signed.as_bytes()),
        };
        self.ask(&format!("v={}", STANDARD.encode(signature)))?;
        self.say("+OK")
    }

    /// Sends a challenge and returns the response.
    fn ask(&mut self, challenge: &str) -> Result<String, Over> {
        self.say(&format!("+ {}", STANDARD.encode(challenge)))?;
        let line = self.hear()?;
        if line == "*" {
            self.heard.push(line);
            self.say("-ERR cancelled")?;
            return Err(Over);
        }
        let answer = text(&line);
        self.heard.push(answer.clone());
        Ok(answer)
    }

    fn say(&mut self, line: &str) -> Result<(), Over> {
        let line = format!("{line}\r\n");
        let sent = self.stream.get_mut().write_all(line.as_bytes());
        sent.map_err(|_| Over)
    }

    fn hear(&mut self) -> Result<String, Over> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(1..) => Ok(line.trim_end().to_owned()),
            _ => Err(Over),
        }
    }
}

fn text(base64: &str) -> String {
    let octets = STANDARD.decode(base64).unwrap_or_default();
    String::from_utf8_lossy(&octets).into_owned()
}

fn attribute<'a>(message: &'a str, name: &str) -> &'a str {
    let mut attributes = message.split(',');
    attributes.find_map(|a| a.strip_prefix(name)).unwrap_or("")
}

fn hmac(digest: MessageDigest, key: &[u8], octets: &[u8]) -> Vec<u8> {
    let key = PKey::hmac(key).expect("any octets are a key of HMAC");
    let mut signer = Signer::new(digest, &key).expect("an HMAC key can sign");
    signer
        .sign_oneshot_to_vec(octets)
        .expect("an HMAC key can sign")
}
