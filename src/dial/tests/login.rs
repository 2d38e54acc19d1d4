use std::cell::RefCell;
use std::io::{Read, Write};
use std::time::Duration;

use crate::dial::login::{GreetedSession, LoginAttempts};
use crate::dial::{Auth, DialOptions, DialStep, Error, Security};
use crate::limits;
use crate::moment::Moment;
use crate::net::{ConnectOptions, Endpoint, Route, tls::TlsOptions};
use crate::pace::Paced;
use crate::pop3::tests::script::ScriptedServer;
use crate::pop3::tests::secret;
use crate::pop3::{
    self, Authorization, CapaUse, Mechanism, Pipelining, ServerProfile, SessionHints, Transaction,
};

fn options(security: Security, auth: Auth) -> DialOptions {
    DialOptions {
        net: ConnectOptions {
            endpoint: Endpoint::Tcp {
                host: "pop.example.com".to_owned(),
                port: 995,
            },
            connect_timeout: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            route: Route::Direct(None),
        },
        security,
        allows_cleartext: false,
        tls: TlsOptions::default(),
        user: "joe".to_owned(),
        auth,
    }
}

/// Logs in to a server that plays one script for each connection, and panics if one is left
/// over.
fn log_in(
    options: &DialOptions,
    hints: &SessionHints,
    scripts: &[&str],
) -> Result<Transaction<ScriptedServer>, Error> {
    let left = RefCell::new(scripts.iter());
    let login = LoginAttempts {
        options,
        secret: &secret("pw"),
        watcher: &|_| {},
        open: |hints: &SessionHints| {
            let script = left.borrow_mut().next().expect("no more connections");
            let server = ScriptedServer::new(script);
            let session = Authorization::open(server, hints, None);
            Ok(GreetedSession {
                session: session.map_err(|source| login_error(options, source))?,
                end_point: Some(b"end point".to_vec()),
            })
        },
    };
    let ended = login.log_in(hints);
    assert_eq!(left.borrow().len(), 0, "a connection was never made");
    ended
}

fn login_error(options: &DialOptions, source: pop3::Error) -> Error {
    Error::in_session(&options.net.endpoint, source)
}

fn tls() -> DialOptions {
    options(Security::Tls, Auth::Auto)
}

/// Hints of a run over TLS that ended just now.
fn remembered(before_login: &str, after_login: &str) -> SessionHints {
    let now = Moment::now().0;
    let profile = format!("{before_login}\n{after_login}\ntls {now}");
    SessionHints {
        profile: ServerProfile::parse(&profile),
        ..SessionHints::default()
    }
}

const STEP_BY_STEP: &str = "S: +OK\nC: CAPA\nS: +OK\nS: PIPELINING\nS: .\nC: USER joe\nS: +OK\nC: PASS pw\n\
                            S: +OK\nC: CAPA\nS: +OK\nS: .";
const FLIGHT: &str = "S: +OK\nC: USER joe\nC: PASS pw\nC: UIDL\nC: LIST\n";

#[test]
fn a_wrong_profile_leads_to_one_attempt_without_it() {
    let hints = remembered("PIPELINING", "PIPELINING");
    for (first, is_rejected, is_hung_up) in [
        // It hangs up, which may have other reasons.
        (FLIGHT.to_owned(), false, true),
        (format!("{FLIGHT}fail reset"), false, true),
        (format!("{FLIGHT}S: what?"), true, false),
        (format!("{FLIGHT}fail timed out"), true, false),
    ] {
        let hints = SessionHints {
            pipelining_log: pop3::PipeliningLog::default(),
            ..hints.clone()
        };
        let session = log_in(&tls(), &hints, &[&first, STEP_BY_STEP]);
        session.expect("the second attempt works");
        assert_eq!(hints.pipelining_log.was_rejected(), is_rejected, "{first}");
        assert_eq!(hints.pipelining_log.was_hung_up(), is_hung_up, "{first}");
    }
}

#[test]
fn a_second_attempt_is_the_last_one() {
    let hints = remembered("PIPELINING", "PIPELINING");
    let second = "S: +OK\nC: CAPA\nS: +OK\nS: .\nC: USER joe";
    let ended = log_in(&tls(), &hints, &[FLIGHT, second]);
    assert!(matches!(ended, Err(Error::Login { .. })));
}

