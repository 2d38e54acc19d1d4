//! `account test`: the mail server to which an account's messages are delivered. Nothing is delivered.

use super::findings;
use crate::commands::Context;
use crate::config::Account;
use crate::exit::{Exit, Failure};
use crate::net::tls::Proof;
use crate::net::{ConnectStep, Stream};
use crate::report::{Fact, Finding};
use crate::targets::Destination;
use crate::targets::lmtp;

/// Tests the target of an account, and reports the findings. A Maildir and an MDA are not tested.
pub(super) fn test(account: &Account, context: &Context<'_>, report: &dyn Fn(&Finding)) -> Exit {
    let Some(Destination::Lmtp(options)) = &account.destination else {
        return Exit::Done;
    };
    match probe(options, account, context, report) {
        Ok(()) => Exit::Done,
        Err(error) => {
            let failure = Failure {
                hint: error.hint(),
                ..Failure::new(format!("testing the target: {error}"), error.exit())
            };
            context.report_failure(context.reporter(&account.name), &failure)
        }
    }
}

fn probe(
    options: &lmtp::LmtpOptions,
    account: &Account,
    context: &Context<'_>,
    report: &dyn Fn(&Finding),
) -> Result<(), lmtp::Error> {
    let dialer = context.lmtp_dialer(account, options);
    let mut session = dialer.open(&|step| {
        if let ConnectStep::Answered { address, took } = step {
            let words = format!(
                "LMTP {address} answered in {}",
                findings::milliseconds(took)
            );
            report(&Finding::new("target", words).with("address", Fact::text(address)));
        }
    })?;
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
