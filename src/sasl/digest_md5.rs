//! DIGEST-MD5 (RFC 2831, historic since RFC 6331): digests over two nonces, by which the server
//! also proves that it knows the password. Pure; the caller makes the nonce.

use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

use super::Credentials;
use crate::hex;

/// The directives of a challenge that matter.
#[derive(Debug, Eq, PartialEq)]
struct Challenge {
    realm: Option<Vec<u8>>,
    nonce: Vec<u8>,
    /// True if the server uses UTF-8.
    is_utf8: bool,
}

/// A response, and the proof that the server must send after it.
#[derive(Debug)]
pub(super) struct DigestAnswer {
    /// The response before base64.
    pub(super) response: Zeroizing<Vec<u8>>,
    /// The server's next challenge if it knows the password.
    pub(super) proof: Vec<u8>,
}

/// The client's part of the digest.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientNonce<'a> {
    /// A text that is never used twice.
    pub(super) nonce: &'a str,
    /// The service and the host (RFC 2831 section 2.1.2, `digest-uri`).
    pub(super) uri: &'a str,
}

/// Answers a challenge.
///
/// # Errors
/// The problem with the challenge.
pub(super) fn answer(
    challenge: &[u8],
    ClientNonce { nonce, uri }: ClientNonce<'_>,
    credentials: &Credentials<'_>,
) -> Result<DigestAnswer, &'static str> {
    let Challenge {
        realm,
        nonce: theirs,
        is_utf8,
    } = Challenge::parse(challenge)?;
    let user = Text::new(credentials.user.as_bytes(), is_utf8)?;
    let realm = realm.unwrap_or_default();
    let secret = Text::new(credentials.secret.expose(), is_utf8)?;
    let hash = Zeroizing::new(joined(&[&user.hashed, &realm, &secret.hashed]));
    let begun = Zeroizing::new(<[u8; 16]>::from(Md5::digest(&*hash)));
    let key = Zeroizing::new([&begun[..], b":", &theirs, b":", nonce.as_bytes()].concat());
    let key = Zeroizing::new(hex::encode(&Md5::digest(&*key)));
    let digest = |method: &str| {
        let what = hex::encode(&Md5::digest(format!("{method}:{uri}")));
        let all = joined(&[
            key.as_bytes(),
            &theirs,
            COUNT,
            nonce.as_bytes(),
            QUALITY,
            what.as_bytes(),
        ]);
        hex::encode(&Md5::digest(all))
    };
    let mut response = Zeroizing::new(Vec::new());
    if is_utf8 {
        response.extend_from_slice(b"charset=utf-8,");
    }
    for (name, value) in [
        ("username", &user.said[..]),
        ("realm", &realm),
        ("nonce", &theirs),
        ("cnonce", nonce.as_bytes()),
    ] {
        // RFC 2831 section 2.1.2: without a realm in the challenge there is none in the response.
        if name != "realm" || !value.is_empty() {
            response.extend_from_slice(format!("{name}=").as_bytes());
            quote(value, &mut response);
            response.push(b',');
        }
    }
    let rest = [
        "nc=00000001,qop=auth,digest-uri=\"",
        uri,
        "\",response=",
        &digest("AUTHENTICATE"),
    ];
    response.extend_from_slice(rest.concat().as_bytes());
    Ok(DigestAnswer {
        response,
        proof: format!("rspauth={}", digest("")).into_bytes(),
    })
}

const COUNT: &[u8] = b"00000001";
const QUALITY: &[u8] = b"auth";

/// A name or a password in the two forms that it has in an exchange.
struct Text {
    /// The form in which it is sent.
    said: Zeroizing<Vec<u8>>,
    /// The form that is hashed. It is in Latin-1 if all characters exist there, and else in UTF-8
    /// (RFC 2831 section 2.1.2.1).
    hashed: Zeroizing<Vec<u8>>,
}

impl Text {
    fn new(octets: &[u8], is_utf8: bool) -> Result<Self, &'static str> {
        let said = Zeroizing::new(octets.to_vec());
        if octets.is_ascii() {
            return Ok(Self {
                hashed: said.clone(),
                said,
            });
        }
        let text = std::str::from_utf8(octets).map_err(|_| "user or password is not UTF-8")?;
        let latin: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
        match (latin.map(Zeroizing::new), is_utf8) {
            (Some(hashed), true) => Ok(Self { said, hashed }),
            (None, true) => Ok(Self {
                hashed: said.clone(),
                said,
            }),
            (Some(hashed), false) => Ok(Self {
                said: hashed.clone(),
                hashed,
            }),
            (None, false) => Err("user or password has characters that the server does not accept"),
        }
    }
}

impl Challenge {
    /// Reads a list of `name=value` and `name="value"`. Unknown names are ignored.
    fn parse(text: &[u8]) -> Result<Self, &'static str> {
        let (mut realm, mut nonce, mut is_utf8) = (None, None, false);
        let mut algorithm = None;
        let mut rest = text;
        while let Some((name, value, behind)) = directive(rest)? {
            rest = behind;
            match &name.to_ascii_lowercase()[..] {
                // A server may offer several realms; any one is allowed.
                b"realm" => realm = realm.or(Some(value)),
                b"nonce" if nonce.is_some() => return Err("the challenge has two nonces"),
                b"nonce" => nonce = Some(value),
                b"charset" => is_utf8 = value.eq_ignore_ascii_case(b"utf-8"),
                b"algorithm" => algorithm = Some(value),
                b"qop" if !offers_auth(&value) => {
                    return Err(
                        "the server demands encryption by DIGEST-MD5, which TLS replaces (qop)",
                    );
                }
                _ => {}
            }
        }
        if algorithm.as_deref() != Some(b"md5-sess") {
            return Err("the algorithm of the challenge is not md5-sess");
        }
        match nonce {
            Some(nonce) if !nonce.is_empty() => Ok(Self {
                realm,
                nonce,
                is_utf8,
            }),
            _ => Err("the challenge has no nonce"),
        }
    }
}

