use crate::exit::Exit;
use crate::limits;
use crate::moment::Moment;
use crate::pop3::Error;
use crate::pop3::authorization::Authorization;
use crate::pop3::capabilities::Capabilities;
use crate::pop3::server_profile::{CapaUse, Channel, ServerProfile};
use crate::pop3::session_hints::{Pipelining, SessionHints, Sizes};
use crate::pop3::tests::script::ScriptedServer;
use crate::pop3::tests::{TraceLines, credentials, secret};
use crate::pop3::transaction::Transaction;
use crate::sasl::Mechanism;

type Login = Result<Transaction<ScriptedServer>, Error>;

/// Greets, asks for the capabilities if the hints allow it, and logs joe in.
fn log_in(hints: &SessionHints, mechanism: Mechanism, password: &str, script: &str) -> Login {
    let mut session = Authorization::open(ScriptedServer::new(script), hints, None)?;
    session.capabilities()?;
    session.login(mechanism, &credentials("joe", &secret(password)))
}

fn refusal_of(login: Login) -> String {
    let error = login.err().expect("the login is refused");
    let refusal = error.refusal().expect("the server refused");
    refusal.text.to_string()
}

/// Hints of a run that found a server that announces these capabilities.
fn remembered(before_login: &str, after_login: &str) -> SessionHints {
    let read = |lines: &str| {
        let mut capabilities = Capabilities::announced();
        lines
            .lines()
            .for_each(|line| capabilities.add(line.as_bytes()));
        capabilities
    };
    SessionHints {
        profile: Some(ServerProfile {
            before_login: read(before_login),
            after_login: read(after_login),
            channel: Channel::Encrypted,
            when: Moment(0),
            capa: CapaUse::Always,
        }),
        ..SessionHints::default()
    }
}

const NO_CAPA: &str = "S: +OK <1.2@h> ready\nC: CAPA\nS: -ERR\n";

#[test]
fn only_a_positive_greeting_opens_a_session() {
    for (greeting, is_refused, exit) in [
        ("S: -ERR go away", true, Exit::Protocol),
        ("S: -ERR [SYS/PERM] go away", true, Exit::Protocol),
        ("S: -ERR [SYS/TEMP] come later", true, Exit::Temporary),
        ("S: -ERR [IN-USE] somebody is here", true, Exit::Temporary),
        ("S: -ERR too many connections", true, Exit::Temporary),
        ("S: + ", false, Exit::Protocol),
        ("S: * OK IMAP4 ready", false, Exit::Protocol),
        ("S: 220 ESMTP", false, Exit::Protocol),
        ("S:", false, Exit::Protocol),
        ("S> +OK", false, Exit::Temporary),
    ] {
        let server = ScriptedServer::new(greeting);
        let opened = Authorization::open(server, &SessionHints::default(), None);
        let error = opened.err().expect(greeting);
        assert_eq!(error.refusal().is_some(), is_refused, "{error}");
        assert_eq!(error.exit(), exit, "{error}");
    }
}

#[test]
fn a_server_without_capa_logs_in_step_by_step() {
    let script =
        NO_CAPA.to_owned() + "C: USER joe\nS: +OK\nC: PASS letmein\nS: +OK\nC: CAPA\nS: +OK\nS: .";
    let session = log_in(
        &SessionHints::default(),
        Mechanism::User,
        "letmein",
        &script,
    );
    let session = session.expect("joe is logged in");
    assert_eq!(session.login(), Some(Mechanism::User));
    assert!(!session.profile().announces_pipelining());
}

#[test]
fn a_password_is_not_sent_after_its_user_was_refused() {
    let script = NO_CAPA.to_owned() + "C: USER joe\nS: -ERR no such user";
    let login = log_in(
        &SessionHints::default(),
        Mechanism::User,
        "letmein",
        &script,
    );
    assert_eq!(refusal_of(login), "no such user");
}

