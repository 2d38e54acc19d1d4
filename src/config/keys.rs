//! The table of keys: each row is a key's name, default, help, field and reader.
//!
//! The manual and the completions are made from the same rows. In the help, `this` is bold and
//! *this* is a placeholder.

use std::net::IpAddr;
use std::time::Duration;

use crate::config::origin::Origin;
use crate::config::password::Source;
use crate::config::settings::{At, KeyEntry, Slot};
use crate::config::shape::Shape;
use crate::config::target_keys;
use crate::config::values::choices::{self, Preset};
use crate::config::values::delivery::{self, LmtpSecurity, TargetKind, WrittenTarget};
use crate::config::values::server::{self, Host};
use crate::config::values::via::{self, Via};
use crate::config::values::{self, programs, secrets};
use crate::delivery::FileMode;
use crate::delivery::mbox::MboxLocks;
use crate::dial::{Auth, Security};
use crate::mail::policy::{Keep, Order};
use crate::net::tls::{Pin, Version};
use crate::oauth2::{Backend, Url};
use crate::rules::AccountRule;
use crate::targets::lmtp::EnvelopeAddress;

/// A key of the configuration, as the manual describes it.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// The title of its group in the manual.
    pub group: &'static str,
    /// The value that applies if the key is absent, if the key has a default.
    pub default: Option<&'static str>,
    /// The default in words, if no value of the key means the same.
    pub otherwise: Option<&'static str>,
    /// The words that the value can be; empty if it can be anything else.
    pub words: &'static [&'static str],
    /// The form of its values.
    pub(super) shape: Shape,
    /// The field of [`Settings`] that it fills. Keys with the same field exclude each other.
    pub(super) field: &'static str,
    /// Its description, with the markup that this file explains.
    pub help: &'static str,
    /// Reads a value into the key's field.
    pub(super) set: fn(&mut Settings, KeyEntry) -> Result<(), super::Error>,
}

impl Key {
    /// Returns true if a flag may set the key. Others on this machine can read what is typed, so a
    /// key whose value is a secret can only be set in a file. So can a key of a target.
    pub fn can_be_typed(&self) -> bool {
        !SECRETS.contains(&self.name) && self.fits(SectionKind::Account)
    }

    /// Returns true if the key can be in such a section.
    pub(super) fn fits(&self, section: SectionKind) -> bool {
        match section {
            SectionKind::Account => target_keys::fits_account(self),
            SectionKind::Target => target_keys::fits_target(self),
        }
    }
}

/// A section of the configuration.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SectionKind {
    /// `[accounts.NAME]`, `[defaults]`, or the flags of a run.
    Account,
    /// `[targets.NAME]`.
    Target,
}

/// The keys whose value is a secret.
pub(super) const SECRETS: [&str; 2] = ["password", "oauth2-client-secret"];

