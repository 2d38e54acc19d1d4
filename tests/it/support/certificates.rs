//! Certificates for test servers: good ones, and the bad ones that the program must refuse. A test
//! makes its own, and only this test trusts them.

use std::fs;
use std::process::Command;

use openssl::pkey::PKey;
use openssl::ssl::{SslAcceptor, SslAcceptorBuilder, SslMethod, SslVerifyMode, SslVersion};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use super::process::Program;
use super::stream::TlsAcceptor;

/// A certificate authority for one test.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let (params, key) = (authority("mailpull test authority"), new_key());
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

    /// Makes an intermediate authority, signed by this one.
    pub(crate) fn intermediate(&self) -> Self {
        self.sign_authority(authority("mailpull test intermediate"))
    }

    pub(crate) fn expired_intermediate(&self) -> Self {
        self.sign_authority(long_ago(authority("mailpull test intermediate")))
    }

    fn sign_authority(&self, params: CertificateParams) -> Self {
        let key = new_key();
        let certificate = params.signed_by(&key, &self.issuer);
        Self {
            pem: certificate.expect("a CA can sign a CA").pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Signs the certificate of a correct server, for localhost and 127.0.0.1 and valid now.
    pub(crate) fn certificate(&self) -> TestCertificate {
        self.sign(server(OURS))
    }

    /// Signs a certificate for these names and addresses.
    pub(crate) fn certificate_for(&self, names: &[&str]) -> TestCertificate {
        self.sign(server(names))
    }

    /// Signs a certificate for another server's name.
    pub(crate) fn wrong_name(&self) -> TestCertificate {
        self.sign(server(&["pop.example.com"]))
    }

    /// Signs a certificate with a common name and without a subjectAltName.
    pub(crate) fn common_name(&self, name: &str) -> TestCertificate {
        let mut params = server(&[]);
        params.distinguished_name.push(DnType::CommonName, name);
        self.sign(params)
    }

    pub(crate) fn expired(&self) -> TestCertificate {
        self.sign(long_ago(server(OURS)))
    }

    pub(crate) fn not_yet_valid(&self) -> TestCertificate {
        let mut params = server(OURS);
        params.not_before = date_time_ymd(2098, 1, 1);
        params.not_after = date_time_ymd(2099, 1, 1);
        self.sign(params)
    }

    /// Signs a certificate that is valid for a client only.
    pub(crate) fn client(&self) -> TestCertificate {
        let mut params = server(OURS);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    /// Signs a certificate for a client with this common name.
    pub(crate) fn client_named(&self, name: &str) -> TestCertificate {
        let mut params = server(OURS);
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    /// Signs a new certificate for the same key.
    pub(crate) fn renewed(&self, former: &TestCertificate) -> TestCertificate {
        let key = KeyPair::from_pem(&former.key).expect("our own PEM can be read");
        let signed = server(OURS).signed_by(&key, &self.issuer);
        TestCertificate {
            key: former.key.clone(),
            pem: signed.expect("a CA can sign a server").pem(),
        }
    }

    /// Signs a certificate with SHA-1.
    pub(crate) fn sha1(&self) -> TestCertificate {
        self.sign_by_openssl("rsa:2048", "-sha1")
    }

    /// Signs a certificate with an RSA key of 1024 bits.
    pub(crate) fn weak_key(&self) -> TestCertificate {
        self.sign_by_openssl("rsa:1024", "-sha256")
    }

    fn sign(&self, params: CertificateParams) -> TestCertificate {
        let key = new_key();
        let signed = params.signed_by(&key, &self.issuer);
        TestCertificate {
            key: key.serialize_pem(),
            pem: signed.expect("a CA can sign a server").pem(),
        }
    }

    /// Signs a weak certificate with the program openssl, because libraries refuse to make one.
    fn sign_by_openssl(&self, key: &str, digest: &str) -> TestCertificate {
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text)
                .expect("a temporary directory can be written");
        };
        let openssl = |arguments: &[&str]| {
            let mut command = Command::new("openssl");
            command.args(arguments).current_dir(folder.path());
            Program::new(command).run().succeeds();
        };
        write("ca.pem", &self.pem);
        write("ca.key", &self.issuer.key().serialize_pem());
        let names = "subjectAltName = DNS:localhost, IP:127.0.0.1";
        write(
            "names",
            &format!("{names}\nextendedKeyUsage = serverAuth\n"),
        );
        openssl(&[
            "req",
            "-new",
            "-newkey",
            key,
            "-nodes",
            "-subj",
            "/CN=server",
            "-keyout",
            "key",
            "-out",
            "request",
        ]);
        openssl(&[
            "x509",
            "-req",
            "-in",
            "request",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-days",
            "30",
            "-set_serial",
            "7",
            "-extfile",
            "names",
            "-out",
            "cert",
            digest,
        ]);
        let read = |name| {
            fs::read_to_string(folder.path().join(name)).expect("openssl has written the file")
        };
        TestCertificate {
            key: read("key"),
            pem: read("cert"),
        }
    }
}

/// A certificate and its private key, both as PEM (the key in PKCS#8).
pub(crate) struct TestCertificate {
    pub(crate) key: String,
    pub(crate) pem: String,
}

impl TestCertificate {
    /// Makes a self-signed certificate for localhost and 127.0.0.1.
    pub(crate) fn self_signed() -> Self {
        let key = new_key();
        let signed = server(OURS).self_signed(&key);
        Self {
            key: key.serialize_pem(),
            pem: signed.expect("a server can sign itself").pem(),
        }
    }

    /// Returns the pin of the certificate, computed by OpenSSL.
    pub(crate) fn pin(&self) -> String {
        pin(&self.own().to_der().expect("a certificate can be encoded"))
    }

    /// Returns the pin of its key, computed by OpenSSL.
    pub(crate) fn key_pin(&self) -> String {
        let key = self.own().public_key().expect("a certificate has a key");
        pin(&key.public_key_to_der().expect("a key can be encoded"))
    }

    fn own(&self) -> X509 {
        X509::from_pem(self.pem.as_bytes()).expect("our own PEM can be read")
    }

    /// Adds an authority's certificate to those that the server sends.
    pub(crate) fn with(mut self, authority: &Authority) -> Self {
        self.pem += authority.pem();
        self
    }

    /// Makes the server's side of TLS.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.builder().build()
    }

    /// Makes a server's side that supports no version above TLS 1.2.
    pub(crate) fn tls_1_2_acceptor(&self) -> TlsAcceptor {
        let mut builder = self.builder();
        let set = builder.set_max_proto_version(Some(SslVersion::TLS1_2));
        set.expect("OpenSSL supports TLS 1.2");
        builder.build()
    }

    /// Makes a server's side that requires a client certificate from this authority.
    pub(crate) fn acceptor_requiring_client(&self, clients: &Authority) -> TlsAcceptor {
        let root = X509::from_pem(clients.pem().as_bytes()).expect("our own PEM can be read");
        let mut store = X509StoreBuilder::new().expect("a store can be made");
        store
            .add_cert(root)
            .expect("an empty store takes a certificate");
        let mut builder = self.builder();
        let store = builder.set_verify_cert_store(store.build());
        store.expect("a server can have a store of authorities");
        builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        builder.build()
    }

    fn builder(&self) -> SslAcceptorBuilder {
        let builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server());
        let mut builder = builder.expect("a TLS server can be made");
        // Without this OpenSSL refuses to use weak certificates.
        builder.set_security_level(0);
        let chain = X509::stack_from_pem(self.pem.as_bytes()).expect("our own PEM can be read");
        let (own, above) = chain.split_first().expect("the PEM has a certificate");
        let key = PKey::private_key_from_pem(self.key.as_bytes()).expect("our own PEM can be read");
        let mut set = builder.set_certificate(own);
        set = set.and_then(|()| builder.set_private_key(&key));
        for certificate in above {
            set = set.and_then(|()| builder.add_extra_chain_cert(certificate.clone()));
        }
        set.expect("the key belongs to the certificate");
        builder
    }
}

const OURS: &[&str] = &["localhost", "127.0.0.1"];

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("no name is a valid name");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
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

fn long_ago(mut params: CertificateParams) -> CertificateParams {
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(2001, 1, 1);
    params
}

fn pin(der: &[u8]) -> String {
    let digits = openssl::sha::sha256(der).map(|octet| format!("{octet:02x}"));
    format!("sha256:{}", digits.concat())
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("a key can be made")
}

/// Connects as a client that trusts only `authority`. The error is the reason of the TLS library.
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

    fn verdict(authority: &Authority, certificate: &TestCertificate) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = certificate.acceptor();
        // Only the client's result matters, so the server's is ignored.
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
            (TestCertificate::self_signed(), "self"),
            (Authority::new().certificate(), "issuer"),
        ];
        for (certificate, reason) in refused {
            let verdict = verdict(&authority, &certificate).unwrap_err();
            assert!(verdict.contains(reason), "{verdict} has no {reason:?}");
        }
    }
}