#[test]
fn capabilities_are_asked_for_again_after_the_login() {
    // Gmail announces PIPELINING and UIDL only then.
    let script = "S: +OK\nC: CAPA\nS: +OK\nS: USER\nS: .\nC: USER joe\nS: +OK\nC: PASS letmein\nS: +OK\nC: CAPA\n\
                  S: +OK\nS: PIPELINING\nS: UIDL\nS: .\nC: UIDL\nC: LIST\nS: +OK\nS: .\nS: +OK\nS: .";
    let login = log_in(&SessionHints::default(), Mechanism::User, "letmein", script);
    let mut session = login.expect("joe is logged in");
    assert!(session.profile().announces_uidl());
    let announced: Vec<_> = session
        .announced()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(announced, ["PIPELINING", "UIDL"]);
    session
        .list(Sizes::Each)
        .expect("both are asked for at once");
}

#[test]
fn a_pipelining_server_gets_login_and_listing_in_one_flight() {
    let script = "S: +OK\nC: CAPA\nS: +OK\nS: PIPELINING\nS: .\nC: USER joe\nC: PASS letmein\nC: CAPA\nC: UIDL\nC: LIST\n\
                  S: +OK\nS: +OK\nS: +OK\nS: PIPELINING\nS: .\nS: +OK\nS: 1 a\nS: .\nS: +OK\nS: 1 10\nS: .";
    let login = log_in(&SessionHints::default(), Mechanism::User, "letmein", script);
    let mut session = login.expect("joe is logged in");
    let listing = session
        .list(Sizes::Each)
        .expect("the listing was asked for");
    assert_eq!(listing.len(), 1);
}

#[test]
fn a_refused_flight_is_read_to_its_end() {
    let script = "S: +OK\nC: CAPA\nS: +OK\nS: PIPELINING\nS: .\nC: USER joe\nC: PASS letmein\nC: CAPA\nC: UIDL\nC: LIST\n\
                  S: +OK\nS: -ERR wrong password\nS: +OK\nS: PIPELINING\nS: .\nS: -ERR\nS: -ERR";
    let login = log_in(&SessionHints::default(), Mechanism::User, "letmein", script);
    assert_eq!(refusal_of(login), "wrong password");

    // A server that lists without a login has lost its step.
    let script = script.replace("S: -ERR\nS: -ERR", "S: +OK\nS: 1 a");
    let login = log_in(
        &SessionHints::default(),
        Mechanism::User,
        "letmein",
        &script,
    );
    assert!(matches!(login.err(), Some(Error::OutOfStep(_))));
}

#[test]
fn a_known_server_is_not_asked_for_capabilities() {
    let hints = remembered("PIPELINING", "PIPELINING\nUIDL");
    let script = "S: +OK\nC: USER joe\nC: PASS letmein\nC: UIDL\nC: LIST\nS: +OK\nS: +OK\nS: +OK\nS: .\nS: +OK\nS: .";
    let login = log_in(&hints, Mechanism::User, "letmein", script);
    let mut session = login.expect("joe is logged in");
    session
        .list(Sizes::Each)
        .expect("the listing was asked for");
    assert_eq!(Some(session.profile()), hints.profile.as_ref());
}

#[test]
fn the_sum_of_sizes_is_asked_for_with_the_login() {
    let hints = SessionHints {
        sizes: Sizes::Total,
        ..remembered("PIPELINING", "PIPELINING")
    };
    let script = "S: +OK\nC: USER joe\nC: PASS letmein\nC: UIDL\nC: STAT\nS: +OK\nS: +OK\nS: +OK\nS: .\nS: +OK 0 0";
    let login = log_in(&hints, Mechanism::User, "letmein", script);
    let mut session = login.expect("joe is logged in");
    session
        .list(Sizes::Total)
        .expect("the listing was asked for");
}

