use crate::dial::auth::{Auth, LoginOffer, MechanismFault, NextStep, Visibility};
use crate::pop3::{Capabilities, Mechanism};

fn choose(auth: Auth, sasl: &str, visibility: Visibility, can_bind: bool) -> Option<Mechanism> {
    let mut capabilities = Capabilities::announced();
    capabilities.add(format!("SASL {sasl}").as_bytes());
    let offer = LoginOffer {
        capabilities: &capabilities,
        visibility,
        can_bind,
        before: None,
        is_known: false,
    };
    offer.choose(auth).ok().flatten()
}

#[test]
fn auto_takes_the_best_offer_that_listeners_cannot_read() {
    use Mechanism::*;
    use Visibility::{Encrypted, Public, ThisMachine};
    const ALL: &str = "LOGIN PLAIN CRAM-MD5 DIGEST-MD5 XOAUTH2 SCRAM-SHA-1 SCRAM-SHA-256 \
                       SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS EXTERNAL";
    for (sasl, visibility, can_bind, chosen) in [
        (ALL, Encrypted, true, Some(ScramSha256Plus)),
        (ALL, Encrypted, false, Some(ScramSha256)),
        (
            "SCRAM-SHA-1-PLUS SCRAM-SHA-256",
            Encrypted,
            true,
            Some(ScramSha1Plus),
        ),
        ("PLAIN SCRAM-SHA-1", Encrypted, true, Some(ScramSha1)),
        ("CRAM-MD5 PLAIN", Encrypted, true, Some(Plain)),
        ("CRAM-MD5 DIGEST-MD5 LOGIN", Encrypted, true, Some(User)),
        ("", Encrypted, false, Some(User)),
        (ALL, ThisMachine, false, Some(ScramSha256)),
        ("CRAM-MD5 PLAIN", ThisMachine, false, Some(CramMd5)),
        ("LOGIN PLAIN", ThisMachine, false, Some(Plain)),
        ("LOGIN", ThisMachine, false, Some(User)),
        ("PLAIN SCRAM-SHA-1 CRAM-MD5", Public, false, Some(ScramSha1)),
        ("PLAIN CRAM-MD5", Public, false, Some(CramMd5)),
        ("PLAIN LOGIN DIGEST-MD5", Public, false, None),
        ("", Public, false, None),
    ] {
        let found = choose(Auth::Auto, sasl, visibility, can_bind);
        assert_eq!(found, chosen, "{sasl} {visibility:?}");
    }
}

#[test]
fn auto_never_shows_more_than_the_last_login() {
    use Mechanism::*;
    use Visibility::{Encrypted, ThisMachine};
    for (before, sasl, visibility, is_taken) in [
        (ScramSha256Plus, "SCRAM-SHA-256 PLAIN", Encrypted, false),
        (ScramSha256, "SCRAM-SHA-1 PLAIN", Encrypted, true),
        (ScramSha1, "PLAIN", Encrypted, false),
        (ScramSha1, "", Encrypted, false),
        (ScramSha1, "CRAM-MD5", ThisMachine, false),
        (CramMd5, "PLAIN", ThisMachine, false),
        (CramMd5, "PLAIN", Encrypted, true),
        (Plain, "", Encrypted, true),
        (XOAuth2, "PLAIN", Encrypted, true),
        (External, "PLAIN", Encrypted, true),
    ] {
        let mut capabilities = Capabilities::announced();
        capabilities.add(format!("SASL {sasl}").as_bytes());
        let offer = LoginOffer {
            capabilities: &capabilities,
            visibility,
            can_bind: true,
            before: Some(before),
            is_known: false,
        };
        let chosen = offer.choose(Auth::Auto);
        assert_eq!(chosen.is_ok(), is_taken, "{before} {sasl}");
        let named = offer.choose(Auth::Named(User));
        assert_eq!(named, Ok(Some(User)));
    }
}

#[test]
fn a_named_mechanism_is_used_only_if_offered() {
    use Mechanism::*;
    use Visibility::Encrypted;
    for (named, sasl, can_bind, chosen) in [
        (Login, "LOGIN PLAIN SCRAM-SHA-256", true, Some(Login)),
        (Login, "PLAIN", true, None),
        (Apop, "PLAIN", true, Some(Apop)),
        (User, "PLAIN", true, Some(User)),
        (
            ScramSha1,
            "SCRAM-SHA-1 SCRAM-SHA-256",
            true,
            Some(ScramSha1),
        ),
        (
            ScramSha1,
            "SCRAM-SHA-1 SCRAM-SHA-1-PLUS",
            true,
            Some(ScramSha1Plus),
        ),
        (
            ScramSha1,
            "SCRAM-SHA-1 SCRAM-SHA-1-PLUS",
            false,
            Some(ScramSha1),
        ),
    ] {
        let found = choose(Auth::Named(named), sasl, Encrypted, can_bind);
        assert_eq!(found, chosen, "{named} of {sasl}");
    }
    let unknown = Capabilities::default();
    let offer = LoginOffer {
        capabilities: &unknown,
        visibility: Encrypted,
        can_bind: false,
        before: None,
        is_known: false,
    };
    assert_eq!(offer.choose(Auth::Named(CramMd5)), Ok(Some(CramMd5)));
}

