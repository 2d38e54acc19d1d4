//! The reasons of OpenSSL for a handshake that failed: a sentence for each, and what the user can do. Pure.

use super::Version;

/// A reason of the library, explained.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Explained {
    /// The sentence, which goes on after "failed: "; `None` if the reason explains itself.
    pub(super) sentence: Option<&'static str>,
    /// The hint.
    pub(super) hint: &'static str,
}

/// A row of the table: the words of which one must be in the reason, the sentence, and the hint.
type Row = (&'static [&'static str], Option<&'static str>, &'static str);

/// The first row that fits counts.
const REASONS: &[Row] = &[
    (
        NOT_TLS,
        Some("the server answered with something else than TLS"),
        "If the server begins without TLS, as on port 110, set security = \"starttls\"",
    ),
    (
        &["unrecognized name"],
        Some("the server does not know this name"),
        "Set tls-name to a name of the server, or correct \"server\"",
    ),
    (
        &["dh key too small", "bad dh value", "modulus too small"],
        Some("the server's key exchange is too weak for the rules of this machine"),
        "Ask the operator of the server for stronger parameters. Until then, a lower SECLEVEL in the file \
         that OPENSSL_CONF names allows them",
    ),
    (
        &["unsafe legacy renegotiation"],
        Some("the server's TLS is too old to be safe: it lacks secure renegotiation (RFC 5746)"),
        "Ask the operator of the server to renew it. Until then, Options = UnsafeLegacyServerConnect in the \
         file that OPENSSL_CONF names allows it",
    ),
    (
        &[
            "wrong signature type",
            "no shared signature",
            "digest too weak",
        ],
        Some("the server signs in a way that the rules of this machine do not allow"),
        "Ask the operator of the server to renew its TLS. Until then, a lower SECLEVEL in the file that \
         OPENSSL_CONF names allows it",
    ),
    (
        &[
            "alert unknown ca",
            "alert certificate",
            "alert bad certificate",
            "alert unsupported certificate",
        ],
        None,
        "Check tls-client-cert: the server refuses this certificate, or requires one",
    ),
    (
        &[
            "handshake failure",
            "no shared cipher",
            "insufficient security",
        ],
        None,
        "Check tls-client-cert: the server may require a certificate. Or it has no cipher suite that this \
         machine allows",
    ),
    (
        &["alert internal error"],
        Some("the server reports a fault of its own"),
        "Try again later, or tell the operator of the server",
    ),
];

/// The reasons for which the server does not speak TLS at all.
const NOT_TLS: &[&str] = &[
    "wrong version number",
    "packet length too long",
    "http request",
    "https proxy request",
    "unknown protocol",
    "record layer failure",
    "unexpected message",
];

/// The reasons for which there is no version that both ends allow.
const NO_VERSION: &[&str] = &[
    "protocol version",
    "unsupported protocol",
    "no protocols available",
    "version too low",
];

/// Explains a reason of the library, for a connection that allows this version and newer ones.
pub(super) fn explain(why: &str, minimum: Version) -> Option<Explained> {
    let has_one = |words: &[&str]| words.iter().any(|word| why.contains(word));
    if has_one(NO_VERSION) {
        return Some(match minimum {
            Version::Tls12 => Explained {
                sentence: Some("the server has neither TLS 1.2 nor TLS 1.3"),
                hint: "Ask the operator of the server to renew it: older versions are not safe (RFC 8996)",
            },
            Version::Tls13 => Explained {
                sentence: Some("the server does not have TLS 1.3, which tls-min demands"),
                hint: "Set tls-min = \"1.2\"",
            },
        });
    }
    let mut rows = REASONS.iter();
    let row = rows.find(|(words, ..)| has_one(words));
    row.map(|&(_, sentence, hint)| Explained { sentence, hint })
}

/// Returns true if the server does not speak TLS.
pub(super) fn is_not_tls(why: &str) -> bool {
    NOT_TLS.iter().any(|word| why.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_hint_about_the_right_key() {
        for (why, minimum, sentence, key) in [
            (
                "wrong version number",
                Version::Tls12,
                "something else than TLS",
                "security",
            ),
            (
                "packet length too long",
                Version::Tls12,
                "something else than TLS",
                "security",
            ),
            (
                "record layer failure",
                Version::Tls12,
                "something else than TLS",
                "security",
            ),
            (
                "tlsv1 alert protocol version",
                Version::Tls12,
                "neither TLS 1.2",
                "renew",
            ),
            (
                "unsupported protocol",
                Version::Tls12,
                "neither TLS 1.2",
                "renew",
            ),
            (
                "tlsv1 alert protocol version",
                Version::Tls13,
                "TLS 1.3",
                "tls-min = \"1.2\"",
            ),
            (
                "tlsv1 unrecognized name",
                Version::Tls12,
                "this name",
                "tls-name",
            ),
            ("dh key too small", Version::Tls12, "too weak", "SECLEVEL"),
            (
                "unsafe legacy renegotiation disabled",
                Version::Tls12,
                "RFC 5746",
                "UnsafeLegacyServerConnect",
            ),
            (
                "wrong signature type",
                Version::Tls12,
                "signs in a way",
                "SECLEVEL",
            ),
            (
                "tlsv1 alert unknown ca",
                Version::Tls12,
                "",
                "tls-client-cert",
            ),
            (
                "tlsv13 alert certificate required",
                Version::Tls12,
                "",
                "tls-client-cert",
            ),
            (
                "sslv3 alert handshake failure",
                Version::Tls12,
                "",
                "tls-client-cert",
            ),
            (
                "tlsv1 alert internal error",
                Version::Tls12,
                "fault of its own",
                "later",
            ),
        ] {
            let explained = explain(why, minimum).expect(why);
            let shown = explained.sentence.unwrap_or_default();
            assert!(shown.contains(sentence), "{why}: {shown}");
            assert_eq!(shown.is_empty(), sentence.is_empty(), "{why}: {shown}");
            assert!(explained.hint.contains(key), "{why}: {}", explained.hint);
        }
        assert_eq!(explain("bad signature", Version::Tls12), None);
    }
}
