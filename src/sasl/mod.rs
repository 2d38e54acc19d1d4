//! One SASL exchange (RFC 4422), for any protocol: takes challenges and returns responses, both in
//! base64. Sends nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsasl::prelude::Session;
use zeroize::Zeroizing;

use crate::limits;
use crate::os::random::random;
use crate::os::secret::Secret;
use crate::text::ServerText;

mod cram;
mod digest_md5;
mod mechanism;
mod rsasl_exchange;

use rsasl_exchange::Answers;

pub use mechanism::{Mechanism, Strength};

/// The user who logs in, and the proof.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// The user's name.
    pub user: &'a str,
    /// The password, or an access token if the mechanism takes one.
    pub secret: &'a Secret,
    /// The server's name as it is configured.
    pub host: &'a str,
    /// The value that identifies the TLS connection (`tls-server-end-point`, RFC 5929), if there is
    /// one.
    pub binding: Option<&'a [u8]>,
}

/// The reason why an exchange cannot continue.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum ExchangeFault {
    /// The challenge is not valid for the mechanism.
    #[error("{0}")]
    Challenge(String),
    /// The server refuses within the exchange, with this text, which may repeat the secret; its
    /// final reply follows.
    #[error("the server refused")]
    Refused(Vec<u8>),
    /// The server could not prove that it knows the password.
    #[error("the server could not prove that it knows the password")]
    Unproven,
    /// The mechanism has no form for these credentials.
    #[error("{0}")]
    Unusable(String),
}

/// The most octets of a response apart from user and secret: names, nonces, headers.
const OTHER_OCTETS: usize = 1024;

/// A response in base64, wiped when it is dropped.
pub(crate) type Response = Zeroizing<Vec<u8>>;

/// The implementation of the client's side.
enum Method {
    /// CRAM-MD5 (RFC 2195), which has one challenge.
    Cram(OwnedCredentials),
    /// DIGEST-MD5 (RFC 2831).
    Digest(OwnedCredentials, Stage),
    /// A mechanism of the library rsasl.
    Library(Box<Session>),
}

/// The protocol that carries an exchange, and what the server says about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SaslService {
    /// The registered name of the service: "pop" or "imap".
    pub(crate) name: &'static str,
    /// False if the server has announced no bound mechanism. SCRAM then says in its first message
    /// that the client could have bound the login. If the server could, too, somebody has removed
    /// the mechanism from its list, and the server refuses (RFC 5802 section 6).
    pub(crate) may_bind: bool,
}

/// The credentials for the duration of an exchange.
struct OwnedCredentials {
    user: String,
    secret: Secret,
    host: String,
    /// The name of the service.
    service: &'static str,
}

impl OwnedCredentials {
    fn of(credentials: &Credentials<'_>, service: SaslService) -> Self {
        Self {
            user: credentials.user.to_owned(),
            secret: credentials.secret.clone(),
            host: credentials.host.to_owned(),
            service: service.name,
        }
    }
}

/// The progress of a DIGEST-MD5 exchange.
enum Stage {
    /// The server sends its challenge.
    Challenge,
    /// The server must send this as its proof.
    Proof(Vec<u8>),
}

/// An exchange in progress.
pub(crate) struct Exchange {
    mechanism: Mechanism,
    method: Method,
    /// The most octets that a response takes, unless the server sends very long challenges.
    room: usize,
    /// The number of responses so far.
    turns: u32,
    /// True if only the final reply is left, provided that the server accepts.
    is_over: bool,
}

impl Exchange {
    /// Begins an exchange.
    ///
    /// # Errors
    /// The mechanism has no form for the credentials.
    pub(crate) fn begin(
        mechanism: Mechanism,
        credentials: &Credentials<'_>,
        service: SaslService,
    ) -> Result<Self, ExchangeFault> {
        let owned = || OwnedCredentials::of(credentials, service);
        let method = match mechanism {
            Mechanism::CramMd5 => Method::Cram(owned()),
            Mechanism::DigestMd5 => Method::Digest(owned(), Stage::Challenge),
            _ => {
                let answers = Answers::new(mechanism, credentials, service)?;
                Method::Library(Box::new(rsasl_exchange::session(mechanism, answers)?))
            }
        };
        Ok(Self {
            mechanism,
            method,
            room: OTHER_OCTETS + credentials.user.len() + credentials.secret.expose().len(),
            turns: 0,
            is_over: false,
        })
    }

    /// Returns the initial response; `None` if the server sends a challenge first.
    ///
    /// # Errors
    /// The mechanism has no form for the credentials.
    pub(crate) fn first(&mut self) -> Result<Option<Response>, ExchangeFault> {
        match &self.method {
            Method::Library(session) if session.are_we_first() => match self.say(None) {
                Err(ExchangeFault::Challenge(why)) => Err(ExchangeFault::Unusable(why)),
                said => said.map(Some),
            },
            _ => Ok(None),
        }
    }

