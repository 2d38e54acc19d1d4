//! `account test`: the mail server to which an account's messages are delivered. Nothing is delivered.

use super::findings;
use crate::commands::Context;
use crate::config::Account;
use crate::delivery::mbox;
use crate::exit::{Exit, Failure};
use crate::net::tls::Proof;
use crate::net::{ConnectStep, Stream};
use crate::report::{Fact, Finding, Octets};
use crate::targets::Destination;
use crate::targets::{imap, lmtp};

/// Tests the targets of an account, and reports the findings. A Maildir and an MDA are not tested.
pub(super) fn test(account: &Account, context: &Context<'_>, report: &dyn Fn(&Finding)) -> Exit {
    let tested = account.destinations();
    let tested = tested.map(|destination| test_one(destination, account, context, report));
    tested.max().unwrap_or_default()
}

fn test_one(
    destination: &Destination,
    account: &Account,
    context: &Context<'_>,
    report: &dyn Fn(&Finding),
) -> Exit {
    let probed = match destination {
        Destination::Imap(options) => {
            let probed = probe_imap(options, account, context, report);
            probed.map_err(|error| (error.to_string(), error.hint(), error.exit()))
        }
        Destination::Lmtp(options) => {
            let probed = probe_lmtp(options, account, context, report);
            probed.map_err(|error| (error.to_string(), error.hint(), error.exit()))
        }
        Destination::Mbox(options) => {
            let probed = probe_mbox(options, context, report);
            probed.map_err(|error| (error.to_string(), error.hint(), error.exit()))
        }
        Destination::Maildir { .. } | Destination::Mda(_) => Ok(()),
    };
    match probed {
        Ok(()) => Exit::Done,
        Err((what, hint, exit)) => {
            let failure = Failure {
                hint,
                ..Failure::new(format!("testing the target: {what}"), exit)
            };
            context.report_failure(context.reporter(&account.name), &failure)
        }
    }
}

/// Reports that the target answers.
fn report_answer(kind: &str, step: ConnectStep<'_>, report: &dyn Fn(&Finding)) {
    if let ConnectStep::Answered { address, took } = step {
        let took = findings::milliseconds(took);
        let words = format!("{kind} {address} answered in {took}");
        report(&Finding::new("target", words).with("address", Fact::text(address)));
    }
}

fn probe_imap(
    options: &imap::ImapOptions,
    account: &Account,
    context: &Context<'_>,
    report: &dyn Fn(&Finding),
) -> Result<(), imap::Error> {
    let dialer = context.imap_dialer(account, options);
    let mut session = dialer.open(&|step| report_answer("IMAP", step, report))?;
    if let Stream::Tls(stream) = session.stream() {
        let found = findings::encrypted(stream, &options.dial.tls.proof);
        found.iter().for_each(report);
    }
    let capabilities = session.capabilities();
    report(&findings::capabilities(
        "at the target",
        capabilities.words(),
    ));
    let has_uids = capabilities.uid_plus();
    let folder = &options.folder;
    let state = match imap::look_at_folder(options, &mut session)? {
        None => "it will be created".to_owned(),
        Some(imap::MailboxStatus {
            messages: Some(messages),
            ..
        }) => format!("messages: {messages}"),
        Some(_) => "it is there".to_owned(),
    };
    session.logout();
    report(&Finding::new("folder", format_args!("{folder}; {state}")));
    let promise = match has_uids {
        true => "exactly once (UIDPLUS)",
        false => "exactly once, unless several accounts store equal messages (no UIDPLUS)",
    };
    report(&Finding::new("promise", promise));
    Ok(())
}

fn probe_mbox(
    options: &mbox::MboxOptions,
    context: &Context<'_>,
    report: &dyn Fn(&Finding),
) -> Result<(), mbox::Error> {
    let state = match mbox::look_at(options, &context.interrupt)? {
        None => "will be created".to_owned(),
        Some(octets) => {
            let locks = match options.locks {
                mbox::MboxLocks::Fcntl => "fcntl",
                mbox::MboxLocks::FcntlAndDotLock => "fcntl and dotlock",
            };
            report(&Finding::new("lock", format_args!("{locks} can be taken")));
            format!("has {}", Octets(octets))
        }
    };
    report(&Finding::new("target", format_args!("{options} {state}")));
    report(&Finding::new("promise", "exactly once"));
    Ok(())
}

fn probe_lmtp(
    options: &lmtp::LmtpOptions,
    account: &Account,
    context: &Context<'_>,
    report: &dyn Fn(&Finding),
) -> Result<(), lmtp::Error> {
    let dialer = context.lmtp_dialer(account, options);
    let mut session = dialer.open(&|step| report_answer("LMTP", step, report))?;
    if let Stream::Tls(stream) = session.stream() {
        let proof = Proof::Authority(None);
        findings::encrypted(stream, &proof).iter().for_each(report);
    }
    let announced = session.extensions().lines();
    report(&findings::capabilities("at the target", announced));
    dialer.check(&mut session)?;
    session.quit();
    let recipient = &options.recipient;
    report(&Finding::new(
        "recipient",
        format_args!("{recipient} is accepted"),
    ));
    report(&Finding::new("promise", promise(options)));
    Ok(())
}

fn promise(options: &lmtp::LmtpOptions) -> &'static str {
    match options.adds_id_header {
        true => "at least once; exactly once if Sieve drops what has a known X-Mailpull-Id",
        false => "at least once; with id-header and Sieve's duplicate exactly once",
    }
}
