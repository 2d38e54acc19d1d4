//! Certificates for test servers, made on the spot: good ones and every bad one we must refuse.
//! Nothing here is trusted by anyone but the test that made it.

use native_tls::{Identity, TlsAcceptor};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// A certificate authority that exists for one test.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no name is a valid name");
        params
            .distinguished_name
            .push(DnType::CommonName, "mailpull test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = new_key();
        let certificate = params.self_signed(&key).expect("a CA can sign itself");
        Self {
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// The authority's own certificate, for `tls-ca-file`.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// Signs what a right server shows: localhost and 127.0.0.1, valid now.
    pub(crate) fn certificate(&self) -> Certificate {
        self.sign(server(&["localhost", "127.0.0.1"]))
    }

    /// Signs a certificate for names of which none is this server's.
    pub(crate) fn wrong_name(&self) -> Certificate {
        self.sign(server(&["pop.example.com"]))
    }

    pub(crate) fn expired(&self) -> Certificate {
        let mut params = server(&["localhost", "127.0.0.1"]);
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Certificate {
        let key = new_key();
        let signed = params.signed_by(&key, &self.issuer);
        Certificate {
            key: key.serialize_pem(),
            pem: signed.expect("a CA can sign a server").pem(),
        }
    }
}

/// A server's certificate and its key, both PEM (the key as PKCS#8, which native-tls wants).
pub(crate) struct Certificate {
    pub(crate) key: String,
    pub(crate) pem: String,
}

impl Certificate {
    /// Makes one for localhost and 127.0.0.1 that nobody but itself vouches for.
    pub(crate) fn self_signed() -> Self {
        let key = new_key();
        let signed = server(&["localhost", "127.0.0.1"]).self_signed(&key);
        Self {
            key: key.serialize_pem(),
            pem: signed.expect("a server can sign itself").pem(),
        }
    }

    /// Makes the server's side of TLS.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let identity = Identity::from_pkcs8(self.pem.as_bytes(), self.key.as_bytes());
        TlsAcceptor::new(identity.expect("our own PEM can be read"))
            .expect("a TLS server can be made")
    }
}

fn server(names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("the names are valid");
    params
        .distinguished_name
        .push(DnType::CommonName, "mailpull test server");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    params
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("a key can be made")
}

/// Connects as a client that trusts `authority` alone, or says why not.
#[cfg(test)]
pub(crate) fn handshake(
    stream: std::net::TcpStream,
    authority: &Authority,
) -> Result<native_tls::TlsStream<std::net::TcpStream>, String> {
    let root = native_tls::Certificate::from_pem(authority.pem().as_bytes()).unwrap();
    native_tls::TlsConnector::builder()
        .disable_built_in_roots(true)
        .add_root_certificate(root)
        .build()
        .unwrap()
        .connect("localhost", stream)
        .map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use super::*;

    fn verdict(authority: &Authority, certificate: &Certificate) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = certificate.acceptor();
        // The server's view of a refused handshake is no part of the claim.
        let server = thread::spawn(move || drop(acceptor.accept(listener.accept().unwrap().0)));
        let verdict = handshake(TcpStream::connect(address).unwrap(), authority);
        server.join().unwrap();
        verdict.map(drop)
    }

    #[test]
    fn only_the_right_certificate_is_accepted() {
        let authority = Authority::new();
        assert_eq!(verdict(&authority, &authority.certificate()), Ok(()));
        let refused = [
            (authority.wrong_name(), "mismatch"),
            (authority.expired(), "expired"),
            (Certificate::self_signed(), "self"),
            (Authority::new().certificate(), "issuer"),
        ];
        for (certificate, reason) in refused {
            let verdict = verdict(&authority, &certificate).unwrap_err();
            assert!(verdict.contains(reason), "{verdict} has no {reason:?}");
        }
    }
}
