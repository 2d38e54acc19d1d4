//! The cases that are measured, with the participants and the goals of each.

use crate::mailbox::{Link, Mail};
use crate::measured::{DeliveryMethod, Measured};
use crate::metric::Metric;

/// One row of the table.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) work: Work,
    pub(crate) mail: Mail,
    pub(crate) accounts: usize,
    pub(crate) line: Link,
    pub(crate) delivery: DeliveryMethod,
    pub(crate) metric: Metric,
    pub(crate) entries: Vec<(Measured, Frequency)>,
    pub(crate) goals: Vec<Goal>,
    /// Additional lines in mailpull's configuration.
    pub(crate) keys: &'static str,
    /// Additional arguments of mailpull.
    pub(crate) flags: &'static [&'static str],
}

/// The work to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Work {
    /// Fetch a mailbox in which every message is new.
    Fetch,
    /// Look for new messages where everything was fetched before.
    NothingNew,
    /// Print the version.
    Version,
}

/// The number of measurements of a participant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Frequency {
    /// One in each round, as `--runs` asks for.
    Always,
    /// One in all.
    Once,
    /// One in all, with a tenth of the messages. Its time is multiplied by ten.
    Tenth,
}

/// A result that mailpull should reach in a case.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// At most this count.
    Count(u64),
    /// At least this many times faster than another participant.
    Faster(Measured, f64),
    /// At most this many times the limit of the machine.
    Limit(f64),
    /// At most this many times the time of another participant.
    Within(Measured, f64),
}

