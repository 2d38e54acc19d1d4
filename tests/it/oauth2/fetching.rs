//! What a sign-in is good for: Dovecot takes its tokens, which are renewed when they are due and
//! when one is refused, and what happens when the provider grants no more.
//! How one signs in is told elsewhere.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::support::dovecot::Dovecot;
use crate::support::mail::ordinary;
use crate::support::oauth2::{OidcProvider, kept, kept_file};
use crate::support::sandbox::Sandbox;

/// A maildrop with three messages, and a user who has signed in.
struct Scene {
    provider: OidcProvider,
    dovecot: Dovecot,
    sandbox: Sandbox,
}

impl Scene {
    fn new() -> Option<Self> {
        let scene = Self::before_sign_in("")?;
        scene.sign_in();
        Some(scene)
    }

    fn before_sign_in(extra: &str) -> Option<Self> {
        let provider = OidcProvider::start()?;
        let asking = format!(
            "introspection_url = {}\nintrospection_mode = post\nusername_attribute = sub\n\
             active_attribute = active\nactive_value = true\n",
            provider.at("/token/introspection", "dovecot:dovecot")
        );
        let dovecot = Dovecot::start_with(|dovecot| {
            let path = dovecot.write("oauth2", &asking);
            format!(
                "auth_mechanisms = plain oauthbearer xoauth2\n\
                 passdb {{\n  driver = oauth2\n  mechanisms = oauthbearer xoauth2\n  args = {}\n}}\n",
                path.display()
            )
        })?;
        dovecot.deliver(&ordinary(1, 3));
        let keys = provider.keys() + extra;
        let sandbox = Sandbox::with_work(dovecot.address(), &keys);
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

    fn kept(&self, what: &str) -> String {
        let kept = kept(&self.sandbox.state());
        kept[what].as_str().expect("it is text").to_owned()
    }
}

#[test]
fn both_token_mechanisms_fetch_without_showing_a_token() {
    let Some(scene) = Scene::new() else {
        return;
    };
    let token = scene.kept("access_token");
    for (flags, command) in [
        (&[][..], "C: AUTH OAUTHBEARER"),
        (&["-o", "auth=xoauth2"], "C: AUTH XOAUTH2"),
    ] {
        let arguments = [&["fetch", "-vv"][..], flags].concat();
        let outcome = scene.sandbox.mailpull(arguments).run();
        outcome
            .succeeds()
            .stderr_has(command)
            .never_says(&token)
            .never_says(&scene.kept("refresh_token"));
    }
    scene.sandbox.work().holds(&ordinary(1, 3));
    assert_eq!(scene.kept("access_token"), token);
}

#[test]
fn an_expiring_token_is_renewed_before_connecting() {
    let Some(scene) = Scene::new() else {
        return;
    };
    let before = ["access_token", "refresh_token"].map(|what| scene.kept(what));
    // Tokens live for ten minutes.
    let outcome = scene.sandbox.mailpull_at("+9m30s", ["fetch", "-vv"]).run();
    outcome.succeeds();
    let logins = outcome.stderr_text().matches("C: AUTH ").count();
    assert_eq!(logins, 1, "{outcome}");
    for (what, before) in ["access_token", "refresh_token"].into_iter().zip(before) {
        assert_ne!(scene.kept(what), before);
        outcome.never_says(&scene.kept(what));
    }
    scene.sandbox.work().holds(&ordinary(1, 3));
}

#[test]
fn a_token_refused_by_the_server_is_renewed_once() {
    let Some(scene) = Scene::new() else {
        return;
    };
    let before = scene.kept("access_token");
    scene.provider.revoke(&before);
    let outcome = scene.sandbox.mailpull(["fetch", "-vv"]).run();
    outcome.succeeds();
    let logins = outcome.stderr_text().matches("C: AUTH ").count();
    assert_eq!(logins, 2, "{outcome}");
    assert_ne!(scene.kept("access_token"), before);
    scene.sandbox.work().holds(&ordinary(1, 3));
}

#[test]
fn concurrent_runs_use_a_refresh_token_once() {
    let Some(scene) = Scene::new() else {
        return;
    };
    // A refresh token that is used twice takes all back that was granted.
    let checks = [(); 4].map(|()| {
        let check = scene.sandbox.mailpull_at("+9m30s", ["check", "work"]);
        check.start()
    });
    for check in checks {
        check.wait().succeeds();
    }
    scene.sandbox.fetch().succeeds();
}

#[test]
fn a_revoked_sign_in_is_reported_once_a_day() {
    let Some(scene) = Scene::new() else {
        return;
    };
    scene.provider.revoke(&scene.kept("refresh_token"));
    scene.provider.revoke(&scene.kept("access_token"));
    let told = |offset| {
        let outcome = scene.sandbox.mailpull_at(offset, ["fetch"]).run();
        outcome.fails_with(77).stdout_is("");
        outcome.stderr_text()
    };
    let first = told("+0");
    assert_eq!(first.lines().count(), 1, "{first}");
    for part in [
        "mailpull: work: 127.0.0.1:",
        " refuses the sign-in: invalid_grant (grant request is invalid)",
        "; sign in with: mailpull login work\n",
    ] {
        assert!(first.contains(part), "{first}");
    }
    assert_eq!(told("+1h"), "");
    assert_eq!(told("+23h"), "");
    assert_eq!(told("+25h"), first);
    assert_eq!(told("+26h"), "");
    assert_eq!(scene.dovecot.count(), 3);

    scene.sign_in();
    let fetched = scene.sandbox.fetch();
    fetched.succeeds().is_silent();
    scene.sandbox.work().holds(&ordinary(1, 3));
}

#[test]
fn a_server_that_refuses_every_token_is_reported_daily() {
    let Some(scene) = Scene::new() else {
        return;
    };
    // Whoever signed in, it is somebody else's maildrop.
    let told = |offset| {
        let arguments = ["fetch", "-o", "user=jim"];
        let outcome = scene.sandbox.mailpull_at(offset, arguments).run();
        outcome.fails_with(77);
        outcome.stderr_text()
    };
    // Signed in as jim, too, with joe's name at the provider.
    let login = scene
        .sandbox
        .mailpull(["login", "--device", "-o", "user=jim", "work"])
        .start();
    let line = login.prints("or open ");
    let address = line.trim_start_matches("or open ");
    scene.provider.agree(address, "joe");
    login.wait().succeeds();

    let first = told("+0");
    assert_eq!(first.lines().count(), 1, "{first}");
    assert!(first.contains("logging in as jim: "), "{first}");
    assert!(
        first.ends_with("; sign in with: mailpull login work\n"),
        "{first}"
    );
    assert_eq!(told("+1h"), "");
    assert_eq!(told("+25h"), first);
}

#[test]
fn the_server_is_not_called_before_the_first_sign_in() {
    let Some(scene) = Scene::before_sign_in("") else {
        return;
    };
    let outcome = scene.sandbox.mailpull(["fetch", "-v"]).run();
    outcome
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_is("mailpull: work: nobody has signed in; sign in with: mailpull login work\n");
    assert!(!scene.sandbox.state().join("tokens").exists());
}

#[test]
fn a_stored_sign_in_must_be_private() {
    let Some(scene) = Scene::new() else {
        return;
    };
    let file = kept_file(&scene.sandbox.state());
    fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("it is ours");
    scene
        .sandbox
        .fetch()
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has(" holds a sign-in and is open to others (mode 0644): chmod 600 ");
}

#[test]
fn a_command_may_supply_the_token() {
    let Some(scene) = Scene::new() else {
        return;
    };
    let token = scene.kept("access_token");
    let file = scene.sandbox.write("home/token", &token);
    let command = format!(
        "oauth2-token-command = ['cat', {:?}]",
        file.display().to_string()
    );
    let sandbox = Sandbox::with_work(scene.dovecot.address(), &command);
    let outcome = sandbox.mailpull(["fetch", "-vv"]).run();
    outcome
        .succeeds()
        .stderr_has("C: AUTH OAUTHBEARER")
        .never_says(&token);
    sandbox.work().holds(&ordinary(1, 3));
    fs::remove_file(file).expect("it is there");
    sandbox
        .fetch()
        .fails_with(77)
        .complains_in_lines(1)
        .stderr_has("oauth2-token-command failed (exit status: 1): cat: ");
}