type Directive<'a> = (&'a [u8], Vec<u8>, &'a [u8]);

/// Returns the first directive and the rest of the text, or `None` at the end.
fn directive(text: &[u8]) -> Result<Option<Directive<'_>>, &'static str> {
    let is_between = |octet: &u8| matches!(octet, b',' | b' ' | b'\t' | b'\r' | b'\n');
    let start = text.iter().take_while(|octet| is_between(octet)).count();
    let text = &text[start..];
    if text.is_empty() {
        return Ok(None);
    }
    let end = text.iter().position(|&octet| octet == b'=');
    let (name, rest) = text.split_at(end.ok_or("the challenge is not a list of name=value")?);
    let rest = &rest[1..];
    let Some(quoted) = rest.strip_prefix(b"\"") else {
        let end = rest.iter().position(is_between).unwrap_or(rest.len());
        let (value, rest) = rest.split_at(end);
        return Ok(Some((name.trim_ascii(), value.to_vec(), rest)));
    };
    let mut value = Vec::new();
    let mut octets = quoted.iter().enumerate();
    while let Some((index, &octet)) = octets.next() {
        match octet {
            b'"' => return Ok(Some((name.trim_ascii(), value, &quoted[index + 1..]))),
            b'\\' => value.extend(octets.next().map(|(_, octet)| octet)),
            octet => value.push(octet),
        }
    }
    Err("a quotation in the challenge does not end")
}

fn offers_auth(value: &[u8]) -> bool {
    value
        .split(|&octet| octet == b',')
        .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"auth"))
}

fn quote(value: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &octet in value {
        if matches!(octet, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(octet);
    }
    out.push(b'"');
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.join(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::secret::Secret;

    fn answer_of(
        challenge: &[u8],
        user: &str,
        password: &str,
    ) -> Result<DigestAnswer, &'static str> {
        let secret = Secret::new(password.into()).expect("the password has no line break");
        let credentials = Credentials {
            user,
            secret: &secret,
            host: "elwood.innosoft.com",
            binding: None,
        };
        let ours = ClientNonce {
            nonce: "OA9BSuZWMSpW8m",
            uri: "acap/elwood.innosoft.com",
        };
        answer(challenge, ours, &credentials)
    }

    const CHALLENGE: &[u8] = br#"realm="elwood.innosoft.com",nonce="OA9BSXrbuRhWay",qop="auth",
        algorithm=md5-sess,charset=utf-8"#;

    #[test]
    fn response_and_proof_are_the_example_of_rfc_2831() {
        let answer = answer_of(CHALLENGE, "chris", "secret").expect("the challenge is valid");
        let response = String::from_utf8(answer.response.to_vec()).expect("the response is text");
        assert_eq!(
            response,
            "charset=utf-8,username=\"chris\",realm=\"elwood.innosoft.com\",\
             nonce=\"OA9BSXrbuRhWay\",cnonce=\"OA9BSuZWMSpW8m\",nc=00000001,qop=auth,\
             digest-uri=\"acap/elwood.innosoft.com\",response=6084c6db3fede7352c551284490fd0fc"
        );
        assert_eq!(answer.proof, b"rspauth=2f0b3d7c3c2e486600ef710726aa2eae");
    }

    #[test]
    fn directives_missing_in_the_challenge_are_not_sent() {
        let answer = answer_of(b"nonce=\"a\\\"b\",algorithm=md5-sess", "a\"b", "x");
        let response = answer.expect("the challenge is valid").response;
        let begin = br#"username="a\"b",nonce="a\"b",cnonce="OA9BSuZWMSpW8m",nc=00000001,"#;
        assert!(response.starts_with(begin));
    }

    #[test]
    fn an_invalid_challenge_is_not_answered() {
        for challenge in [
            &b""[..],
            b"nonce=\"x\"",
            b"algorithm=md5-sess",
            b"nonce=\"\",algorithm=md5-sess",
            b"nonce=\"x\",nonce=\"y\",algorithm=md5-sess",
            b"nonce=\"x,algorithm=md5-sess",
            b"nonce=\"x\",algorithm=md5",
            b"nonce=\"x\",algorithm=md5-sess,qop=\"auth-conf,auth-int\"",
            b"nonce",
        ] {
            assert!(answer_of(challenge, "u", "p").is_err(), "{challenge:?}");
        }
    }

    #[test]
    fn a_name_is_hashed_in_latin_1_if_possible() {
        for (text, is_utf8, said, hashed) in [
            ("ab", true, &b"ab"[..], &b"ab"[..]),
            ("\u{e9}", true, "\u{e9}".as_bytes(), b"\xe9"),
            ("\u{e9}", false, b"\xe9", b"\xe9"),
            (
                "\u{20ac}",
                true,
                "\u{20ac}".as_bytes(),
                "\u{20ac}".as_bytes(),
            ),
        ] {
            let text = Text::new(text.as_bytes(), is_utf8).expect("the text can be sent");
            assert_eq!((&text.said[..], &text.hashed[..]), (said, hashed));
        }
        assert!(Text::new("\u{20ac}".as_bytes(), false).is_err());
    }
}
