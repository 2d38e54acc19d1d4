//! Texts of real servers, and what they mean.

use crate::exit::Exit;
use crate::pop3::{Refusal, RefusalCause, RefusedStep};
use RefusalCause::{Account, Busy, Command, Credentials, Fault, Policy};

/// Texts after `-ERR`, the server, and the cause.
const SEEN: &[(&str, &str, Option<RefusalCause>)] = &[
    // Codes decide.
    (
        "[AUTH] Authentication failed.",
        "Dovecot",
        Some(Credentials),
    ),
    ("[AUTH] Invalid login", "Cyrus", Some(Credentials)),
    (
        "[AUTH] Username and password not accepted.",
        "Gmail",
        Some(Credentials),
    ),
    (
        "[AUTH] Application-specific password required",
        "Gmail",
        Some(Credentials),
    ),
    (
        "[AUTH] login failure or POP3 disabled, try later. sc=abc",
        "Yandex",
        Some(Credentials),
    ),
    (
        "[AUTH] (#MBR1212) Incorrect username or password.",
        "Yahoo",
        Some(Credentials),
    ),
    (
        "[IN-USE] Mailbox is locked by another POP3 session.",
        "Dovecot",
        Some(Busy),
    ),
    (
        "[IN-USE] mailbox already in use by pid 12345",
        "perdition",
        Some(Busy),
    ),
    (
        "[IN-USE] Unable to lock maildrop: Mailbox is locked by POP server",
        "Mirapoint",
        Some(Busy),
    ),
    (
        "[IN-USE] /var/mail/.joe.pop lock busy! Is another session active? (11)",
        "qpopper",
        Some(Busy),
    ),
    ("[IN-USE] Mailbox Locked", "VPOP3", Some(Busy)),
    (
        "[LOGIN-DELAY] Logins must be at least 5 minutes apart",
        "Cyrus",
        Some(Busy),
    ),
    (
        "[SYS/TEMP] Temporary authentication failure. [mx:2026]",
        "Dovecot",
        Some(Busy),
    ),
    (
        "[SYS/TEMP] Server error - Please try again later.",
        "Yahoo",
        Some(Busy),
    ),
    (
        "[SYS/TEMP] Temporary system problem. Please try again later.",
        "Gmail",
        Some(Busy),
    ),
    (
        "[SYS/PERM] Your account is not enabled for POP access.",
        "Gmail",
        Some(Account),
    ),
    (
        "[SYS/PERM] Unable to open maildrop: Permission denied",
        "Cyrus",
        Some(Policy),
    ),
    // Locks, and limits.
    (
        "Exceeded the login limit for a 15 minute period. Reduce the frequency of requests to the POP3 server.",
        "Outlook.com",
        Some(Busy),
    ),
    (
        "mailbox already open by another session",
        "seen in reports",
        Some(Busy),
    ),
    ("maximum connections exceeded", "MailEnable", Some(Busy)),
    ("Your mailbox is already locked", "hMailServer", Some(Busy)),
    ("unable to lock mailbox", "RFC 1939", Some(Busy)),
    ("maildrop already locked", "RFC 1939", Some(Busy)),
    ("Mailbox locked", "BlueMail's list", Some(Busy)),
    ("Too many connections", "BlueMail's list", Some(Busy)),
    (
        "Server temporarily unavailable",
        "BlueMail's list",
        Some(Busy),
    ),
    (
        "Too many open connections (please try again later).",
        "Cyrus",
        Some(Busy),
    ),
    (
        "Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
        "Dovecot",
        Some(Busy),
    ),
    ("Account is temporarily unavailable.", "Dovecot", Some(Busy)),
    (
        "Temporary problem, please try again later",
        "Courier",
        Some(Busy),
    ),
    ("maillock: lock busy!", "misty.ne.jp", Some(Busy)),
    ("Server Unavailable. 21", "Exchange", Some(Busy)),
    ("Service temporarily unavailable", "fetchmail", Some(Busy)),
    (
        "too many simultaneous connections from your host",
        "Kerio",
        Some(Busy),
    ),
    (
        "Sorry, your account is already in use",
        "MDaemon",
        Some(Busy),
    ),
    ("Autologout; idle too long", "hMailServer", Some(Busy)),
    ("Disconnected for inactivity.", "Dovecot", None),
    ("Disk quota exceeded", "BlueMail's list", Some(Busy)),
    ("Download limit exceeded", "MailKit#1320", Some(Busy)),
    ("login frequency limited", "QQ", Some(Busy)),
    ("Too many requests, please wait", "163", Some(Busy)),
    ("POP3 Zugriff zu häufig", "web.de", Some(Busy)),
    (
        "Postfach ist gesperrt, bitte später versuchen",
        "in German",
        Some(Busy),
    ),
    (
        "Boîte verrouillée par une autre session",
        "in French",
        Some(Busy),
    ),
    (
        "Demasiadas conexiones, intente más tarde",
        "in Spanish",
        Some(Busy),
    ),
    ("Caixa postal em uso", "in Portuguese", Some(Busy)),
    (
        "Casella in uso, riprova più tardi",
        "in Italian",
        Some(Busy),
    ),
    ("Почтовый ящик занят", "in Russian", Some(Busy)),
    (
        "Слишком много подключений, повторите позже",
        "in Russian",
        Some(Busy),
    ),
    ("系统繁忙，请稍后再试", "in Chinese", Some(Busy)),
    (
        "メールボックスはロックされています",
        "in Japanese",
        Some(Busy),
    ),
    // Faults.
    ("internal server error", "seen in reports", Some(Fault)),
    (
        "Internal error occurred. Refer to server log for more information.",
        "Dovecot",
        Some(Fault),
    ),
    (
        "Internal login failure. Refer to server log for more information.",
        "Dovecot",
        Some(Fault),
    ),
    ("server shutting down", "seen in reports", Some(Fault)),
    ("Offline for maintenance", "seen in reports", Some(Fault)),
    ("Unable to access mailbox.", "hMailServer", Some(Fault)),
    (
        "Server error: Failed to fetch messages in Inbox.",
        "hMailServer",
        Some(Fault),
    ),
    ("Maildrop damaged", "Mercury", Some(Fault)),
    ("chdir Maildir failed", "Courier", Some(Fault)),
    ("unable to scan $HOME/Maildir", "qmail-pop3d", Some(Fault)),
    ("Login failed: internal error", "in general", Some(Fault)),
    ("Wartungsarbeiten", "in German", Some(Fault)),
    ("系统维护", "in Chinese", Some(Fault)),
    // The password, maybe among other causes.
    (
        "Logon failure: unknown user name or bad password.",
        "Exchange",
        Some(Credentials),
    ),
    (
        "Invalid user name or password. Please use full email address as user name.",
        "hMailServer",
        Some(Credentials),
    ),
    (
        "Invalid user name or password. Too many invalid logon attempts.",
        "hMailServer",
        Some(Credentials),
    ),
    (
        "Login fail. Account is abnormal, service is not open, password is incorrect, login frequency limited, or system is busy.",
        "QQ",
        Some(Credentials),
    ),
    (
        "login fail, please check your account or password first",
        "QQ",
        Some(Credentials),
    ),
    (
        "too many invalid passwords",
        "seen in reports",
        Some(Credentials),
    ),
    (
        "Too many bad login attempts.",
        "MailKit#320",
        Some(Credentials),
    ),
    (
        "wrong password or mailbox in use",
        "in general",
        Some(Credentials),
    ),
    (
        "Password supplied for \"joe\" is incorrect.",
        "qpopper",
        Some(Credentials),
    ),
    ("Bad login", "UW ipop3d", Some(Credentials)),
    ("User not known", "Mercury", Some(Credentials)),
    ("mailbox unknown", "RFC 1939", Some(Credentials)),
    (
        "sorry, no mailbox here by that name",
        "RFC 1939",
        Some(Credentials),
    ),
    ("Unable to log on", "163", Some(Credentials)),
    (
        "authorization failed",
        "qmail-popup, Nifty",
        Some(Credentials),
    ),
    ("authentication failed", "web.de", Some(Credentials)),
    ("Login failed.", "Courier", Some(Credentials)),
    (
        "Error logging in. Please visit the web site.",
        "Yahoo",
        Some(Credentials),
    ),
    ("Passwort falsch", "in German", Some(Credentials)),
    ("Mot de passe incorrect", "in French", Some(Credentials)),
    (
        "Usuario o contraseña incorrectos",
        "in Spanish",
        Some(Credentials),
    ),
    (
        "Usuário ou senha inválidos",
        "in Portuguese",
        Some(Credentials),
    ),
    ("Password errata", "in Italian", Some(Credentials)),
    ("Nieprawidłowe hasło", "in Polish", Some(Credentials)),
    ("Неверный пароль", "in Russian", Some(Credentials)),
    ("用户名或密码错误", "in Chinese", Some(Credentials)),
    (
        "パスワードが間違っています",
        "in Japanese",
        Some(Credentials),
    ),
    // The account.
    ("account locked", "seen in reports", Some(Account)),
    ("account disabled", "seen in reports", Some(Account)),
    ("your account is locked", "Exchange", Some(Account)),
    ("Your account has been suspended", "Openwave", Some(Account)),
    ("Login disabled for this user", "Dovecot", Some(Account)),
    (
        "POP access is disabled for this account",
        "Exchange",
        Some(Account),
    ),
    ("pop not allowed for user", "Yahoo", Some(Account)),
    ("Konto gesperrt", "in German", Some(Account)),
    ("Аккаунт заблокирован", "in Russian", Some(Account)),
    // The command.
    ("Unknown command: AUTH", "Dovecot", Some(Command)),
    ("Unrecognized command", "Cyrus", Some(Command)),
    ("Invalid command.", "Courier", Some(Command)),
    ("unhandled command", "hMailServer", Some(Command)),
    ("unimplemented", "qmail-pop3d", Some(Command)),
    ("authorization first", "qmail-popup", Some(Command)),
    (
        "Command is not valid in this state.",
        "Exchange",
        Some(Command),
    ),
    ("Syntax error", "Cyrus", Some(Command)),
    ("Bad arguments", "seen in reports", Some(Command)),
    ("Line too long.", "hMailServer", Some(Command)),
    (
        "Too many arguments for \"auth\" command.",
        "qpopper",
        Some(Command),
    ),
    ("Unexpected extra argument", "Cyrus", Some(Command)),
    (
        "Invalid base64 data in initial response",
        "Dovecot",
        Some(Command),
    ),
    (
        "Unsupported authentication mechanism.",
        "Dovecot",
        Some(Command),
    ),
    ("Unknown authentication command", "qpopper", Some(Command)),
    // Another connection.
    (
        "A SSL/TLS-connection is required for authentication.",
        "hMailServer",
        Some(Policy),
    ),
    ("STLS is required.", "hMailServer", Some(Policy)),
    (
        "Plaintext authentication disallowed on non-secure (SSL/TLS) connections.",
        "Dovecot",
        Some(Policy),
    ),
    ("access denied", "Courier", Some(Policy)),
    // No reason.
    ("no", "in general", None),
    ("-ERR", "in general", None),
    ("No messages", "in general", None),
    ("go away", "in general", None),
    ("[NEWS] no such message", "in general", None),
];

