//! One SASL exchange (RFC 4422), from the client's first word to the server's proof: octets in
//! base64 in, octets in base64 out.
//! Sends nothing, and does not know which mechanism is the right one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsasl::prelude::Session;
use zeroize::Zeroizing;

use super::mechanism::Mechanism;
use super::{cram, digest_md5};
use crate::limits;
use crate::os::random::random;
use crate::os::secret::Secret;
use crate::text::ServerText;

mod rsasl_exchange;

use rsasl_exchange::Answers;

/// Who logs in, and what proves it.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// The user's name.
    pub user: &'a str,
    /// A password, or an access token where the mechanism takes one.
    pub secret: &'a Secret,
    /// The server's name as the user spelt it.
    pub host: &'a str,
    /// What the TLS connection is known by (`tls-server-end-point`, RFC 5929), where that is known.
    pub binding: Option<&'a [u8]>,
}

/// Why an exchange cannot go on.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum ExchangeFault {
    /// The challenge is none that the mechanism has.
    #[error("{0}")]
    Challenge(String),
    /// The server says in its own words, which may repeat the secret, that it refuses; its reply
    /// follows.
    #[error("the server refused")]
    Refused(Vec<u8>),
    /// The server does not know what only the right one can know.
    #[error("the server could not prove that it knows the password")]
    Unproven,
    /// Our own part cannot be said in this mechanism.
    #[error("{0}")]
    Unusable(String),
}

/// What a response says besides user and secret: names, nonces, headers.
const ROOM: usize = 1024;

/// A response in base64, wiped when it is dropped.
pub(super) type Response = Zeroizing<Vec<u8>>;

/// Whose words the client has.
enum Method {
    /// Those of RFC 2195, once.
    Cram(OwnedCredentials),
    /// Those of RFC 2831.
    Digest(OwnedCredentials, Stage),
    /// The library's.
    Library(Box<Session>),
}

/// Who logs in where, for as long as an exchange lasts.
struct OwnedCredentials {
    user: String,
    secret: Secret,
    host: String,
}

impl OwnedCredentials {
    fn of(credentials: &Credentials<'_>) -> Self {
        Self {
            user: credentials.user.to_owned(),
            secret: credentials.secret.clone(),
            host: credentials.host.to_owned(),
        }
    }
}

/// How far an exchange by digest has come.
enum Stage {
    /// The server has the first word.
    Challenge,
    /// It has to say this to prove itself.
    Proof(Vec<u8>),
}

/// An exchange.
pub(super) struct Exchange {
    mechanism: Mechanism,
    method: Method,
    /// How many octets a response takes at most, unless a server says much.
    room: usize,
    /// How often the client has spoken.
    turns: u32,
    /// Whether nothing is left to be said by either side, if all is well.
    is_over: bool,
}

impl Exchange {
    /// Begins an exchange; `may_bind` is whether the server may be able to bind it to the connection: where
    /// we can and it says that it cannot, that is told it, which shows who cut it out of the list.
    ///
    /// # Errors
    /// A user or a secret that the mechanism has no words for.
    pub(super) fn begin(
        mechanism: Mechanism,
        credentials: &Credentials<'_>,
        may_bind: bool,
    ) -> Result<Self, ExchangeFault> {
        let account = || OwnedCredentials::of(credentials);
        let method = match mechanism {
            Mechanism::CramMd5 => Method::Cram(account()),
            Mechanism::DigestMd5 => Method::Digest(account(), Stage::Challenge),
            _ => {
                let answers = Answers::new(mechanism, credentials, may_bind)?;
                Method::Library(Box::new(rsasl_exchange::session(mechanism, answers)?))
            }
        };
        Ok(Self {
            mechanism,
            method,
            room: ROOM + credentials.user.len() + credentials.secret.expose().len(),
            turns: 0,
            is_over: false,
        })
    }

    /// What is said before any challenge; `None` where the server speaks first.
    ///
    /// # Errors
    /// The mechanism has no words for the credentials.
    pub(super) fn first(&mut self) -> Result<Option<Response>, ExchangeFault> {
        match &self.method {
            Method::Library(session) if session.are_we_first() => match self.say(None) {
                Err(ExchangeFault::Challenge(why)) => Err(ExchangeFault::Unusable(why)),
                said => said.map(Some),
            },
            _ => Ok(None),
        }
    }