/// Makes the type `Settings` and the table `KEYS` of the rows.
///
/// A row whose field has no type shares the field of a row before it: such keys exclude each other,
/// and an account's own key replaces whichever of them `[defaults]` has. A row reads its value by
/// `read`, or calls a function that fills several fields by `put`. Without `words`, the form of the value
/// is what the row `takes`, or else text.
macro_rules! keys {
    ($($group:literal { $(
        $(#[doc = $help:literal])+
        $name:literal
            $(, default $default:literal)?
            $(, otherwise $otherwise:literal)?
            $(, words [$($word:literal),+])?
            $(, takes $shape:ident)?
            => $field:ident $(: $type:ty)? $(, read $read:path)? $(, put $put:path)?;
    )+ })+) => {
        /// The settings of one section, a URL or the command line.
        #[derive(Clone, Debug, Default)]
        pub(super) struct Settings {
            $($($( pub(super) $field: Slot<$type>, )?)+)+
        }

        impl Settings {
            /// Returns the key and the place of each setting.
            pub(super) fn places(&self) -> Vec<(&'static str, &Origin)> {
                let mut places = Vec::new();
                $($($(
                    let at: Option<&At<$type>> = self.$field.as_deref();
                    places.extend(at.map(|at| (at.key, &at.origin)));
                )?)+)+
                places
            }

            /// Takes each field that is absent here from other settings.
            pub(super) fn or(self, below: Self) -> Self {
                Self {
                    $($($( $field: Slot::<$type>::or(self.$field, below.$field), )?)+)+
                }
            }
        }

        /// All keys, in the order of the manual.
        pub(super) static KEYS: &[Key] = &[
            $($( Key {
                name: $name,
                group: $group,
                default: first(&[$($default)?]),
                otherwise: first(&[$($otherwise)?]),
                words: &[$($($word),+)?],
                shape: Shape::of(&[$($($word),+)?], &[$(Shape::$shape)?]),
                field: stringify!($field),
                help: concat!($($help, "\n"),+),
                set: |settings, entry| {
                    $( entry.put(&mut settings.$field, $read) )?
                    $( $put(entry, settings) )?
                },
            }, )+)+
        ];
    };
}

keys! {
    "The server" {
        /// An account with `false` is fetched only if it is named.
        "enabled", default "true", words ["true", "false"]
            => enabled: bool, read values::boolean;
        /// The host, `"host:port"`, or the absolute path of a Unix socket. Required.
        "server" => server: Host, put KeyEntry::put_server;
        /// The port of the server.
        "port", otherwise "995; 110 if `security` is `starttls` or `none`", takes Port
            => port: u16, read server::port;
        /// `tls`: TLS from the first octet.
        /// `starttls`: the connection begins in cleartext and must switch to TLS (STLS) before the
        /// login. If the server does not offer that, the run ends.
        /// `none`: cleartext, which is allowed only to this machine unless `allow-cleartext` is set.
        /// The program that listens there must be yours or root's. This is checked on Linux only.
        "security", default "tls", words ["tls", "starttls", "none"]
            => security: Security, read choices::security;
        /// With `true`, `security = "none"` is allowed through a network, where others can read the
        /// mail, and to a program of any user on this machine. The password is still not sent in
        /// readable form unless `auth` names a mechanism that does so.
        "allow-cleartext", default "false", words ["true", "false"]
            => allow_cleartext: bool, read values::boolean;
    }
    "TLS" {
        /// A PEM file with the certificates to trust.
        "tls-ca-file", otherwise "the certificates of the system"
            => tls_ca_file: String, read values::line;
        /// The name that the server's certificate must have. It is also the name that is sent to
        /// the server (SNI). Only the certificate's subjectAltName counts, never the common name of
        /// its subject.
        "tls-name", otherwise "the host of `server`"
            => tls_name: String, read server::tls_name;
        /// The oldest version of TLS that is accepted.
        "tls-min", default "1.2", words ["1.2", "1.3"]
            => tls_min: Version, read choices::tls_version;
        /// `sha256:`*HEX* or a list of such pins. A pin is the SHA-256 of the server's certificate
        /// (DER) or of its public key (SubjectPublicKeyInfo), in digits that colons may separate.
        /// One of the pins must match.
        /// A pin replaces the check of the certificate's issuer, dates and purpose. The check of
        /// its name remains. Nothing is sent to a server that no pin matches.
        ///
        /// The command `openssl x509 -in` *CERTIFICATE* `-noout -fingerprint -sha256` prints a pin.
        /// So does the error about a certificate with an unknown issuer, but only the owner of the
        /// server can say whether that pin is the right one.
        "tls-pin", takes TextOrList => tls_pin: Vec<Pin>, read server::pins;
        /// With `false` the server's certificate is not checked at all: anyone who can redirect the
        /// connection gets the password and the mail. Every run prints a warning. A pin is as easy,
        /// and it is safe.
        "tls-verify", default "true", words ["true", "false"]
            => tls_verify: bool, read values::boolean;
        /// The certificate that identifies you to a server that asks for one. It is a PEM file, in
        /// which intermediate certificates may follow, or PKCS#12 with an empty password. The login
        /// takes place as usual unless `auth` is `external`. The server must have a certificate that
        /// the system or `tls-ca-file` trusts: `tls-pin` and `tls-verify = false` are refused, because
        /// anyone who answers would get the client certificate.
        "tls-client-cert" => tls_client_cert: String, read values::line;
        /// The PEM file with the key of `tls-client-cert`, in PKCS#8 and not encrypted. The command
        /// `openssl pkey` converts other formats. The file that holds the key must be readable only
        /// by its owner or, if root owns it, by its group.
        "tls-client-key", otherwise "the file of `tls-client-cert`"
            => tls_client_key: String, read values::line;
    }
    "The route" {
        /// `socks5://`*HOST*`:`*PORT* or `http://`*HOST*`:`*PORT* (CONNECT): the proxy that the
        /// connection goes through. *USER*`:`*PASSWORD*`@` may precede the host. Characters that a
        /// URL does not allow there are written as `%`*XX*. The proxy resolves the name of the
        /// server. If the key holds a password, its file must be as private as one with `password`.
        "proxy" => via: Via, read via::proxy;
        /// A list of a program and its arguments, such as
        /// `["ssh", "gate", "nc", "pop", "110"]`. The program's standard input and output are the
        /// connection. No shell is run.
        "tunnel-command", takes List => via, read via::tunnel;
        /// The address of this machine to connect from. Only addresses of the server (or the proxy)
        /// of the same family are tried.
        "source-address" => source_address: IpAddr, read server::source_address;
    }
    "Timeouts and limits" {
        /// The time that each address of the server has to answer. All addresses together have
        /// three times as long.
        "timeout-connect", default "30s", takes Duration => timeout_connect: Duration, read values::duration;
        /// The longest time that the server may be silent. The connection also ends if the server
        /// sends less than 32 octets a second for five minutes, or after a day. After six hours no
        /// further message is requested and the session ends normally. The next run continues
        /// where this one stopped.
        "timeout", default "180s", takes Duration => timeout: Duration, read values::duration;
        /// The number of accounts with the same host in `server` that are processed at the same
        /// time. Slow accounts count, too.
        "max-per-host", default "8", takes Count => max_per_host: u64, read values::count;
    }
    "The login" {
        /// The name to log in with. Required.
        "user" => user: String, read values::line;
        /// The way to log in. `auto` takes the best way that the server offers.
        /// Under TLS the order is: SCRAM bound to the TLS connection (SCRAM-SHA-256-PLUS, then
        /// SCRAM-SHA-1-PLUS), which no one in the middle can relay; SCRAM-SHA-256 and SCRAM-SHA-1,
        /// in which the server must prove that it knows the password and learns nothing else about
        /// it; PLAIN; USER and PASS.
        /// Without TLS, `auto` takes SCRAM or CRAM-MD5. PLAIN and USER are then used only to this
        /// machine.
        ///
        /// `auto` also refuses a way that reveals more of the password than the last login did,
        /// because an attacker may have removed the better ways from the offer. If the server has
        /// really changed, name a way once: `mailpull fetch -o auth=plain`.
        ///
        /// All other ways must be named: `user`, `apop`, `plain`, `login`, `cram-md5`,
        /// `digest-md5`, `scram-sha-1`, `scram-sha-256` (both bound to the connection if
        /// possible), `xoauth2` and `oauthbearer` (the password is then an access token),
        /// `external` (the client certificate is the proof) and `none` (no login, because the
        /// connection itself has identified the user). `external` and `none` need no password.
        /// If mailpull is built with the feature *gssapi*, `gssapi` logs in with a Kerberos ticket.
        ///
        /// SCRAM takes two round trips more than PLAIN. It is bound by the certificate
        /// (tls-server-end-point). If a server offers that and then refuses it, SCRAM is used
        /// unbound, unless an earlier login was bound.
        "auth", default "auto",
            words ["auto", "user", "apop", "plain", "login", "cram-md5", "digest-md5",
                "scram-sha-1", "scram-sha-256", "xoauth2", "oauthbearer", "external", "none"]
            => auth: Auth, read choices::auth;
    }
    "The password" {
        /// The password itself. The file must then be readable only by its owner or, if root owns
        /// it, by its group.
        "password" => password: Source, read secrets::literal;
        /// The command that prints the password. A string is run by `sh -c`; a list is a program
        /// and its arguments, in which words for a shell are refused. The first line that it prints is
        /// the password. Status 75 is a temporary failure, any other but 0 a refused login. On a terminal the command may ask for a passphrase.
        "password-command", takes TextOrList => password, read secrets::password_command;
        /// The file that holds the password. Only its owner may read it.
        "password-file" => password, read secrets::file;
        /// The environment variable that holds the password.
        "password-env" => password, read secrets::variable;
        /// With `true` the password is in the keyring of the desktop: the Secret Service (GNOME
        /// Keyring, KWallet, KeePassXC) or, on macOS, the keychain. The command `mailpull login`
        /// puts it there. Its attributes are *service* (pop3), *host* and *user*, as in `mpop`(1),
        /// so this command puts it there, too:
        /// `secret-tool store --label=Mail service pop3 host pop.example.com user me`.
        ///
        /// A locked keyring asks its user for at most a minute. If the keyring stays locked or
        /// there is none, the error is temporary: under cron there is none until the user logs in.
        "password-keyring", words ["true"] => password, read secrets::keyring;
        /// The name of a credential that systemd gives to the service (`LoadCredential=` or
        /// `LoadCredentialEncrypted=` in `systemd.exec`(5)). The file of this name in
        /// `$CREDENTIALS_DIRECTORY` holds the password.
        "password-credential" => password, read secrets::credential;
    }
    "Sign-in by OAuth 2.0" {
        /// `google` or `microsoft`: use the addresses and the scope of this provider. With
        /// `microsoft` the tenant is *common*; the keys with addresses name another tenant.
        "oauth2", words ["google", "microsoft"] => oauth2: Preset, read choices::preset;
        /// The id of the client that the user or their organisation has registered with the
        /// provider. Required.
        "oauth2-client-id" => oauth2_client_id: String, put KeyEntry::put_client_id;
        /// The secret that the provider issued together with the id. Google issues one for every
        /// client; Microsoft issues none for programs. The file must then be as private as one
        /// with `password`.
        "oauth2-client-secret" => oauth2_client_secret: Source, read secrets::literal;
        /// The command that prints the client's secret, as in `password-command`.
        "oauth2-client-secret-command", takes TextOrList
            => oauth2_client_secret, read secrets::client_secret_command;
        /// The address where another provider issues tokens: https, or http to this machine. The
        /// request goes through the account's `proxy`. Redirects are not followed.
        "oauth2-token-url" => oauth2_token_url: Url, read server::provider_url;
        /// The address where the users of another provider sign in with a browser.
        "oauth2-auth-url" => oauth2_auth_url: Url, read server::provider_url;
        /// The address where another provider issues codes to type on another device. Either this
        /// key or `oauth2-auth-url` is required.
        "oauth2-device-url" => oauth2_device_url: Url, read server::provider_url;
        /// The access that the token must give, in the words of the provider, separated by blanks.
        /// Required without `oauth2`.
        "oauth2-scope" => oauth2_scope: String, read values::line;
        /// The place where tokens are kept: `file` (in *tokens/* in the state directory) or
        /// `keyring`.
        "oauth2-store", default "file", words ["file", "keyring"]
            => oauth2_store: Backend, read choices::backend;
        /// The command of another program that obtains a token and prints it, as in
        /// `password-command`. mailpull then neither keeps nor renews tokens.
        "oauth2-token-command", takes TextOrList => password, read secrets::token_command;
    }
    "The delivery" {
        /// The Maildir to deliver to. It is created if it does not exist, but the folder that
        /// contains it must exist.
        "maildir" => target: WrittenTarget, read delivery::maildir;
        /// The permissions of the files in the Maildir, as four octal digits: *0600*, *0640*, *0644*,
        /// *0660* or *0664*, whatever the umask is. Folders that are created get the same ones, and
        /// whoever can read their files can enter them. To share a Maildir with a group, use *0660*,
        /// and give the folder above it that group and the set-group-id bit
        /// (`chgrp GROUP DIR; chmod g+s DIR`).
        "file-mode", default "0600", words ["0600", "0640", "0644", "0660", "0664"]
            => file_mode: FileMode, read delivery::file_mode;
        /// The program that delivers messages (MDA): a list, or a string that is split like the
        /// words of a shell. No shell is run, and what only a shell understands, such as `|`, `>` or
        /// `$HOME`, is refused: write `["sh", "-c", "..."]`. The program gets one message on its standard input,
        /// which is a pipe. In an argument, `%F` is the sender: the address in Return-Path, or
        /// MAILER-DAEMON if there is none, or if it does not begin with a letter or digit or has
        /// unusual characters. `%L` is the `local-user` and `%%` a percent sign. Any other `%` is an error.
        ///
        /// If the program exits with 0, the message is delivered. Otherwise the message is kept,
        /// and the next run gives it to the program again.
        "mda", takes TextOrList => target, read delivery::mda;
        /// The user of this machine whose mail it is: `%L` in `mda`, and the recipient with `lmtp` if there
        /// is no `recipient`.
        "local-user" => local_user: String, read delivery::local_user;
        /// The time that the program has for one message.
        "mda-timeout", default "10 min", takes Duration => mda_timeout: Duration, read values::duration;
        /// The number of messages that are given to programs at the same time, each to a process
        /// of its own. After a kill, up to this number of messages may be given to the program
        /// again.
        "mda-jobs", default "1", takes Count => mda_jobs: u64, read delivery::jobs;
        /// With `true` the program may be run by root.
        "mda-allow-root", default "false", words ["true", "false"]
            => mda_allow_root: bool, read values::boolean;
        /// With `true` a message is delivered even if the program exits with 0 without reading all
        /// of it.
        "mda-may-ignore-input", default "false", words ["true", "false"]
            => mda_may_ignore_input: bool, read values::boolean;
        /// The mbox file to deliver to (mboxrd). It is created if it does not exist, but the folder that contains
        /// it must exist. Messages wait in the spool until they are in the file: another program may keep it
        /// locked, for at most a minute.
        "mbox" => target, read delivery::mbox;
        /// The locks that are taken on the mbox file: a list of *fcntl* and *dotlock*, the lock file
        /// *FILE*`.lock`. Without *dotlock*, all programs that use the file must lock it by `fcntl`(2).
        "mbox-lock", otherwise "both", takes Locks
            => mbox_lock: MboxLocks, read delivery::mbox_lock;
        /// The mail server that takes the messages by LMTP: the absolute path of its Unix socket, or
        /// `"host:port"` (port 24 if none is named). Messages wait in the spool until the server has
        /// taken them. It is not the POP3 session that waits: see `docs/targets.md`.
        ///
        /// LMTP cannot tell later what a server has. So if the connection breaks after a whole message
        /// was sent, or mailpull is killed before the answer is recorded, the next run hands the message
        /// over again, and `mailpull log` marks it. A server with Sieve can drop the repeat: see
        /// `id-header`.
        "lmtp" => target, read delivery::lmtp;
        /// The name of a target, `[targets.NAME]`, or a list of names. See *A target*, below. With several
        /// targets, a message is delivered when each of them has it. One that is down or refuses a message
        /// keeps it from no other, and no other gets it again.
        "deliver", takes TextOrList => target, read delivery::deliver;
        /// The recipient whom the server is told. With `lmtp`, this or `local-user` is required.
        "recipient" => recipient: EnvelopeAddress, read delivery::recipient;
        /// `none`: cleartext, which is allowed only to this machine unless `allow-cleartext` is set. The
        /// program that listens there must be yours or root's.
        /// `starttls`: the connection must switch to TLS before a message is sent, and the certificate of
        /// the server must have its name and be issued by an authority that this machine trusts.
        "lmtp-security", otherwise "`none` to this machine, else `starttls`",
            words ["none", "starttls"]
            => lmtp_security: LmtpSecurity, read delivery::lmtp_security;
        /// With `true` each message gets one line on top, `X-Mailpull-Id`, which is the same if it is
        /// handed over again: a hash that no other message has. With `lmtp` only.
        /// Sieve can drop repeats by it:
        /// `require "duplicate"; if duplicate :header "X-Mailpull-Id" { discard; stop; }`.
        "id-header", default "false", words ["true", "false"]
            => id_header: bool, read values::boolean;
    }
    "A target" {
        /// `imap`: the messages are stored in a folder of an IMAP server. It is asked after a crash which
        /// messages it has, so that none is stored twice.
        /// `lmtp`: a mail server takes them. `maildir`: they are written to a Maildir.
        /// `mbox`: they are appended to a file. Required.
        "kind", words ["imap", "lmtp", "maildir", "mbox"] => kind: TargetKind, read delivery::kind;
        /// The path of the Maildir or mbox file. See `maildir` and `mbox`.
        "path" => path: String, read values::line;
        /// The folder of the IMAP server. Its levels are separated by `/`, whatever the server uses.
        "folder", default "INBOX" => folder: String, read delivery::folder;
        /// With `true` the folder is created, and subscribed to, if there is none. Otherwise a mistyped
        /// name would hide the mail.
        "create-folder", default "false", words ["true", "false"]
            => create_folder: bool, read values::boolean;
    }
    "What stays on the server" {
        /// `true`: all messages stay. `false`: delivered messages are deleted. An age such as
        /// `"14 days"`: messages are deleted that long after their delivery. If the clock was set back, or
        /// is more than 90 days ahead of the last run, the age counts anew, and the run reports it once.
        ///
        /// If `keep` has changed and more than 100 messages of earlier runs would now be deleted,
        /// they stay, and the run reports it; `--delete` deletes them. It makes no difference if the
        /// new value comes from `-o` or `--keep=`. A message that the server
        /// lists again after its deletion is deleted once more. If it comes back twice, it stays
        /// until `--delete` is given at least a day later.
        "keep", default "true", takes Keep => keep: Keep, read choices::keep;
    }
    "Rules and filters" {
        /// What becomes of new messages, as a list of tables, which are best written as sections:
        /// `[[accounts.NAME.rules]]`, or `[[rules]]` in a file of `accounts-dir`. The first rule that matches
        /// decides. Without one, a message is delivered as usual. See `docs/rules.md`.
        ///
        /// `if` is a table of conditions, all of which must be met: `from`, `to` (To or Cc), `subject`,
        /// `list-id`, or `header` with `matches`, each with a regular expression that ignores case;
        /// `size-over`, `size-under`, `older-than`; and `all`, `any` and `not` with tables of conditions.
        ///
        /// `action` is `leave` (the message stays on the server), `delete` (it is deleted from the server at
        /// once) or `discard` (it is fetched, thrown away, and counts as delivered). `deliver` names the
        /// targets that get it instead of the usual ones.
        ///
        /// If the rules have changed and more than 100 messages would be deleted by them, these stay, and the
        /// run reports it; `--delete` deletes them.
        "rules", takes Rules => rules: Vec<AccountRule>, put KeyEntry::put_rules;
        /// The program that decides about each message which has arrived and which no rule has taken away: a
        /// list, or a string that is split like the words of a shell. It gets the message on its standard input.
        /// With status 0 the message is delivered; with 99 it is thrown away and counts as delivered; with 100
        /// it stays on the server. With any other status, after a signal, or after `mda-timeout`, it is neither
        /// delivered nor deleted, and the next run asks again. See `docs/rules.md`.
        "filter-command", takes TextOrList => filter_command: Vec<String>, read programs::hook;
        /// With `true` what the filter prints takes the place of the message, if it is not empty.
        "filter-rewrites", default "false", words ["true", "false"]
            => filter_rewrites: bool, read values::boolean;
    }
    "How much is fetched" {
        /// The most messages that one run fetches. The next runs fetch the others.
        "max-messages", otherwise "no limit", takes Count => max_messages: u64, read values::count;
        /// Larger messages stay on the server. Each of them is reported once.
        "max-size", otherwise "no limit", takes Size => max_size: u64, read values::size;
        /// The most octets that one run fetches. At least one message is always fetched. If LIST names
        /// sizes that are too small, twice as much may arrive before the run ends.
        "max-total", otherwise "no limit", takes Size => max_total: u64, read values::size;
        /// The order in which messages are fetched. With `newest-first` and a limit, each run after the first
        /// also fetches the oldest message that waits, so that no message waits endlessly. With
        /// `max-messages = 1` it does not.
        "order", default "oldest-first", words ["oldest-first", "newest-first"]
            => order: Order, read choices::order;
        /// The time between two visits, from begin to begin. `mailpull watch` visits each account at its
        /// interval, which is up to a tenth shorter or longer each time. `mailpull fetch` leaves an
        /// account out if nine tenths of its interval have not passed, unless it is named.
        "interval", otherwise "each run of `mailpull fetch`; five minutes for `mailpull watch`", takes Duration
            => interval: Duration, read values::duration;
    }
    "Commands around a visit" {
        /// The command that runs before the account is visited, for example to open a tunnel. A string is
        /// split into words like a shell does, but no shell is run. If it fails, or takes more than 60
        /// seconds, the account is left out (75). The variable *MAILPULL_ACCOUNT* has the account's name.
        "pre-command", takes TextOrList => pre_command: Vec<String>, read programs::hook;
        /// The command that runs after each visit. Beside *MAILPULL_ACCOUNT*, the variables
        /// *MAILPULL_STATUS*, *MAILPULL_DELIVERED*, *MAILPULL_DELETED*, *MAILPULL_FAILED* and
        /// *MAILPULL_OCTETS* have the exit status of the account, the numbers of messages and the octets
        /// delivered. It has 60 seconds. If it fails, that is a warning.
        "post-command", takes TextOrList => post_command: Vec<String>, read programs::hook;
        /// The command that runs after a visit that delivered mail, with the same variables: for example
        /// `["notmuch", "new"]`. What such a command prints goes to standard error.
        "new-mail-command", takes TextOrList => new_mail_command: Vec<String>, read programs::hook;
    }
    "What is reported" {
        /// A temporary error (status 75) is reported on standard error only when this many runs in
        /// a row have failed. It is reported at once if no run of the account was ever good, on a terminal,
        /// and with `-v`. The status is 75 from the first failure on.
        ///
        /// An error that ends one run after the other is reported once a day, and once that it is over.
        "report-after", default "3", takes Count => report_after: u64, read values::count;
    }
}

const fn first(list: &[&'static str]) -> Option<&'static str> {
    match list {
        [first, ..] => Some(*first),
        [] => None,
    }
}

#[cfg(test)]
mod tests;