#[test]
fn a_refused_password_is_not_sent_twice() {
    let hints = remembered("PIPELINING", "PIPELINING");
    let refused = format!("{FLIGHT}S: +OK\nS: -ERR [AUTH] no\nS: -ERR\nS: -ERR");
    let ended = log_in(&tls(), &hints, &[&refused]);
    assert!(matches!(ended, Err(Error::Login { .. })));
}

/// A session without CAPA.
const WITHOUT_CAPA: &str = "S: +OK\nC: USER joe\nS: +OK\nC: PASS pw\nS: +OK";

#[test]
fn a_session_that_breaks_at_capa_is_repeated_without_it() {
    for first in [
        "S: +OK\nC: CAPA",
        "S: +OK\nC: CAPA\nfail reset",
        "S: +OK\nC: CAPA\nfail timed out",
        "S: +OK\nC: CAPA\nS: +OK\nfail timed out",
        "S: +OK\nC: CAPA\nS: 502 what?\nfail timed out",
        "S: +OK\nC: CAPA\nS: -ERR\nC: USER joe",
    ] {
        let session = log_in(&tls(), &SessionHints::default(), &[first, WITHOUT_CAPA]);
        let session = session.expect(first);
        assert_eq!(session.profile().capa, CapaUse::Never);

        // That is remembered.
        let hints = SessionHints {
            profile: ServerProfile::parse(&session.profile().to_stored()),
            login: session.login(),
            ..SessionHints::default()
        };
        log_in(&tls(), &hints, &[WITHOUT_CAPA]).expect(first);
    }
}

#[test]
fn a_session_that_breaks_at_the_second_capa_is_repeated_without_that() {
    const BEFORE: &str =
        "S: +OK\nC: CAPA\nS: +OK\nS: UIDL\nS: .\nC: USER joe\nS: +OK\nC: PASS pw\nS: +OK";
    for broken in [
        "C: CAPA",
        "C: CAPA\nfail timed out",
        "C: CAPA\nS: -ERR\nC: NOOP",
        "C: CAPA\nS: +OK\nfail timed out",
        "C: CAPA\nS: what?",
    ] {
        let first = format!("{BEFORE}\n{broken}");
        let session = log_in(&tls(), &SessionHints::default(), &[&first, BEFORE]);
        let session = session.expect(broken);
        assert_eq!(session.profile().capa, CapaUse::BeforeLogin);
        assert!(session.announces_uidl());

        // That is remembered for a day from then on, and not from the last session on.
        let hints = SessionHints {
            profile: ServerProfile::parse(&session.profile().to_stored()),
            login: session.login(),
            ..SessionHints::default()
        };
        let again = log_in(&tls(), &hints, &[BEFORE]).expect(broken);
        assert_eq!(again.profile(), session.profile());
    }
}

#[test]
fn a_cut_capa_never_replaces_sasl_by_user() {
    let hints = SessionHints {
        login: Some(Mechanism::ScramSha256),
        ..SessionHints::default()
    };
    for first in ["S: +OK\nC: CAPA", "S: +OK\nC: CAPA\nfail timed out"] {
        let ended = log_in(&tls(), &hints, &[first]);
        assert!(matches!(ended, Err(Error::Session { .. })));
    }
}

#[test]
fn a_profile_that_is_old_or_from_cleartext_is_not_used() {
    let old = Moment::now().before(limits::SERVER_PROFILE_AGE).0;
    for carried in [format!("tls {old}"), format!("clear {}", Moment::now().0)] {
        let profile = format!("PIPELINING\nPIPELINING\n{carried}");
        let hints = SessionHints {
            profile: ServerProfile::parse(&profile),
            pipelining: Pipelining::AfterLogin,
            ..SessionHints::default()
        };
        log_in(&tls(), &hints, &[STEP_BY_STEP]).expect("joe is logged in");
    }
}