    /// Answers a challenge.
    ///
    /// # Errors
    /// Whatever ends the exchange here.
    pub(super) fn answer(&mut self, challenge: &[u8]) -> Result<Response, ExchangeFault> {
        let challenge = decoded(challenge)?;
        if self.mechanism.takes_token() {
            return Err(ExchangeFault::Refused(challenge.to_vec()));
        }
        if self.is_over {
            return Err(ExchangeFault::Challenge(
                "the server sent a challenge after the last response".into(),
            ));
        }
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

    /// Whether nothing was said that needs the secret, where the mechanism does not begin with it.
    pub(super) fn has_only_begun(&self) -> bool {
        self.turns <= 1
    }

    /// Whether nothing is left to be said by either side, if all is well.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    fn say(&mut self, challenge: Option<&[u8]>) -> Result<Response, ExchangeFault> {
        let said = match (&mut self.method, challenge) {
            (Method::Library(session), challenge) => {
                // What grows leaves copies behind that nobody wipes.
                let mut said = Zeroizing::new(Vec::with_capacity(self.room));
                let state = session
                    .step(challenge, &mut *said)
                    .map_err(rsasl_exchange::fault)?;
                // Where a token is not refused, nothing comes behind it.
                self.is_over = state.is_finished() || self.mechanism.takes_token();
                said
            }
            (Method::Cram(account), challenge) => {
                self.is_over = true;
                let challenge = challenge.unwrap_or_default();
                cram::response(&account.user, &account.secret, challenge)
            }
            (Method::Digest(account, stage), challenge) => {
                let (said, next) = stage.next(account, challenge.unwrap_or_default())?;
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
    /// What is said to a challenge, and how far the exchange has come then; `None`: to its end.
    fn next(
        &self,
        account: &OwnedCredentials,
        challenge: &[u8],
    ) -> Result<(Zeroizing<Vec<u8>>, Option<Self>), ExchangeFault> {
        match self {
            Self::Challenge => {
                let credentials = Credentials {
                    user: &account.user,
                    secret: &account.secret,
                    host: &account.host,
                    binding: None,
                };
                let ours = digest_md5::ClientNonce {
                    nonce: &nonce(),
                    uri: &format!("pop/{}", account.host),
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

/// What never comes twice.
fn nonce() -> String {
    STANDARD.encode(random::<18>())
}

/// What says that a refusal of a token was read (RFC 7628 section 3.2.3, and Google's for XOAUTH2).
pub(super) fn acknowledgement(mechanism: Mechanism) -> &'static [u8] {
    match mechanism {
        Mechanism::OAuthBearer => b"AQ==",
        _ => b"",
    }
}

/// Looks for what is no attribute of SCRAM (RFC 5802 section 5.1), by which the library would panic,
/// and for a number of rounds (`i`) that nobody should compute.
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

/// Decodes what a continuation carries.
///
/// # Errors
/// It is no base64 (CVE-2012-3482: never take a text for a challenge).
pub(super) fn decoded(challenge: &[u8]) -> Result<Zeroizing<Vec<u8>>, ExchangeFault> {
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
        let secret = Secret::new(b"hunter2".to_vec()).expect("it is usable");
        let credentials = Credentials {
            user,
            secret: &secret,
            host: "pop.example.com",
            binding: Some(b"end point"),
        };
        Exchange::begin(mechanism, &credentials, true).expect("it can be said")
    }

    fn first(mechanism: Mechanism, user: &str) -> Option<String> {
        let first = exchange(mechanism, user).first().expect("it can be said")?;
        let decoded = STANDARD.decode(&*first).expect("it is base64");
        Some(String::from_utf8(decoded).expect("it is text"))
    }

    #[test]
    fn the_first_words_are_those_of_the_rfcs() {
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

        /// Challenges in the grammar of the mechanisms reach further into them than noise does.
        #[test]
        fn no_challenge_is_too_much(
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
                let first = exchange.first().expect("it can be said").unwrap_or_default();
                let first = String::from_utf8(STANDARD.decode(&*first).expect("it is base64"));
                let first = first.expect("it is text");
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
                prop_assert!(!(proves && exchange.is_over()), "nobody has proved anything");
            }
        }
    }
}
