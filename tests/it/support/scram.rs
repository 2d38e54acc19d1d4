//! A server that knows SCRAM (RFC 5802, 7677) with channel binding (RFC 5929) and an empty maildrop,
//! and the ways in which a false one would try to get by. Written from the RFCs, on OpenSSL.

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

/// What a server does that is not the right one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ScramFault {
    /// Nothing: it is the right one.
    None,
    /// It says +OK where its signature is due.
    LeaveOutTheSignature,
    /// It signs without knowing the password.
    ForgeTheSignature,
    /// It takes another nonce than the client's.
    ChangeTheNonce,
    /// It says this where its first message is due.
    Say(&'static str),
    /// It offers to bind a login and knows no way that we have.
    BindOtherwise,
    /// It wants the password hashed so often.
    Rounds(u64),
}

/// A server for so many clients as it is told of.
pub(crate) struct ScramServer {
    address: SocketAddr,
    running: JoinHandle<Vec<String>>,
}

/// How it behaves.
#[derive(Clone, Debug)]
pub(crate) struct ScramBehaviour {
    /// What it announces.
    pub(crate) sasl: &'static str,
    /// The password that it knows.
    pub(crate) password: String,
    /// What it does with each of its clients.
    pub(crate) deceits: Vec<ScramFault>,
}

impl ScramBehaviour {
    pub(crate) fn offering(sasl: &'static str) -> Self {
        Self {
            sasl,
            password: PASSWORD.to_owned(),
            deceits: vec![ScramFault::None],
        }
    }
}

impl ScramServer {
    /// Starts one, with TLS where it has a certificate.
    pub(crate) fn start(certificate: Option<&TestCertificate>, manners: ScramBehaviour) -> Self {
        let tls = certificate.map(|certificate| (certificate.acceptor(), end_point(certificate)));
        Self::serve(tls, manners)
    }

    /// Starts one that shows a certificate and holds logins against another, as if somebody stood
    /// between who passes everything on.
    pub(crate) fn start_as(
        shown: &TestCertificate,
        own: &TestCertificate,
        manners: ScramBehaviour,
    ) -> Self {
        Self::serve(Some((shown.acceptor(), end_point(own))), manners)
    }

    fn serve(tls: Option<(TlsAcceptor, Vec<u8>)>, manners: ScramBehaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it has an address");
        let running = thread::spawn(move || {
            let mut heard = Vec::new();
            for &deceit in &manners.deceits {
                let (socket, _) = listener.accept().expect("a client calls");
                let mut stream = ServerStream::new(socket).expect("it is a socket");
                if let Some((acceptor, _)) = &tls {
                    stream.start_tls(acceptor).expect("the client shakes hands");
                }
                let mut session = ScramSession {
                    stream: BufReader::new(stream),
                    manners: manners.clone(),
                    deceit,
                    end_point: tls.as_ref().map(|(_, end_point)| end_point.clone()),
                    heard: Vec::new(),
                };
                // A client that leaves ends it.
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

    /// Waits for the end, and tells what the client said; of an exchange, what was in base64.
    pub(crate) fn finish(self) -> Vec<String> {
        self.running.join().expect("the server does not panic")
    }
}

/// `tls-server-end-point`: the hash of the certificate, here always by SHA-256.
fn end_point(certificate: &TestCertificate) -> Vec<u8> {
    let certificate = X509::from_pem(certificate.pem.as_bytes()).expect("it is PEM");
    let der = certificate.to_der().expect("it has a DER");
    openssl::sha::sha256(&der).to_vec()
}

struct ScramSession {
    stream: BufReader<ServerStream>,
    manners: ScramBehaviour,
    deceit: ScramFault,
    end_point: Option<Vec<u8>>,
    heard: Vec<String>,
}

/// The client has gone, or said what ends the session.
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
                    let sasl = self.manners.sasl;
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
        if self.deceit == ScramFault::BindOtherwise && flag.starts_with("p=") {
            self.ask("e=unsupported-channel-binding-type")?;
            return self.say("-ERR [AUTH] no");
        }
        if let ScramFault::Say(words) = self.deceit {
            self.ask(words)?;
        }
        let nonce = attribute(bare, "r=");
        let nonce = match self.deceit {
            ScramFault::ChangeTheNonce => "another".to_owned(),
            _ => format!("{nonce}server"),
        };
        let rounds = match self.deceit {
            ScramFault::Rounds(rounds) => rounds,
            _ => 4096,
        };
        let server_first = format!("r={nonce},s={},i={rounds}", STANDARD.encode("salt"));
        let last = self.ask(&server_first)?;
        let (without_proof, proof) = last.split_once(",p=").ok_or(Over)?;
        let signed = format!("{bare},{server_first},{without_proof}");
        let mut salted = vec![0; digest.size()];
        let password = self.manners.password.as_bytes();
        let rounds = usize::try_from(rounds).expect("it is small enough");
        pbkdf2_hmac(password, b"salt", rounds, digest, &mut salted).expect("it hashes");
        let client = hmac(digest, &salted, b"Client Key");
        let stored = hash(digest, &client).expect("it hashes");
        let mask = hmac(digest, &stored, signed.as_bytes());
        let expected: Vec<u8> = client.iter().zip(mask).map(|(a, b)| a ^ b).collect();
        if proof != STANDARD.encode(expected) {
            self.ask("e=invalid-proof")?;
            return self.say("-ERR [AUTH] no");
        }
        let header = format!("{flag},,").into_bytes();
        let bound = self.end_point.clone().filter(|_| flag.starts_with("p="));
        let binding = [header, bound.unwrap_or_default()].concat();
        // A server that could bind must refuse a client that was made to believe it could not.
        let was_misled = flag == "y" && self.manners.sasl.contains("-PLUS");
        let claimed = attribute(without_proof, "c=");
        if was_misled || claimed != STANDARD.encode(binding) {
            self.ask("e=channel-bindings-dont-match")?;
            return self.say("-ERR [AUTH] no");
        }
        let server = hmac(digest, &salted, b"Server Key");
        let signature = match self.deceit {
            ScramFault::LeaveOutTheSignature => return self.say("+OK"),
            ScramFault::ForgeTheSignature => vec![7; digest.size()],
            _ => hmac(digest, &server, signed.as_bytes()),
        };
        self.ask(&format!("v={}", STANDARD.encode(signature)))?;
        self.say("+OK")
    }

    /// Sends a challenge and returns what is said to it.
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
    let key = PKey::hmac(key).expect("it is a key");
    let mut signer = Signer::new(digest, &key).expect("it can sign");
    signer.sign_oneshot_to_vec(octets).expect("it signs")
}