    /// Returns the response to a challenge.
    ///
    /// # Errors
    /// The exchange ends here.
    pub(crate) fn answer(&mut self, challenge: &[u8]) -> Result<Response, ExchangeFault> {
        let challenge = match self.mechanism.ignores_prompts() {
            true => Zeroizing::default(),
            false => decoded(challenge)?,
        };
        // RFC 7628 section 3.2.2: the only challenge of OAUTHBEARER and XOAUTH2 explains a refusal,
        // in JSON.
        if self.mechanism.takes_token() {
            return Err(ExchangeFault::Refused(challenge.to_vec()));
        }
        if self.is_over {
            return Err(ExchangeFault::Challenge(
                "the server sent a challenge after the last response".into(),
            ));
        }
        // RFC 5802 section 7: an error of the server, in the place of its proof.
        if let Some(error) = challenge
            .strip_prefix(b"e=")
            .filter(|_| self.mechanism.is_scram())
        {
            return Err(ExchangeFault::Refused(error.to_vec()));
        }
        if self.mechanism.is_scram() {
            check_attributes(&challenge)?;
        }
        self.say(Some(&challenge))
    }

    /// Returns true if only the initial response was sent, which in SCRAM does not depend on the
    /// secret.
    pub(crate) fn has_only_begun(&self) -> bool {
        self.turns <= 1
    }

    /// Returns true if only the final reply is left, provided that the server accepts.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    fn say(&mut self, challenge: Option<&[u8]>) -> Result<Response, ExchangeFault> {
        let said = match (&mut self.method, challenge) {
            (Method::Library(session), challenge) => {
                // Enough room for everything: a vector that grows leaves copies of the secret in
                // freed memory.
                let mut said = Zeroizing::new(Vec::with_capacity(self.room));
                let state = session
                    .step(challenge, &mut *said)
                    .map_err(rsasl_exchange::fault)?;
                // A token that is accepted gets no challenge, only the final reply.
                self.is_over = state.is_finished() || self.mechanism.takes_token();
                said
            }
            (Method::Cram(owned), challenge) => {
                let challenge = challenge.unwrap_or_default();
                // The answer to it would be the same each time, and could be used by others.
                if challenge.is_empty() {
                    return Err(ExchangeFault::Challenge("the challenge is empty".into()));
                }
                self.is_over = true;
                cram::response(&owned.user, &owned.secret, challenge)
            }
            (Method::Digest(owned, stage), challenge) => {
                let (said, next) = stage.next(owned, challenge.unwrap_or_default())?;
                self.is_over = next.is_none();
                if let Some(next) = next {
                    *stage = next;
                }
                said
            }
        };
        self.turns += 1;
        Ok(Zeroizing::new(STANDARD.encode(&*said).into_bytes()))
    }
}

impl Stage {
    /// Returns the response to a challenge and the next stage; `None` at the end.
    fn next(
        &self,
        owned: &OwnedCredentials,
        challenge: &[u8],
    ) -> Result<(Zeroizing<Vec<u8>>, Option<Self>), ExchangeFault> {
        match self {
            Self::Challenge => {
                let credentials = Credentials {
                    user: &owned.user,
                    secret: &owned.secret,
                    host: &owned.host,
                    binding: None,
                };
                let ours = digest_md5::ClientNonce {
                    nonce: &nonce(),
                    uri: &format!("{}/{}", owned.service, owned.host),
                };
                let answer = digest_md5::answer(challenge, ours, &credentials)
                    .map_err(|why| ExchangeFault::Challenge(why.to_owned()))?;
                Ok((answer.response, Some(Self::Proof(answer.proof))))
            }
            Self::Proof(proof) if proof == challenge => Ok((Zeroizing::default(), None)),
            Self::Proof(_) => Err(ExchangeFault::Unproven),
        }
    }
}

/// Returns a text that is never used twice.
fn nonce() -> String {
    STANDARD.encode(random::<18>())
}

/// Returns the response to the JSON of a refused token, which the server expects before its final
/// reply (RFC 7628 section 3.2.3; for XOAUTH2, by Google's documentation, an empty one).
pub(crate) fn acknowledgement(mechanism: Mechanism) -> &'static [u8] {
    match mechanism {
        Mechanism::OAuthBearer => b"AQ==",
        _ => b"",
    }
}

/// Checks that a challenge of SCRAM consists of attributes (RFC 5802 section 5.1), because the
/// library panics on anything else, and that the number of rounds (`i`) is reasonable.
fn check_attributes(challenge: &[u8]) -> Result<(), ExchangeFault> {
    let mut attributes = challenge.split(|&octet| octet == b',');
    if !attributes
        .clone()
        .all(|attribute| matches!(attribute, [b'A'..=b'Z' | b'a'..=b'z', b'=', ..]))
    {
        return Err(ExchangeFault::Challenge(
            "the challenge is not made of attributes".into(),
        ));
    }
    let Some(rounds) = attributes.find_map(|attribute| attribute.strip_prefix(b"i=")) else {
        return Ok(());
    };
    let shown = ServerText::new(rounds);
    let rounds = str::from_utf8(rounds)
        .ok()
        .and_then(|rounds| rounds.parse().ok());
    if rounds.is_some_and(|rounds| limits::SCRAM_ROUNDS.contains(&rounds)) {
        return Ok(());
    }
    Err(ExchangeFault::Challenge(format!(
        "the server wants the password hashed {shown} times, but only {} to {} times are accepted",
        limits::SCRAM_ROUNDS.start(),
        limits::SCRAM_ROUNDS.end()
    )))
}