#[test]
fn a_bound_login_that_is_not_understood_is_repeated_unbound() {
    let capa = "S: +OK\nC: CAPA\nS: +OK\nS: SASL SCRAM-SHA-256 SCRAM-SHA-256-PLUS\nS: .\n";
    let attempts = RefCell::new(Vec::new());
    let hints = SessionHints::default();
    let login = LoginAttempts {
        options: &tls(),
        secret: &secret("pw"),
        watcher: &|step| {
            if let DialStep::Chosen(mechanism) = step {
                attempts.borrow_mut().push(mechanism);
            }
        },
        open: |hints: &SessionHints| {
            let session = Authorization::open(RefusingServer::new(capa), hints, None);
            Ok(GreetedSession {
                session: session.map_err(|source| login_error(&tls(), source))?,
                end_point: Some(b"end point".to_vec()),
            })
        },
    };
    assert!(login.log_in(&hints).is_err());
    let both = [Mechanism::ScramSha256Plus, Mechanism::ScramSha256];
    assert_eq!(attempts.take(), both.map(Some));

    // After a bound login only the user can allow an unbound one.
    let hints = SessionHints {
        login: Some(Mechanism::ScramSha256Plus),
        ..hints
    };
    let error = login.log_in(&hints).err().expect("the login is refused");
    assert!(error.is_unbound(), "{error}");
    assert_eq!(attempts.take(), [Some(Mechanism::ScramSha256Plus)]);
}

const OFFERS_PLAIN: &str = "S: +OK\nC: CAPA\nS: +OK\nS: SASL PLAIN\nS: .\n";
const PLAIN: &str = "C: AUTH PLAIN AGpvZQBwdw==\n";

#[test]
fn a_server_without_auth_gets_user_and_pass() {
    let by_user = "C: USER joe\nS: +OK\nC: PASS pw\nS: +OK\nC: CAPA\nS: +OK\nS: .";
    // Without its initial response, too.
    let refused = format!("{PLAIN}S: -ERR unknown command\nC: AUTH PLAIN\nS: -ERR unknown command");
    let scripts = [
        &*format!("{OFFERS_PLAIN}{refused}"),
        &format!("{OFFERS_PLAIN}{by_user}"),
    ];
    let session = log_in(&tls(), &SessionHints::default(), &scripts);
    let session = session.expect("the second attempt works");
    assert_eq!(session.login(), Some(Mechanism::User));

    // A run that remembers it does so at once.
    let hints = SessionHints {
        login: Some(Mechanism::User),
        ..remembered("SASL PLAIN", "")
    };
    log_in(&tls(), &hints, &[&format!("{OFFERS_PLAIN}{by_user}")]).expect("joe is logged in");
}

#[test]
fn a_mechanism_of_the_user_is_not_replaced_but_another_is_named() {
    let named = options(Security::Tls, Auth::Named(Mechanism::Plain));
    let refused = format!("{PLAIN}S: -ERR not implemented\nC: AUTH PLAIN\nS: -ERR not implemented");
    let script = format!("{OFFERS_PLAIN}{refused}");
    let error = log_in(&named, &SessionHints::default(), &[&script]);
    let hint = error.err().and_then(|error| error.hint());
    let hint = hint.expect("there is a hint");
    assert!(hint.ends_with("set auth = \"user\""), "{hint}");
}

#[test]
fn nothing_is_sent_where_only_cleartext_is_left() {
    let cleartext = options(Security::None, Auth::Auto);
    let scripts = ["S: +OK\nC: CAPA\nS: +OK\nS: SASL PLAIN\nS: ."];
    let ended = log_in(&cleartext, &SessionHints::default(), &scripts);
    assert!(matches!(ended, Err(Error::NoMechanism { .. })));
}

#[test]
fn an_open_session_that_fails_is_not_repeated() {
    for script in ["S: -ERR go away", "fail timed out", ""] {
        let ended = log_in(&tls(), &SessionHints::default(), &[script]);
        assert!(matches!(ended, Err(Error::Session { .. })), "{script}");
    }
}

/// A server that greets, announces, and refuses everything else. The nonces of SCRAM differ, so
/// its login cannot be in a script.
struct RefusingServer(ScriptedServer, usize);

impl RefusingServer {
    fn new(capa: &str) -> Self {
        Self(ScriptedServer::new(capa), 0)
    }
}

impl Paced for RefusingServer {}

impl Read for RefusingServer {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(buffer)? {
            0 => (&b"-ERR\r\n"[..]).read(buffer),
            octets => Ok(octets),
        }
    }
}

impl Write for RefusingServer {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.1 += 1;
        if self.1 == 1 {
            self.0.write(octets)
        } else {
            Ok(octets.len())
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
