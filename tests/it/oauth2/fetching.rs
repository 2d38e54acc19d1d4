//! Fetching after a sign-in: Dovecot accepts the tokens, which are renewed before they expire and
//! when one is refused, until the provider grants no more. For the sign-in itself see `signing_in`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::support::dovecot::Dovecot;
use crate::support::mail::ordinary;
use crate::support::oauth2::{OidcProvider, kept, kept_file};
use crate::support::sandbox::Sandbox;
use crate::support::tools;

/// A mailbox with three messages whose server accepts the tokens of a provider.
struct FetchSetup {
    provider: OidcProvider,
    dovecot: Dovecot,
    sandbox: Sandbox,
}

impl FetchSetup {
    /// Makes a setup in which the user has signed in.
    fn new() -> Option<Self> {
        let setup = Self::before_sign_in()?;
        setup.sign_in();
        Some(setup)
    }

    fn before_sign_in() -> Option<Self> {
        let provider = OidcProvider::start()?;
        let introspection = format!(
            "introspection_url = {}\nintrospection_mode = post\nusername_attribute = sub\n\
             active_attribute = active\nactive_value = true\n",
            provider.at("/token/introspection", "dovecot:dovecot")
        );
        let dovecot = Dovecot::start_with(|dovecot| dovecot.tokens(&introspection))?;
        dovecot.deliver(&ordinary(1, 3));
        let sandbox = Sandbox::with_work(dovecot.address(), &provider.keys());
        Some(Self {
            provider,
            dovecot,
            sandbox,
        })
    }

    fn sign_in(&self) {
        let login = self.sandbox.mailpull(["login", "--device", "work"]).start();
        let line = login.prints("or open ");
        let address = line.trim_start_matches("or open ");
        self.provider.agree(address, "joe").stdout_has("Success");
        login.wait().succeeds();
    }

    /// Returns a stored token.
    fn token(&self, name: &str) -> String {
        let kept = kept(&self.sandbox.state());
        kept[name].as_str().expect("a token is text").to_owned()
    }
}

#[test]
fn both_token_mechanisms_fetch_without_showing_a_token() {
    let Some(setup) = FetchSetup::new() else {
        return;
    };
    let token = setup.token("access_token");
    for (flags, command) in [
        (&[][..], "C: AUTH OAUTHBEARER"),
        (&["-o", "auth=xoauth2"], "C: AUTH XOAUTH2"),
    ] {
        let arguments = [&["fetch", "-vv"][..], flags].concat();
        let outcome = setup.sandbox.mailpull(arguments).run();
        outcome
            .succeeds()
            .stderr_has(command)
            .never_says(&token)
            .never_says(&setup.token("refresh_token"));
    }
    setup.sandbox.work().holds(&ordinary(1, 3));
    assert_eq!(setup.token("access_token"), token);
}

#[test]
fn an_expiring_token_is_renewed_before_connecting() {
    let (Some(_), Some(setup)) = (tools::find("faketime"), FetchSetup::new()) else {
        return;
    };
    let names = ["access_token", "refresh_token"];
    let before = names.map(|name| setup.token(name));
    // Tokens expire after ten minutes.
    let outcome = setup.sandbox.mailpull_at("+9m30s", ["fetch", "-vv"]).run();
    outcome.succeeds();
    let logins = outcome.stderr_text().matches("C: AUTH ").count();
    assert_eq!(logins, 1, "{outcome}");
    for (name, before) in names.into_iter().zip(before) {
        assert_ne!(setup.token(name), before);
        outcome.never_says(&setup.token(name));
    }
    setup.sandbox.work().holds(&ordinary(1, 3));
}

#[test]
fn a_token_refused_by_the_server_is_renewed_once() {
    let Some(setup) = FetchSetup::new() else {
        return;
    };
    let before = setup.token("access_token");
    setup.provider.revoke(&before);
    let outcome = setup.sandbox.mailpull(["fetch", "-vv"]).run();
    outcome.succeeds();
    let logins = outcome.stderr_text().matches("C: AUTH ").count();
    assert_eq!(logins, 2, "{outcome}");
    assert_ne!(setup.token("access_token"), before);
    setup.sandbox.work().holds(&ordinary(1, 3));
}

