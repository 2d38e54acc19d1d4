//! `mailpull list`: shows what is on the server, without downloading more than headers.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use super::Context;
use super::brake::Brake;
use super::credentials::Passwords;
use super::log::time;
use super::long_output::LongOutput;
use super::workers::Workers;
use crate::calendar::Calendar;
use crate::cli;
use crate::config::{Account, Overrides, Selection, Selector};
use crate::exit::{Exit, Failure};
use crate::mail::headers::{HeaderReader, ShownHeader};
use crate::mail::maildrop::{Listing, Position, UniqueId};
use crate::moment::Moment;
use crate::net::Stream;
use crate::poll::survey::KnownMessages;
use crate::poll::top::{Answer, read_headers_by};
use crate::pop3::{GoOn, Transaction};
use crate::report::columns::{cut, filled, terminal_width};
use crate::report::json::{self, ListedFacts};
use crate::report::{Event, Octets};
use crate::seen::StateFolder;
use crate::text::OneLine;

/// Shows the messages of each account, one line each.
pub(super) fn run(arguments: &cli::ServerListArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let overrides = Overrides::new([], &arguments.options.options)?;
    let selector = Selector {
        names: &arguments.accounts,
        shard: None,
    };
    let Selection {
        accounts, unusable, ..
    } = context.accounts(&selector, &overrides)?;
    let unusable = context.report_unusable(&unusable);
    let folder = context.state_folder()?;
    let list = ListAccounts {
        arguments,
        is_one: accounts.len() == 1,
        calendar: Calendar::local(),
        width: terminal_width(),
        folder: &folder,
        passwords: &Passwords::ask_ahead(&accounts, context),
        out: Mutex::new(LongOutput::new()),
        context,
    };
    let workers = Workers::new(&accounts, arguments.jobs);
    let done = workers.each(&context.interrupt, |account| match list.one(account) {
        Ok(()) => Exit::Done,
        Err(error) => context.report_failure(context.reporter(&account.name), &error),
    });
    let exits = done.results.into_iter().chain(unusable);
    Ok(exits.max().unwrap_or(Exit::Done))
}

/// The lists of accounts.
struct ListAccounts<'a> {
    arguments: &'a cli::ServerListArgs,
    /// True if no heading is needed to tell the accounts apart.
    is_one: bool,
    calendar: Calendar,
    /// The columns of the terminal, if the list goes to one.
    width: Option<usize>,
    folder: &'a StateFolder,
    passwords: &'a Passwords,
    /// The place for the lists of several accounts.
    out: Mutex<LongOutput>,
    context: &'a Context<'a>,
}

impl ListAccounts<'_> {
    /// Lists an account. Several accounts are listed at the same time, so each is shown as a whole.
    fn one(&self, account: &Account) -> Result<(), Failure> {
        let _turn = self.context.turns.begin(account.dial.net.endpoint.host());
        if self.is_one && self.width.is_some() {
            return self.list(account, &mut LongOutput::new());
        }
        if self.is_one {
            // A line for each write would take longer than the headers.
            let mut out = io::BufWriter::new(io::stdout().lock());
            let listed = self.list(account, &mut out);
            // A reader who closed standard output has seen enough.
            let _ = out.flush();
            return listed;
        }
        let mut shown = Vec::new();
        if !self.context.global.json {
            shown.extend_from_slice(format!("{}:\n", OneLine(&account.name)).as_bytes());
        }
        let listed = self.list(account, &mut shown);
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // A reader who closed standard output has seen enough.
        let _ = out.write_all(&shown);
        listed
    }

    fn list(&self, account: &Account, out: &mut impl Write) -> Result<(), Failure> {
        let ledger = self.context.open_ledger(account, self.folder)?;
        let last = ledger.runs().last()?;
        let known = KnownMessages::of(&ledger)?;
        let brake = Brake::of(&ledger, !self.arguments.accounts.is_empty())?;
        let connect = self
            .context
            .braked_connector(account, self.passwords, &brake);
        let (mut session, listing) = self.context.list_sizes(&last, connect)?;
        let states = known.states(&listing, account.policy.rules)?;
        if !self
            .arguments
            .accounts
            .iter()
            .any(|name| name.contains("://"))
        {
            let positions = listing.positions();
            let rows = positions.map(|at| (listing.number(at), listing.unique_id(at)));
            ledger.listed_rows().replace(rows)?;
        }
        let table = ListTable {
            list: self,
            account: &account.name,
            listing: &listing,
            states: &states,
        };
        let shown = table.show(&mut session, out);
        // Nothing was marked deleted, so the answer to QUIT decides nothing.
        if shown.is_ok() {
            session.quit();
        }
        shown
    }
}

