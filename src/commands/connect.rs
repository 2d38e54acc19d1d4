//! Connects a command to an account's server.

use std::sync::Arc;

use super::Context;
use super::brake::Brake;
use super::credentials::Passwords;
use crate::config::Account;
use crate::dial::{self, DialStep, Dialer, Security};
use crate::exit::{Exit, Failure};
use crate::mail::maildrop::Listing;
use crate::mail::memory::MemoryPart;
use crate::net::Stream;
use crate::net::tls::Proof;
use crate::os::secret::Secret;
use crate::poll::{self, survey};
use crate::pop3::{self, SessionHints, Sizes, Transaction};
use crate::report::Event;
use crate::report::plain::Verbosity;
use crate::seen::LastRun;
use crate::targets::imap::{ImapDialer, ImapOptions};
use crate::targets::lmtp::{self, LmtpDialer};
use crate::trace::{Direction, Trace};

impl Context<'_> {
    /// Returns a function that connects and logs in to an account. It may be called several times;
    /// the password is obtained only once.
    pub(super) fn connector<'a>(
        &'a self,
        account: &'a Account,
        passwords: &'a Passwords,
    ) -> impl FnMut(&SessionHints) -> Result<Transaction<Stream>, Failure> + 'a {
        self.watched_connector(account, passwords, &|_| {})
    }

    /// Returns a connector that shows its steps to `watcher`.
    pub(super) fn watched_connector<'a>(
        &'a self,
        account: &'a Account,
        passwords: &'a Passwords,
        watcher: &'a dyn Fn(DialStep<'_>),
    ) -> impl FnMut(&SessionHints) -> Result<Transaction<Stream>, Failure> + 'a {
        self.make_connector(account, passwords, watcher, None)
    }

    /// Returns a connector that makes no login while a brake holds it back.
    pub(super) fn braked_connector<'a>(
        &'a self,
        account: &'a Account,
        passwords: &'a Passwords,
        brake: &'a Brake,
    ) -> impl FnMut(&SessionHints) -> Result<Transaction<Stream>, Failure> + 'a {
        self.make_connector(account, passwords, &|_| {}, Some(brake))
    }

    fn make_connector<'a>(
        &'a self,
        account: &'a Account,
        passwords: &'a Passwords,
        watcher: &'a dyn Fn(DialStep<'_>),
        brake: Option<&'a Brake>,
    ) -> impl FnMut(&SessionHints) -> Result<Transaction<Stream>, Failure> + 'a {
        self.warn_of_unverified_server(account);
        let mut secret = None;
        move |hints| {
            let secret = match &mut secret {
                Some(secret) => secret,
                not_yet => not_yet.insert(passwords.of(account, self)?),
            };
            // A token differs each time, and what a sign-in needs is reported by itself.
            let brake = brake.filter(|_| account.sign_in.is_none());
            let marked = secret.clone();
            let mut log_in = || {
                self.log_in(account, secret, |secret| {
                    self.dial(account, secret, watcher, hints)
                })
            };
            match brake {
                Some(brake) => brake.log_in(marked.expose(), log_in),
                None => log_in(),
            }
        }
    }

    /// Lists a mailbox by `attempt`, which gets the memory for that before it connects. If the listing needs
    /// more than other accounts leave, this waits until there is more, and tries again.
    pub(super) fn list<T>(
        &self,
        last: &LastRun,
        mut attempt: impl FnMut(MemoryPart) -> Result<Result<T, survey::Error>, Failure>,
    ) -> Result<T, Failure> {
        let mut octets = last.listing_memory;
        loop {
            let memory = self.memory.take(octets, || self.interrupt.is_ending());
            let Some(memory) = memory else {
                return Err(Failure::new("interrupted", Exit::Temporary));
            };
            match attempt(memory)? {
                Err(survey::Error::Pop3(pop3::Error::NoMemory(wanted))) => octets = wanted,
                listed => return Ok(listed?),
            }
        }
    }

    /// Connects and lists all messages with their sizes.
    ///
    /// # Errors
    /// The session fails, or a signal came.
    pub(super) fn list_sizes(
        &self,
        last: &LastRun,
        mut connect: impl FnMut(&SessionHints) -> Result<Transaction<Stream>, Failure>,
    ) -> Result<(Transaction<Stream>, Listing), Failure> {
        let hints = SessionHints {
            sizes: Sizes::Each,
            ..poll::session_hints(last)
        };
        self.list(last, |memory| {
            let mut session = connect(&hints)?;
            session.set_memory(memory);
            let listing = session.list(Sizes::Each).map_err(survey::Error::from);
            Ok(listing.map(|listing| (session, listing)))
        })
    }

    fn dial(
        &self,
        account: &Account,
        secret: &Secret,
        watcher: &dyn Fn(DialStep<'_>),
        hints: &SessionHints,
    ) -> Result<Transaction<Stream>, dial::Error> {
        let endpoint = &account.dial.net.endpoint;
        let reporter = self.reporter(&account.name);
        reporter.report(Event::Note(&format_args!("connecting to {endpoint}")));
        let dialer = Dialer {
            options: &account.dial,
            connectors: &self.connectors,
            secret,
            trace: &|| self.trace(account),
            interrupt: &self.interrupt,
            watcher,
        };
        let had_company = self.turns.has_company(endpoint.host());
        match dialer.dial(hints) {
            Err(error) if had_company && error.is_turned_away() => {
                reporter.report(Event::Note(&format_args!(
                    "{error}; trying again once no other account of this host is at work. To avoid \
                     that: max-per-host = 1"
                )));
                let is_alone = self.turns.wait_alone(endpoint.host(), &self.interrupt);
                let dialed = match is_alone {
                    true => dialer.dial(hints),
                    false => Err(error),
                };
                dialed.map_err(dial::Error::among_others)
            }
            dialed => dialed,
        }
    }

    /// Returns what connects to the IMAP server that takes an account's messages.
    pub(super) fn imap_dialer<'a>(
        &'a self,
        account: &'a Account,
        options: &'a ImapOptions,
    ) -> ImapDialer<'a> {
        let secret = || Ok(account.obtain_target_password(options, &self.interrupt)?);
        ImapDialer {
            options,
            connectors: &self.connectors,
            secret: Box::new(secret),
            trace: Box::new(|| self.trace(account)),
            interrupt: self.interrupt.clone(),
        }
    }

    /// Returns what connects to the mail server that takes an account's messages.
    pub(super) fn lmtp_dialer<'a>(
        &'a self,
        account: &'a Account,
        options: &'a lmtp::LmtpOptions,
    ) -> LmtpDialer<'a> {
        LmtpDialer {
            options,
            connectors: &self.connectors,
            trace: Box::new(|| self.trace(account)),
            interrupt: self.interrupt.clone(),
        }
    }

    fn warn_of_unverified_server(&self, account: &Account) {
        let is_encrypted = account.dial.security != Security::None;
        if !is_encrypted || !matches!(account.dial.tls.proof, Proof::Nothing) {
            return;
        }
        self.reporter(&account.name)
            .report(Event::Warning(&format_args!(
                "tls-verify = false: anybody who answers in place of {} gets the password and the \
                 mail; without this key the error shows the value for tls-pin",
                account.dial.net.endpoint
            )));
    }

    /// Returns what passes the conversation on to the reporter, for `-vv`.
    fn trace(&self, account: &Account) -> Option<Trace> {
        if self.verbosity < Verbosity::Trace {
            return None;
        }
        let (reporter, account) = (Arc::clone(&self.reporter), account.name.clone());
        Some(Box::new(move |direction, line| {
            let speaker = match direction {
                Direction::Client => "C",
                Direction::Server => "S",
            };
            reporter.report(&account, Event::Trace(speaker, line));
        }))
    }
}