#[test]
fn the_words_of_servers_are_understood() {
    assert!(SEEN.len() >= 120);
    for (text, server, cause) in SEEN {
        assert_eq!(
            Refusal::new(text.as_bytes()).cause(),
            *cause,
            "{server}: {text}"
        );
    }
}

#[test]
fn a_refusal_in_another_character_set_is_understood() {
    for (octets, cause) in [
        (&b"\xc3\xdc\xc2\xeb\xb4\xed\xce\xf3"[..], Credentials),
        (b"\xcf\xb5\xcd\xb3\xb7\xb1\xc3\xa6", Busy),
        (b"Bo\xeete aux lettres verrouill\xe9e", Busy),
    ] {
        assert_eq!(Refusal::new(octets).cause(), Some(cause));
    }
}

#[test]
fn the_exit_status_follows_the_cause_and_the_step() {
    use Exit::{LoginRefused, Protocol, Temporary};
    for (text, greeting, login) in [
        ("server shutting down", Temporary, Temporary),
        ("too many connections", Temporary, Temporary),
        ("account disabled", LoginRefused, LoginRefused),
        ("wrong password", LoginRefused, LoginRefused),
        ("unknown command", Protocol, LoginRefused),
        ("access denied", Protocol, LoginRefused),
        ("go away", Protocol, LoginRefused),
    ] {
        let refusal = Refusal::new(text.as_bytes());
        assert_eq!(refusal.exit_at(RefusedStep::Greeting), greeting, "{text}");
        assert_eq!(refusal.exit_at(RefusedStep::Login), login, "{text}");
        assert_eq!(refusal.exit_at(RefusedStep::Listing), Temporary, "{text}");
    }
}