#[test]
fn a_token_prefers_the_standard_mechanism() {
    use Visibility::Encrypted;
    for (sasl, chosen) in [
        ("XOAUTH2 PLAIN OAUTHBEARER", Some(Mechanism::OAuthBearer)),
        ("PLAIN XOAUTH2", Some(Mechanism::XOAuth2)),
        ("PLAIN", None),
    ] {
        assert_eq!(choose(Auth::Token, sasl, Encrypted, false), chosen);
    }
    let shown = choose(Auth::Token, "XOAUTH2", Visibility::Public, false);
    assert_eq!(shown, None);
}

#[test]
fn some_logins_need_no_secret() {
    assert!(!Auth::NotNeeded.needs_secret());
    assert!(!Auth::Named(Mechanism::External).needs_secret());
    assert!(Auth::Auto.needs_secret() && Auth::Token.needs_secret());
}

#[test]
fn a_better_mechanism_that_did_not_work_is_not_tried_again() {
    use Mechanism::*;
    use Visibility::{Encrypted, ThisMachine};
    for (auth, before, sasl, visibility, chosen) in [
        (Auth::Auto, User, "PLAIN", Encrypted, User),
        (
            Auth::Auto,
            ScramSha1,
            "SCRAM-SHA-256 SCRAM-SHA-1",
            Encrypted,
            ScramSha1,
        ),
        (
            Auth::Token,
            XOAuth2,
            "XOAUTH2 OAUTHBEARER",
            Encrypted,
            XOAuth2,
        ),
        // A stronger one is.
        (Auth::Auto, User, "PLAIN SCRAM-SHA-1", Encrypted, ScramSha1),
        (Auth::Auto, Plain, "PLAIN CRAM-MD5", ThisMachine, CramMd5),
        (Auth::Auto, External, "PLAIN", Encrypted, Plain),
    ] {
        let mut capabilities = Capabilities::announced();
        capabilities.add(format!("SASL {sasl}").as_bytes());
        let offer = LoginOffer {
            capabilities: &capabilities,
            visibility,
            can_bind: false,
            before: Some(before),
            is_known: true,
        };
        assert_eq!(offer.choose(auth), Ok(Some(chosen)), "{before} {sasl}");
    }
}

#[test]
fn the_next_step_never_shows_more_by_itself() {
    use Mechanism::*;
    use MechanismFault::{Answers, Auth as NoAuth, Itself};
    use Visibility::{Encrypted, Public, ThisMachine};
    for (failed, fault, sasl, visibility, next) in [
        (Plain, NoAuth, "PLAIN", Encrypted, NextStep::Try(User)),
        (Plain, Itself, "PLAIN", Encrypted, NextStep::Try(User)),
        (
            ScramSha256,
            Itself,
            "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN",
            Encrypted,
            NextStep::Try(ScramSha1),
        ),
        (
            ScramSha1,
            Itself,
            "SCRAM-SHA-1 PLAIN",
            Encrypted,
            NextStep::Allow(Plain),
        ),
        (
            ScramSha1,
            NoAuth,
            "SCRAM-SHA-1 PLAIN",
            Encrypted,
            NextStep::Allow(User),
        ),
        (
            CramMd5,
            Itself,
            "CRAM-MD5 PLAIN",
            ThisMachine,
            NextStep::Allow(Plain),
        ),
        (CramMd5, Itself, "CRAM-MD5 PLAIN", Public, NextStep::None),
        (
            ScramSha256,
            Answers,
            "SCRAM-SHA-256 SCRAM-SHA-1",
            Encrypted,
            NextStep::Allow(ScramSha1),
        ),
        (User, Itself, "", Encrypted, NextStep::None),
    ] {
        let mut capabilities = Capabilities::announced();
        capabilities.add(format!("SASL {sasl}").as_bytes());
        let offer = LoginOffer {
            capabilities: &capabilities,
            visibility,
            can_bind: false,
            before: None,
            is_known: false,
        };
        assert_eq!(
            offer.after(&[failed], fault, Auth::Auto),
            next,
            "{failed} {sasl}"
        );
        let named = offer.after(&[failed], fault, Auth::Named(failed));
        assert!(
            !matches!(named, NextStep::Try(_)),
            "{failed} was chosen by the user"
        );
    }
}