#[test]
fn concurrent_runs_use_a_refresh_token_once() {
    let (Some(_), Some(setup)) = (tools::find("faketime"), FetchSetup::new()) else {
        return;
    };
    // The provider revokes the sign-in if a refresh token is used twice.
    let checks = [(); 4].map(|()| {
        let check = setup.sandbox.mailpull_at("+9m30s", ["check", "work"]);
        check.start()
    });
    for check in checks {
        check.wait().succeeds();
    }
    setup.sandbox.fetch().succeeds();
}

#[test]
fn a_revoked_sign_in_is_reported_once_a_day() {
    let (Some(_), Some(setup)) = (tools::find("faketime"), FetchSetup::new()) else {
        return;
    };
    setup.provider.revoke(&setup.token("refresh_token"));
    setup.provider.revoke(&setup.token("access_token"));
    let error_at = |offset| {
        let outcome = setup.sandbox.mailpull_at(offset, ["fetch"]).run();
        outcome.fails_with(77).stdout_is("");
        outcome.stderr_text()
    };
    let first = error_at("+0");
    assert_eq!(first.lines().count(), 1, "{first}");
    for part in [
        "mailpull: work: 127.0.0.1:",
        " refuses the sign-in: invalid_grant (grant request is invalid)",
        ". Sign in with: mailpull login work\n",
    ] {
        assert!(first.contains(part), "{first}");
    }
    assert_eq!(error_at("+1h"), "");
    assert_eq!(error_at("+23h"), "");
    assert_eq!(error_at("+25h"), first);
    assert_eq!(error_at("+26h"), "");
    assert_eq!(setup.dovecot.count(), 3);

    setup.sign_in();
    setup.sandbox.fetch().succeeds().only_works_again();
    setup.sandbox.work().holds(&ordinary(1, 3));
}

#[test]
fn a_server_that_refuses_every_token_is_reported_daily() {
    let (Some(_), Some(setup)) = (tools::find("faketime"), FetchSetup::new()) else {
        return;
    };
    // The token belongs to joe, so Dovecot refuses it for the mailbox of jim.
    let error_at = |offset| {
        let arguments = ["fetch", "-o", "user=jim"];
        let outcome = setup.sandbox.mailpull_at(offset, arguments).run();
        outcome.fails_with(77);
        outcome.stderr_text()
    };
    // The sign-in for the user jim is made by joe at the provider.
    let login = setup
        .sandbox
        .mailpull(["login", "--device", "-o", "user=jim", "work"])
        .start();
    let line = login.prints("or open ");
    let address = line.trim_start_matches("or open ");
    setup.provider.agree(address, "joe");
    login.wait().succeeds();

    let first = error_at("+0");
    assert_eq!(first.lines().count(), 1, "{first}");
    assert!(first.contains("logging in as jim: "), "{first}");
    assert!(
        first.ends_with(". Sign in with: mailpull login work\n"),
        "{first}"
    );
    assert_eq!(error_at("+1h"), "");
    assert_eq!(error_at("+25h"), first);
}

#[test]
fn the_server_is_not_called_before_the_first_sign_in() {
    let Some(setup) = FetchSetup::before_sign_in() else {
        return;
    };
    let outcome = setup.sandbox.mailpull(["fetch", "-v"]).run();
    outcome
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_is("mailpull: work: nobody has signed in. Sign in with: mailpull login work\n");
    assert!(!setup.sandbox.state().join("tokens").exists());
}

#[test]
fn a_stored_sign_in_must_be_private() {
    let Some(setup) = FetchSetup::new() else {
        return;
    };
    let file = kept_file(&setup.sandbox.state());
    fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("the file exists");
    setup
        .sandbox
        .fetch()
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has(
            " holds a sign-in and is open to others (mode 0644). Make it private: chmod 600 ",
        );
}

#[test]
fn a_command_may_supply_the_token() {
    let Some(setup) = FetchSetup::new() else {
        return;
    };
    let token = setup.token("access_token");
    let file = setup.sandbox.write("home/token", &token);
    let command = format!(
        "oauth2-token-command = ['cat', {:?}]",
        file.display().to_string()
    );
    let sandbox = Sandbox::with_work(setup.dovecot.address(), &command);
    let outcome = sandbox.mailpull(["fetch", "-vv"]).run();
    outcome
        .succeeds()
        .stderr_has("C: AUTH OAUTHBEARER")
        .never_says(&token);
    sandbox.work().holds(&ordinary(1, 3));
    fs::remove_file(file).expect("the file exists");
    sandbox
        .fetch()
        .fails_with(77)
        .complains_in_lines(1)
        .stderr_has("oauth2-token-command failed (exit status: 1): cat: ");
}