#[test]
fn a_known_server_without_capa_is_not_asked_after_the_login_either() {
    let hints = SessionHints {
        profile: Some(ServerProfile::without_capa(Channel::Encrypted, Moment(7))),
        ..SessionHints::default()
    };
    let script = "S: +OK\nC: USER joe\nS: +OK\nC: PASS letmein\nS: +OK";
    let login = log_in(&hints, Mechanism::User, "letmein", script);
    let session = login.expect("joe is logged in");
    assert_eq!(Some(session.profile()), hints.profile.as_ref());
}

#[test]
fn a_refusal_is_checked_against_what_is_remembered() {
    let hints = remembered("PIPELINING", "PIPELINING");
    let flight = "S: +OK\nC: USER joe\nC: PASS letmein\nC: UIDL\nC: LIST\nS: -ERR\nS: -ERR\nS: -ERR\nS: -ERR\nC: CAPA\n";
    for (answer, has_changed) in [
        ("S: +OK\nS: PIPELINING\nS: .", false),
        ("S: +OK\nS: SASL PLAIN\nS: .", true),
        ("S: -ERR", true),
    ] {
        let script = flight.to_owned() + answer;
        let error = log_in(&hints, Mechanism::User, "letmein", &script).err();
        let error = error.expect("the login is refused");
        assert_eq!(matches!(error, Error::Changed), has_changed, "{error}");
    }
}

#[test]
fn a_refusal_with_the_auth_code_is_not_checked() {
    let hints = remembered("PIPELINING", "PIPELINING");
    let script = "S: +OK\nC: USER joe\nC: PASS letmein\nC: UIDL\nC: LIST\nS: +OK\nS: -ERR [AUTH] no\nS: -ERR\nS: -ERR";
    let login = log_in(&hints, Mechanism::User, "letmein", script);
    assert_eq!(refusal_of(login), "[AUTH] no");
}

#[test]
fn a_server_that_hangs_up_after_a_refusal_has_refused() {
    let hints = remembered("PIPELINING", "PIPELINING");
    let script = "S: +OK\nC: USER joe\nC: PASS letmein\nC: UIDL\nC: LIST\nS: +OK\nS: -ERR go away";
    let login = log_in(&hints, Mechanism::User, "letmein", script);
    assert_eq!(refusal_of(login), "go away");
}

#[test]
fn apop_sends_a_digest_of_the_timestamp() {
    // The example of RFC 1939 section 7.
    let script = "S: +OK <1896.697170952@dbc.mtview.ca.us>\nC: CAPA\nS: -ERR\n\
                  C: APOP joe c4c9334bac560ecc979e58001b3e22fb\nS: +OK\nC: CAPA\nS: -ERR";
    let login = log_in(
        &SessionHints::default(),
        Mechanism::Apop,
        "tanstaaf",
        script,
    );
    login.expect("joe is logged in");
}

#[test]
fn apop_without_a_timestamp_sends_nothing() {
    let script = "S: +OK <not a msg-id>\nC: CAPA\nS: -ERR";
    let login = log_in(&SessionHints::default(), Mechanism::Apop, "letmein", script);
    assert!(matches!(login.err(), Some(Error::Lacks(_))));
}

#[test]
fn stls_forgets_everything_said_before() {
    let script = "S: +OK <1.2@h>\nC: CAPA\nS: +OK\nS: PIPELINING\nS: .\nC: STLS\nS: +OK";
    let hints = SessionHints::default();
    let server = ScriptedServer::new(script);
    let mut session = Authorization::open(server, &hints, None).expect("the server greets");
    assert!(session.capabilities().expect("answered").pipelining);
    session.stls().expect("TLS may begin");

    let inside = ScriptedServer::new("C: CAPA\nS: -ERR");
    let mut session = Authorization::resume(inside, &hints, None);
    assert!(session.greeting().is_none() && session.announced().is_empty());
    assert!(!session.capabilities().expect("answered").pipelining);
    let login = session.login(Mechanism::Apop, &credentials("joe", &secret("letmein")));
    assert!(matches!(login.err(), Some(Error::Lacks(_))));
}