/// Decodes a challenge.
///
/// # Errors
/// It is not base64. Text must never be taken for a challenge (CVE-2012-3482).
pub(crate) fn decoded(challenge: &[u8]) -> Result<Zeroizing<Vec<u8>>, ExchangeFault> {
    STANDARD
        .decode(challenge)
        .map(Zeroizing::new)
        .map_err(|_| ExchangeFault::Challenge("the challenge is not base64".into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXCHANGED: [Mechanism; 11] = [
        Mechanism::Login,
        Mechanism::Plain,
        Mechanism::XOAuth2,
        Mechanism::OAuthBearer,
        Mechanism::DigestMd5,
        Mechanism::CramMd5,
        Mechanism::ScramSha1,
        Mechanism::ScramSha256,
        Mechanism::ScramSha1Plus,
        Mechanism::ScramSha256Plus,
        Mechanism::External,
    ];

    fn exchange(mechanism: Mechanism, user: &str) -> Exchange {
        let secret = Secret::new(b"hunter2".to_vec()).expect("the secret has no line break");
        let credentials = Credentials {
            user,
            secret: &secret,
            host: "pop.example.com",
            binding: Some(b"end point"),
        };
        let service = SaslService {
            name: "pop",
            may_bind: true,
        };
        Exchange::begin(mechanism, &credentials, service)
            .expect("the mechanism takes these credentials")
    }

    fn first(mechanism: Mechanism, user: &str) -> Option<String> {
        let first = exchange(mechanism, user)
            .first()
            .expect("the mechanism takes these credentials")?;
        let decoded = STANDARD.decode(&*first).expect("responses are base64");
        Some(String::from_utf8(decoded).expect("the initial response is text"))
    }

    #[test]
    fn initial_responses_are_those_of_the_rfcs() {
        for (mechanism, user, said) in [
            (Mechanism::Plain, "joe", Some("\0joe\0hunter2")),
            (Mechanism::External, "joe", Some("joe")),
            (
                Mechanism::XOAuth2,
                "joe",
                Some("user=joe\x01auth=Bearer hunter2\x01\x01"),
            ),
            (
                Mechanism::OAuthBearer,
                "j=o,e",
                Some("n,a=j=3Do=2Ce,\x01host=pop.example.com\x01auth=Bearer hunter2\x01\x01"),
            ),
            (Mechanism::Login, "joe", None),
            (Mechanism::CramMd5, "joe", None),
            (Mechanism::DigestMd5, "joe", None),
        ] {
            assert_eq!(first(mechanism, user).as_deref(), said, "{mechanism}");
        }
        for (mechanism, begin) in [
            (Mechanism::ScramSha256, "n,,n=j=3Do=2Ce,r="),
            (
                Mechanism::ScramSha1Plus,
                "p=tls-server-end-point,,n=j=3Do=2Ce,r=",
            ),
        ] {
            let said = first(mechanism, "j=o,e").expect("the client begins");
            assert!(said.starts_with(begin), "{said}");
        }
    }

    #[test]
    fn every_exchange_has_its_own_nonce() {
        let nonces = [(); 2].map(|()| first(Mechanism::ScramSha256, "joe"));
        assert_ne!(nonces[0], nonces[1]);
        assert_ne!(nonce(), nonce());
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 512,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        /// Challenges that follow the grammar of a mechanism get further than noise does.
        #[test]
        fn no_challenge_causes_a_panic_or_a_false_proof(
            parts in prop::collection::vec(
                prop_oneof![
                    Just("r=".to_owned()), Just("s=QQ==".to_owned()), Just("i=4096".to_owned()),
                    Just("v=QQ==".to_owned()), Just("e=x".to_owned()), Just("m=x".to_owned()),
                    Just("nonce=\"".to_owned()), Just("algorithm=md5-sess".to_owned()),
                    Just("rspauth=".to_owned()), Just("\\".to_owned()), Just("r".to_owned()),
                    ".{0,8}",
                ],
                0..6,
            ),
            is_base64 in any::<bool>(),
            knows_nonce in any::<bool>(),
        ) {
            for mechanism in EXCHANGED {
                let mut exchange = exchange(mechanism, "joe");
                let first = exchange.first().expect("the mechanism takes these credentials").unwrap_or_default();
                let first = String::from_utf8(STANDARD.decode(&*first).expect("responses are base64"));
                let first = first.expect("the initial response is text");
                let nonce = first.split_once("r=").map_or("", |(_, nonce)| nonce);
                let mut text = parts.join(",");
                if knows_nonce {
                    text = format!("r={nonce}x,{text}");
                }
                let challenge = if is_base64 { STANDARD.encode(text) } else { text };
                for _ in 0..3 {
                    if exchange.answer(challenge.as_bytes()).is_err() {
                        break;
                    }
                }
                let proves = mechanism.proves_server();
                prop_assert!(!(proves && exchange.is_over()), "the server has proved nothing");
            }
        }
    }
}
