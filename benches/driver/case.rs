//! What is measured: the cases, who takes part in each, and what it must come to.
//! Numbers and names only.

use crate::contender::{DeliveryMethod, Who};
use crate::gauge::Gauge;
use crate::mailbox::{Link, Mail};

/// One row of the table.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) work: Work,
    pub(crate) mail: Mail,
    pub(crate) accounts: usize,
    pub(crate) line: Link,
    pub(crate) delivery: DeliveryMethod,
    pub(crate) gauge: Gauge,
    pub(crate) entries: Vec<(Who, Frequency)>,
    pub(crate) goals: Vec<Goal>,
    /// What mailpull is configured with besides.
    pub(crate) keys: &'static str,
    /// What mailpull's command line has besides.
    pub(crate) flags: &'static [&'static str],
}

/// What there is to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Work {
    /// Everything is new.
    Fetch,
    /// Everything was fetched before.
    NothingNew,
    /// Print the version.
    Version,
}

/// How often somebody is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Frequency {
    /// As often as is asked for.
    Always,
    /// Once.
    Once,
    /// Once, with a tenth of the messages, and counted ten times.
    Tenth,
}

/// What a case must come to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// A count of no more than so much.
    Count(u64),
    /// So many times faster than somebody, or faster still.
    Faster(Who, f64),
    /// No more than so many times what the machine can do at best.
    Limit(f64),
    /// No more than so many times somebody's time.
    Within(Who, f64),
}

/// Every case, with one message where there are `scale`.
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
        gauge: Gauge::Time,
        entries: vec![
            (Who::Mailpull, Always),
            (Who::Mpop, Always),
            (Who::Line, Always),
            (Who::Disk, Always),
        ],
        goals: Vec::new(),
        keys: "",
        flags: &[],
    };
    let slow = [
        (Who::Fetchmail, Once),
        (Who::Getmail, Once),
        (Who::Fdm, Once),
    ];
    let very_slow = [
        (Who::Fetchmail, Tenth),
        (Who::Getmail, Tenth),
        (Who::Fdm, Tenth),
    ];
    let all_always = [
        Who::Mailpull,
        Who::Mpop,
        Who::Fetchmail,
        Who::Getmail,
        Who::Fdm,
    ];
    let all_always = all_always.map(|who| (who, Always));
    let mut cases = Vec::new();

    let mut case = fetch(
        "small",
        "10,000 messages of 2–6 KB",
        ten_thousand,
        Link::Plain,
    );
    case.entries.extend(very_slow);
    case.goals = vec![Goal::Faster(Who::Mpop, 4.0), Goal::Limit(2.0)];
    cases.push(case);

    let mut case = fetch("small-tls", "the same, TLS", ten_thousand, Link::Tls);
    case.entries.extend(very_slow);
    case.goals = vec![Goal::Faster(Who::Mpop, 3.5), Goal::Limit(1.7)];
    cases.push(case);

    let mixed = Mail::Mixed(2_000 / scale);
    let mut case = fetch("mixed", "2,000 messages, log-normal, TLS", mixed, Link::Tls);
    case.entries.extend(very_slow);
    case.goals = vec![Goal::Faster(Who::Mpop, 1.3), Goal::Limit(1.25)];
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
    case.goals = vec![Goal::Faster(Who::Mpop, 2.5)];
    cases.push(case);

    let title = "nothing new, 50 ms round trip, TLS: round trips";
    let mut case = fetch("far-nothing", title, Mail::Small(20), Link::Far);
    case.work = Work::NothingNew;
    case.gauge = Gauge::RoundTrips;
    case.entries = all_always.to_vec();
    case.goals = vec![Goal::Count(3)];
    cases.push(case);

    let hundred_thousand = Mail::Tiny(100_000 / scale);
    let title = "nothing new, 100,000 seen messages, TLS";
    let mut case = fetch("nothing", title, hundred_thousand, Link::Tls);
    case.work = Work::NothingNew;
    case.entries.truncate(3);
    case.goals = vec![Goal::Within(Who::Line, 1.2)];
    cases.push(case);

    let title = "1,000 messages, a flush takes 5 ms: flushes";
    let mut case = fetch("flushes", title, thousand, Link::Plain);
    case.gauge = Gauge::Flushes;
    case.entries.truncate(2);
    case.entries
        .extend([(Who::Getmail, Once), (Who::Fdm, Once)]);
    case.goals = vec![Goal::Faster(Who::Mpop, 15.0), Goal::Count(60)];
    cases.push(case);

    let title = "1,000 messages, procmail for each";
    let mut case = fetch("procmail", title, thousand, Link::Plain);
    case.delivery = DeliveryMethod::Procmail;
    case.entries.truncate(2);
    case.entries.push((Who::Fetchmail, Always));
    case.goals = vec![Goal::Faster(Who::Fetchmail, 1.3)];
    cases.push(case);

    let mut case = fetch(
        "procmail-two",
        "the same, two at once",
        thousand,
        Link::Plain,
    );
    case.delivery = DeliveryMethod::Procmail;
    case.entries = vec![(Who::Mailpull, Always), (Who::Fetchmail, Always)];
    case.goals = vec![Goal::Faster(Who::Fetchmail, 2.0)];
    case.keys = "mda-jobs = 2";
    cases.push(case);

    let title = "40 accounts, one message each, 50 ms, TLS";
    let mut case = fetch("accounts", title, Mail::Small(1), Link::Far);
    case.accounts = 40;
    case.entries = all_always.to_vec();
    case.goals = vec![Goal::Faster(Who::Mpop, 10.0)];
    cases.push(case);

    let title = "2,000 accounts, nothing new, TLS";
    let mut case = fetch("many-accounts", title, Mail::Small(1), Link::Tls);
    case.work = Work::NothingNew;
    case.accounts = 2_000 / scale;
    case.entries = vec![(Who::Mailpull, Once), (Who::Line, Once)];
    case.goals = vec![Goal::Within(Who::Line, 1.3)];
    case.flags = &["--jobs", "8"];
    cases.push(case);

    let title = "6 messages of 50 MB, TLS: peak memory in kB";
    let mut case = fetch("large-memory", title, Mail::Large(6), Link::Tls);
    case.gauge = Gauge::Memory;
    case.entries = all_always.map(|(who, _)| (who, Once)).to_vec();
    case.goals = vec![Goal::Count(12_000)];
    cases.push(case);

    let title = "100,000 seen messages, TLS: peak memory in kB";
    let mut case = fetch("listing-memory", title, hundred_thousand, Link::Tls);
    case.work = Work::NothingNew;
    case.gauge = Gauge::Memory;
    case.entries = vec![(Who::Mailpull, Once), (Who::Mpop, Once)];
    case.goals = vec![Goal::Count(32_000)];
    cases.push(case);

    let mut case = fetch("start", "`--version`", Mail::Small(1), Link::Plain);
    case.work = Work::Version;
    case.entries = all_always.to_vec();
    case.goals = vec![Goal::Within(Who::Mpop, 1.5)];
    cases.push(case);
    cases
}