#[test]
fn octets_after_the_answer_to_stls_are_an_injection() {
    for (answer, is_injected) in [
        ("S: +OK\nS: +OK injected", true),
        ("S> +OK\\r\\n.", true),
        ("S: -ERR no TLS here", false),
        ("S: + ", false),
        ("", false),
    ] {
        let server = ScriptedServer::new(&format!("S: +OK\nC: STLS\n{answer}"));
        let session = Authorization::open(server, &SessionHints::default(), None);
        let error = session.expect("the server greets").stls().err();
        let error = error.expect("TLS does not begin");
        assert_eq!(matches!(error, Error::Injected), is_injected, "{error}");
    }
}

#[test]
fn utf8_is_enabled_only_for_names_that_need_it() {
    let capa = "S: +OK\nC: CAPA\nS: +OK\nS: UTF8 USER\nS: .\n";
    let login = "C: USER joe\nS: +OK\nC: PASS letmein\nS: +OK\nC: CAPA\nS: +OK\nS: .";
    let hints = SessionHints::default();
    log_in(
        &hints,
        Mechanism::User,
        "letmein",
        &(capa.to_owned() + login),
    )
    .expect("logged in");

    for answer in ["S: +OK", "S: -ERR"] {
        let login = login.replace("letmein", "pä");
        let script = format!("{capa}C: UTF8\n{answer}\n{login}");
        log_in(&hints, Mechanism::User, "pä", &script).expect("logged in");
    }
}

#[test]
fn a_login_that_is_not_needed_sends_none() {
    let script =
        "S: +OK\nC: CAPA\nS: +OK\nS: PIPELINING\nS: .\nC: CAPA\nC: UIDL\nC: LIST\nS: +OK\nS: .";
    let server = ScriptedServer::new(script);
    let mut session = Authorization::open(server, &SessionHints::default(), None).expect("greets");
    session.capabilities().expect("answered");
    let session = session.skip_login().expect("the session is open");
    assert_eq!(session.login(), None);
}

#[test]
fn pipelining_after_the_login_only_is_respected() {
    let hints = SessionHints {
        pipelining: Pipelining::AfterLogin,
        ..SessionHints::default()
    };
    let script = "S: +OK\nC: CAPA\nS: +OK\nS: PIPELINING\nS: .\nC: USER joe\nS: +OK\nC: PASS letmein\nS: +OK\nC: CAPA\n\
                  S: +OK\nS: PIPELINING\nS: .\nC: UIDL\nC: LIST\nS: +OK\nS: .\nS: +OK\nS: .";
    let login = log_in(&hints, Mechanism::User, "letmein", script);
    let mut session = login.expect("joe is logged in");
    session
        .list(Sizes::Each)
        .expect("both are asked for at once");
}

#[test]
fn endless_capabilities_are_cut() {
    let lines = "S: X\n".repeat(limits::CAPABILITY_LINES + 1);
    let server = ScriptedServer::new(&format!("S: +OK\nC: CAPA\nS: +OK\n{lines}S: ."));
    let mut session = Authorization::open(server, &SessionHints::default(), None).expect("greets");
    assert!(matches!(session.capabilities(), Err(Error::TooLong(_))));
}

#[test]
fn the_trace_of_a_login_has_no_secret() {
    let trace = TraceLines::default();
    let script = NO_CAPA.to_owned() + "C: USER joe\nS: +OK\nC: PASS hunter2\nS: -ERR hunter2?";
    let server = ScriptedServer::new(&script);
    let hints = SessionHints::default();
    let mut session = Authorization::open(server, &hints, Some(trace.trace())).expect("greets");
    session.capabilities().expect("answered");
    let login = session.login(Mechanism::User, &credentials("joe", &secret("hunter2")));
    assert_eq!(refusal_of(login), "(hidden)?");
    assert!(!trace.text().contains("hunter2"), "{}", trace.text());
}
