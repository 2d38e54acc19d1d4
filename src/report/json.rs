//! Events as JSON objects on standard output, one a line.
//! Scripts rely on the names and fields: new ones may be added, but none is changed or removed.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Event, Fact, Finding, Reporter};
use crate::exit::Failure;
use crate::mail::headers::ShownHeader;
use crate::mail::known::{Delivery, Taker};
use crate::mail::maildrop::UniqueId;
use crate::mail::status::AccountStatus;
use crate::moment::Moment;

/// Writes JSON lines, and passes events on to a reporter for people.
#[derive(Debug)]
pub(crate) struct Json<R> {
    people: R,
    /// Formats the present.
    time: fn() -> String,
}

impl<R: Reporter> Json<R> {
    /// Makes a reporter that also passes on to `people` what goes to standard error. `time` formats the present.
    pub(crate) fn new(people: R, time: fn() -> String) -> Self {
        Self { people, time }
    }
}

impl<R: Reporter> Reporter for Json<R> {
    fn report(&self, account: &str, event: Event<'_>) {
        if let Some(mut object) = object(event) {
            object["account"] = account.into();
            object["time"] = (self.time)().into();
            // A reader who closed standard output has seen enough.
            let _ = writeln!(io::stdout().lock(), "{object}");
        }
        match event {
            // These would go to standard output, too.
            Event::Checked { .. } | Event::DryRun(_) => {}
            Event::Finished(summary) if summary.is_dry => {}
            event => self.people.report(account, event),
        }
    }
}

/// Returns the fields of an event, if it has an object: `event`, `account` and the others that have a value,
/// each as JSON writes it.
pub(super) fn fields(account: &str, event: Event<'_>) -> Option<Vec<(String, String)>> {
    let Value::Object(mut fields) = object(event)? else {
        return None;
    };
    let kind = fields.remove("event")?;
    let account = (!account.is_empty()).then(|| ("account".to_owned(), account.into()));
    let first = [("event".to_owned(), kind)].into_iter().chain(account);
    let all = first.chain(fields).filter(|(_, value)| !value.is_null());
    Some(all.map(|(name, value)| (name, value.to_string())).collect())
}

fn object(event: Event<'_>) -> Option<Value> {
    Some(match event {
        Event::FetchStarted { messages, octets } => json!({
            "event": "begun", "messages": messages, "octets": octets,
        }),
        Event::Checked { messages, octets } => json!({
            "event": "checked", "messages": messages, "octets": octets,
        }),
        Event::Deleted(unique_id) => json!({
            "event": "deleted", "unique_id": unique_id.to_string(),
        }),
        Event::Ruled {
            unique_id,
            rule,
            action,
        } => json!({
            "event": "ruled", "unique_id": unique_id.to_string(), "rule": rule, "action": action,
        }),
        Event::Delivered(stored, place) => json!({
            "event": "delivered",
            "unique_id": stored.identity.unique_id.to_string(),
            "octets": stored.octets,
            "sha256": stored.digest.hex(32),
            "from": stored.header.from.to_string(),
            "subject": stored.header.subject.to_string(),
            "target": place.path.to_string_lossy(),
            "program": place.program,
            "file_name": stored.file_name,
        }),
        Event::Finished(summary) => json!({
            "event": "finished",
            "delivered": summary.delivered,
            "octets": summary.octets,
            "deleted": summary.deleted,
            "discarded": summary.discarded,
            "kept": summary.kept,
            "failed": summary.failed,
            "postponed": summary.postponed,
            "unfetched": summary.unfetched,
            "dry_run": summary.is_dry,
            "status": summary.exit.code(),
        }),
        Event::Problem(failure) | Event::TransientProblem(failure) => error(failure),
        Event::Warning(what) => json!({ "event": "warning", "message": what.to_string() }),
        Event::DryRun(intent) => json!({
            "event": "would",
            "action": intent.action,
            "number": intent.number,
            "unique_id": intent.unique_id.to_string(),
            "size": intent.size,
            "from": intent.header.map(|header| header.from.to_string()),
            "subject": intent.header.map(|header| header.subject.to_string()),
        }),
        Event::Ending(_)
        | Event::Note(_)
        | Event::Received(_)
        | Event::Retrieved
        | Event::Trace(..) => return None,
    })
}

fn error(failure: &Failure) -> Value {
    let mut object = json!({
        "event": "error", "message": failure.what, "status": failure.exit.code(),
    });
    if let Some(hint) = &failure.hint {
        object["hint"] = json!(hint);
    }
    object
}

/// Returns the line of `log` for a delivery. `time` formats a point in time.
pub(crate) fn delivery(delivery: &Delivery, time: &dyn Fn(Moment) -> String) -> String {
    let only = match &delivery.takers[..] {
        [taker] => Some(taker),
        _ => None,
    };
    let said = |taker: &Taker| (!taker.words.is_empty()).then(|| taker.words.to_string());
    let mut object = json!({
        "event": "logged",
        "account": delivery.account,
        "unique_id": delivery.unique_id.to_string(),
        "delivered": delivery.delivered.map(time),
        "deleted": delivery.deleted.map(time),
        "possibly_repeated": delivery.was_repeated,
        "target": delivery.target.to_string_lossy(),
        "program": only.map(|taker| &taker.name).or(delivery.program.as_ref()),
        "file_name": delivery.file_name,
        "octets": delivery.octets,
        "from": delivery.from.to_string(),
        "subject": delivery.subject.to_string(),
        "said": only.and_then(said),
    });
    if let Some(location) = only.and_then(|taker| taker.location.as_ref()) {
        object["location"] = location.as_str().into();
    }
    if delivery.takers.len() > 1 {
        let one = |taker: &Taker| {
            json!({
                "name": taker.name,
                "location": taker.location,
                "said": said(taker),
                "possibly_repeated": taker.was_repeated,
            })
        };
        object["targets"] = delivery.takers.iter().map(one).collect();
    }
    object.to_string()
}