/// The messages of an account, one line each.
struct ListTable<'a> {
    list: &'a ListAccounts<'a>,
    account: &'a str,
    listing: &'a Listing,
    /// The word for the state of each message, by position.
    states: &'a [&'static str],
}

/// The columns of a sender's name and address.
const SENDER_COLUMNS: usize = 24;
/// The columns of a state: that of `delivered`.
const STATE_COLUMNS: usize = 9;
/// The columns of a date and time.
const DATE_COLUMNS: usize = 16;
/// The columns of a size: that of `999.9 kB`, and one more.
const SIZE_COLUMNS: usize = 10;

impl ListTable<'_> {
    /// Shows each message as soon as its header is here. If the session breaks, the rest is shown without.
    fn show(&self, session: &mut Transaction<Stream>, out: &mut impl Write) -> Result<(), Failure> {
        let is_chosen =
            |at: &Position| !self.list.arguments.new || self.states[at.index()] == "new";
        let chosen: Vec<Position> = self.listing.positions().filter(is_chosen).collect();
        let context = self.list.context;
        let mut left = chosen.iter().copied();
        let mut ended = Ok(());
        if session.profile().may_have_top() && !chosen.is_empty() {
            let now = Moment::now();
            let messages = chosen.iter().map(|at| self.listing.message(*at, 0));
            ended = read_headers_by(
                HeaderReader::default,
                session,
                messages,
                &context.interrupt,
                |_, answer| {
                    let header = match answer {
                        Answer::Header(header, _) => Some(header.finish_shown(now)),
                        Answer::Refused => None,
                    };
                    let shown = left.next().is_some_and(|at| self.print(out, at, header));
                    if shown { GoOn::Yes } else { GoOn::No }
                },
            );
        } else if !chosen.is_empty() {
            let what =
                "the server sends no headers (TOP), so dates, senders and subjects are missing";
            let reporter = context.reporter(self.account);
            reporter.report(Event::Warning(&what));
        }
        if ended.is_ok() || !context.interrupt.is_ending() {
            while left.next().is_some_and(|at| self.print(out, at, None)) {}
        }
        ended.map_err(|error| {
            let failure = Failure::new(format_args!("reading headers: {error}"), error.exit());
            Failure {
                hint: error.hint(),
                ..failure
            }
        })
    }

    /// Prints a message. Returns false if the reader has closed standard output.
    fn print(&self, out: &mut impl Write, at: Position, header: Option<ShownHeader>) -> bool {
        let header = header.unwrap_or_default();
        let line = match self.list.context.global.json {
            true => self.json(at, &header),
            false => self.row(at, &header),
        };
        writeln!(out, "{}", OneLine(line)).is_ok()
    }

    fn json(&self, at: Position, header: &ShownHeader) -> String {
        let unique_id = UniqueId::new(self.listing.unique_id(at));
        json::listed(&ListedFacts {
            account: self.account,
            number: self.listing.number(at).value(),
            unique_id: unique_id
                .expect("a listing has only valid unique-ids")
                .typed(),
            state: self.states[at.index()],
            size: self.listing.size(at),
            date: header.date.map(time),
            header,
        })
    }

    /// Returns a row whose columns fit the terminal. For a file, senders and subjects are not cut.
    fn row(&self, at: Position, header: &ShownHeader) -> String {
        let last = self.listing.positions().next_back();
        let last = last.map_or(0, |last| self.listing.number(last).value());
        let digits = last.to_string().len();
        let number = self.listing.number(at);
        let size = self
            .listing
            .size(at)
            .map_or_else(|| "?".to_owned(), |size| Octets(size).to_string());
        let date = header.date.map(|date| self.list.calendar.minute(date));
        let mut row = format!("{number:>digits$}  ");
        let _ = write!(
            row,
            "{:STATE_COLUMNS$}  {:DATE_COLUMNS$}  {size:>SIZE_COLUMNS$}  ",
            self.states[at.index()],
            date.unwrap_or_default(),
        );
        let (from, subject) = (header.from.to_string(), header.subject.to_string());
        match self.list.width {
            None => {
                let _ = write!(row, "{from:SENDER_COLUMNS$}  {subject}");
            }
            Some(width) => {
                row += &filled(&from, SENDER_COLUMNS);
                row += "  ";
                row += &subject;
                row = cut(&row, width);
            }
        }
        row.truncate(row.trim_end().len());
        row
    }
}