/// Returns every case. The numbers of messages are divided by `scale`.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn all(scale: usize) -> Vec<Case> {
    use Frequency::{Always, Once, Tenth};
    let ten_thousand = Mail::Small(10_000 / scale);
    let thousand = Mail::Small(1_000 / scale);
    let fetch = |name, title: &str, mail, line| Case {
        name,
        title: title.to_owned(),
        work: Work::Fetch,
        mail,
        accounts: 1,
        line,
        delivery: DeliveryMethod::Maildir,
        metric: Metric::Time,
        entries: vec![
            (Measured::Mailpull, Always),
            (Measured::Mpop, Always),
            (Measured::Line, Always),
            (Measured::Disk, Always),
        ],
        goals: Vec::new(),
        keys: "",
        flags: &[],
    };
    let slow = [
        (Measured::Fetchmail, Once),
        (Measured::Getmail, Once),
        (Measured::Fdm, Once),
    ];
    let very_slow = [
        (Measured::Fetchmail, Tenth),
        (Measured::Getmail, Tenth),
        (Measured::Fdm, Tenth),
    ];
    let all_always = [
        Measured::Mailpull,
        Measured::Mpop,
        Measured::Fetchmail,
        Measured::Getmail,
        Measured::Fdm,
    ];
    let all_always = all_always.map(|measured| (measured, Always));
    let mut cases = Vec::new();

    let mut case = fetch(
        "small",
        "10,000 messages of 2–6 KB",
        ten_thousand,
        Link::Plain,
    );
    case.entries.extend(very_slow);
    case.goals = vec![Goal::Faster(Measured::Mpop, 4.0), Goal::Limit(2.0)];
    cases.push(case);

    let mut case = fetch("small-tls", "the same, TLS", ten_thousand, Link::Tls);
    case.entries.extend(very_slow);
    case.goals = vec![Goal::Faster(Measured::Mpop, 3.5), Goal::Limit(1.7)];
    cases.push(case);

    let mixed = Mail::Mixed(2_000 / scale);
    let mut case = fetch("mixed", "2,000 messages, log-normal, TLS", mixed, Link::Tls);
    case.entries.extend(very_slow);
    case.goals = vec![Goal::Faster(Measured::Mpop, 1.3), Goal::Limit(1.25)];
    cases.push(case);

    let mut case = fetch(
        "large",
        "6 messages of 50 MB, TLS",
        Mail::Large(6),
        Link::Tls,
    );
    case.entries.extend(slow);
    case.goals = vec![Goal::Limit(1.15)];
    cases.push(case);

    let title = "1,000 messages, 50 ms round trip, TLS";
    let mut case = fetch("far", title, thousand, Link::Far);
    case.entries.extend(very_slow);
    case.goals = vec![Goal::Faster(Measured::Mpop, 2.5)];
    cases.push(case);

    let title = "nothing new, 50 ms round trip, TLS: round trips";
    let mut case = fetch("far-nothing", title, Mail::Small(20), Link::Far);
    case.work = Work::NothingNew;
    case.metric = Metric::RoundTrips;
    case.entries = all_always.to_vec();
    case.goals = vec![Goal::Count(3)];
    cases.push(case);

    let hundred_thousand = Mail::Tiny(100_000 / scale);
    let title = "nothing new, 100,000 seen messages, TLS";
    let mut case = fetch("nothing", title, hundred_thousand, Link::Tls);
    case.work = Work::NothingNew;
    case.entries.truncate(3);
    case.goals = vec![Goal::Within(Measured::Line, 1.2)];
    cases.push(case);

    let title = "1,000 messages, a flush takes 5 ms: flushes";
    let mut case = fetch("flushes", title, thousand, Link::Plain);
    case.metric = Metric::Flushes;
    case.entries.truncate(2);
    case.entries
        .extend([(Measured::Getmail, Once), (Measured::Fdm, Once)]);
    case.goals = vec![Goal::Faster(Measured::Mpop, 15.0), Goal::Count(60)];
    cases.push(case);

    let title = "1,000 messages, procmail for each";
    let mut case = fetch("procmail", title, thousand, Link::Plain);
    case.delivery = DeliveryMethod::Procmail;
    case.entries.truncate(2);
    case.entries.push((Measured::Fetchmail, Always));
    case.goals = vec![Goal::Faster(Measured::Fetchmail, 1.3)];
    cases.push(case);

    let mut case = fetch(
        "procmail-two",
        "the same, two at once",
        thousand,
        Link::Plain,
    );
    case.delivery = DeliveryMethod::Procmail;
    case.entries = vec![(Measured::Mailpull, Always), (Measured::Fetchmail, Always)];
    case.goals = vec![Goal::Faster(Measured::Fetchmail, 2.0)];
    case.keys = "mda-jobs = 2";
    cases.push(case);

    let title = "40 accounts, one message each, 50 ms, TLS";
    let mut case = fetch("accounts", title, Mail::Small(1), Link::Far);
    case.accounts = 40;
    case.entries = all_always.to_vec();
    case.goals = vec![Goal::Faster(Measured::Mpop, 10.0)];
    cases.push(case);

    let title = "2,000 accounts, nothing new, TLS";
    let mut case = fetch("many-accounts", title, Mail::Small(1), Link::Tls);
    case.work = Work::NothingNew;
    case.accounts = 2_000 / scale;
    case.entries = vec![(Measured::Mailpull, Once), (Measured::Line, Once)];
    case.goals = vec![Goal::Within(Measured::Line, 1.3)];
    case.flags = &["--jobs", "8"];
    cases.push(case);

    let title = "6 messages of 50 MB, TLS: peak memory in kB";
    let mut case = fetch("large-memory", title, Mail::Large(6), Link::Tls);
    case.metric = Metric::Memory;
    case.entries = all_always.map(|(measured, _)| (measured, Once)).to_vec();
    case.goals = vec![Goal::Count(12_000)];
    cases.push(case);

    let title = "100,000 seen messages, TLS: peak memory in kB";
    let mut case = fetch("listing-memory", title, hundred_thousand, Link::Tls);
    case.work = Work::NothingNew;
    case.metric = Metric::Memory;
    case.entries = vec![(Measured::Mailpull, Once), (Measured::Mpop, Once)];
    case.goals = vec![Goal::Count(32_000)];
    cases.push(case);

    let mut case = fetch("start", "`--version`", Mail::Small(1), Link::Plain);
    case.work = Work::Version;
    case.entries = all_always.to_vec();
    case.goals = vec![Goal::Within(Measured::Mpop, 1.5)];
    cases.push(case);
    cases
}