/// Returns the line of `status` for an account. `time` formats a point in time.
pub(crate) fn status(
    account: &str,
    status: &AccountStatus,
    next_try: Option<Moment>,
    time: &dyn Fn(Moment) -> String,
) -> String {
    json!({
        "event": "status",
        "account": account,
        "last_run": status.last_run.map(|(when, _)| time(when)),
        "status": status.last_run.map(|(_, exit)| exit),
        "last_success": status.last_success.map(time),
        "failures": status.failures,
        "last_error": status.problem.as_ref().map(|(_, problem)| problem),
        "last_error_time": status.problem.as_ref().map(|(when, _)| time(*when)),
        "next_try": next_try.map(time),
        "staged": status.staged,
        "set_aside": status.set_aside,
        "on_server": status.on_server,
    })
    .to_string()
}

/// The facts about a message on the server.
pub(crate) struct ListedFacts<'a> {
    /// The name of the account.
    pub account: &'a str,
    /// The message's number in this session.
    pub number: u32,
    /// The message's unique-id, as a user can type it.
    pub unique_id: String,
    /// The word for its state.
    pub state: &'static str,
    /// The message's size in octets, if the server said so.
    pub size: Option<u64>,
    /// The date in its header.
    pub date: Option<String>,
    /// The sender and the subject.
    pub header: &'a ShownHeader,
}

/// Returns the line of `list` for a message.
pub(crate) fn listed(facts: &ListedFacts<'_>) -> String {
    json!({
        "event": "listed",
        "account": facts.account,
        "number": facts.number,
        "unique_id": facts.unique_id,
        "state": facts.state,
        "size": facts.size,
        "date": facts.date,
        "from": facts.header.from.to_string(),
        "subject": facts.header.subject.to_string(),
    })
    .to_string()
}

/// Returns the line of `seen list` for a message.
pub(crate) fn known(
    unique_id: &UniqueId,
    state: &str,
    size: &Option<u64>,
    stays_because: Option<&str>,
) -> String {
    json!({
        "event": "known",
        "unique_id": unique_id.typed(),
        "state": state,
        "size": size,
        "stays_because": stays_because,
    })
    .to_string()
}

/// Returns the line that says where to sign in, and which code to type there.
pub(crate) fn sign_in(account: &str, address: &str, code: Option<&str>) -> String {
    json!({ "event": "sign-in", "account": account, "address": address, "code": code }).to_string()
}

/// Returns the line for a user who has signed in, with the place of the tokens.
pub(crate) fn signed_in(account: &str, user: &str, place: &str) -> String {
    json!({ "event": "signed-in", "account": account, "user": user, "place": place }).to_string()
}

/// Returns the line for a sign-in or a password that is no longer stored.
pub(crate) fn signed_out(account: &str, user: &str, place: &str, was_there: bool) -> String {
    json!({
        "event": "signed-out",
        "account": account,
        "user": user,
        "place": place,
        "was_there": was_there,
    })
    .to_string()
}

/// Returns the line for a message that the server has taken for sending.
pub(crate) fn sent(account: &str, server: &str) -> String {
    json!({ "event": "sent", "account": account, "server": server }).to_string()
}

/// The facts about a setting of the configuration.
pub(crate) struct SettingFacts<'a> {
    /// The account that it applies to.
    pub account: Option<&'a str>,
    /// The target that it applies to.
    pub target: Option<&'a str>,
    /// Its key.
    pub key: &'a str,
    /// Its value; a secret is masked.
    pub value: &'a Value,
    /// The file and line where it was written; `None` for a default.
    pub place: Option<&'a str>,
}

/// Returns the line for a setting of the configuration.
pub(crate) fn setting(facts: &SettingFacts<'_>) -> String {
    json!({
        "event": "setting",
        "account": facts.account,
        "target": facts.target,
        "key": facts.key,
        "value": facts.value,
        "place": facts.place,
    })
    .to_string()
}

/// Returns the line for a finding about an account.
pub(crate) fn finding(account: &str, finding: &Finding) -> String {
    let mut object = json!({
        "event": "finding",
        "account": account,
        "topic": finding.topic,
        "text": finding.words,
    });
    for (name, fact) in &finding.facts {
        object[*name] = match fact {
            Fact::List(list) => json!(list),
            Fact::Number(number) => json!(number),
            Fact::Text(text) => json!(text),
        };
    }
    object.to_string()
}

/// Returns the line of `account list` for an account.
pub(crate) fn account(name: &str, place: [&str; 2], target: Option<&str>, state: &str) -> String {
    let [user, server] = place;
    json!({
        "event": "account",
        "account": name,
        "user": user,
        "server": server,
        "target": target,
        "state": state,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn an_error_event_has_a_hint_only_if_there_is_one() {
        let failure = Failure::new("connecting: no", Exit::Temporary);
        let without = json!({"event": "error", "message": "connecting: no", "status": 75});
        assert_eq!(object(Event::Problem(&failure)), Some(without.clone()));
        let mut with = without;
        with["hint"] = json!("Try again");
        let failure = failure.with_hint("Try again");
        assert_eq!(object(Event::TransientProblem(&failure)), Some(with));
    }
}
