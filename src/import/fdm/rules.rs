//! The destination of an account, which fdm finds by its rules.

use super::account_tags;
use super::parser::{FdmClause, FdmCondition, FdmConf, FdmRule};
use crate::import::{OldAccount, OldSurroundings, expanded};

/// Sets the place to which the rules deliver mail of an account whatever it contains. Other rules are named.
pub(super) fn set_destination(
    account: &mut OldAccount,
    name: &str,
    conf: &FdmConf,
    around: &OldSurroundings<'_>,
) {
    let mut search = DestinationSearch {
        name,
        conf,
        skipped: Vec::new(),
    };
    let found = search.in_rules(&conf.rules);
    account.reads("match");
    let lines: Vec<_> = search.skipped.iter().map(usize::to_string).collect();
    if !lines.is_empty() {
        account.note(format!(
            "rules that depend on the message are left out (lines {}): let the MDA or the mail server sort the mail",
            lines.join(", ")
        ));
    }
    let Some(mut deliveries) = found.map(|clauses| search.resolved(&clauses, 0)) else {
        account.note("no rule is for all mail of this account; name a maildir, an mbox or an mda");
        return;
    };
    // What is only done beside a delivery is named after it.
    deliveries.sort_by_key(|delivery| !is_place(delivery));
    let mut has_place = false;
    for delivery in &deliveries {
        let argument = delivery.argument("").or(delivery.argument("server"));
        let argument = argument.map(ToString::to_string).unwrap_or_default();
        account.reads(format!("action {} {argument}", delivery.keyword).trim_end());
        let is_other = has_place || !deliver(account, delivery, name, around);
        if is_other {
            account.note(format!(
                "{} is left out: {}",
                delivery.keyword,
                alternative(&delivery.keyword)
            ));
        }
        has_place |= !is_other;
    }
}

struct DestinationSearch<'c> {
    name: &'c str,
    conf: &'c FdmConf,
    /// The lines of rules that depend on the message.
    skipped: Vec<usize>,
}

impl DestinationSearch<'_> {
    /// Returns what the first rule does that takes all mail of the account.
    fn in_rules(&mut self, rules: &[FdmRule]) -> Option<Vec<FdmClause>> {
        let mut done = Vec::new();
        for rule in rules {
            let applies = match &rule.condition {
                FdmCondition::All => true,
                FdmCondition::Accounts(names) => {
                    if !names.iter().any(|pattern| is_match(pattern, self.name)) {
                        continue;
                    }
                    true
                }
                FdmCondition::Other => false,
            };
            if !applies {
                self.skipped.push(rule.line);
                continue;
            }
            if let Some(mut found) = self.in_rules(&rule.inner) {
                done.append(&mut found);
                return Some(done);
            }
            done.extend(rule.actions.iter().cloned());
            if !rule.goes_on {
                return Some(done);
            }
        }
        None
    }

    /// Returns the deliveries of which actions consist.
    fn resolved(&self, clauses: &[FdmClause], depth: usize) -> Vec<FdmClause> {
        let mut all = Vec::new();
        for clause in clauses {
            let is_named = ["action", "actions"].contains(&&*clause.keyword);
            // An action that contains itself, or hundreds of others, is a mistake.
            if !is_named || depth > DEEPEST_ACTION {
                all.push(clause.clone());
                continue;
            }
            for (name, _) in &clause.arguments {
                let action = self.conf.actions.get(&name.to_string());
                all.extend(self.resolved(action.map_or(&[], Vec::as_slice), depth + 1));
            }
            all.truncate(MOST_DELIVERIES);
        }
        all
    }
}

/// Returns true if a name fits a pattern of fdm, in which `*` stands for anything.
fn is_match(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            let mut ends = rest.char_indices().map(|(at, _)| &rest[at..]);
            ends.any(|end| is_match(after, end)) || is_match(after, "")
        }),
    }
}

fn is_place(delivery: &FdmClause) -> bool {
    ["maildir", "mbox", "pipe", "exec", "lmtp"].contains(&&*delivery.keyword)
}

/// Sets a destination. Returns false if mailpull has no counterpart.
fn deliver(
    account: &mut OldAccount,
    delivery: &FdmClause,
    name: &str,
    around: &OldSurroundings<'_>,
) -> bool {
    let argument = |keyword: &str| {
        let text = delivery.argument(keyword).map(ToString::to_string);
        text.and_then(|text| account_tags(&text, name, around))
    };
    let path = || argument("").map(|path| expanded(&path, around.home));
    match (&*delivery.keyword, argument(""), path()) {
        ("maildir", _, Some(path)) => account.set("maildir", path.trim_end_matches('/')),
        ("mbox", _, Some(path)) if !delivery.has("compress") => account.set("mbox", path),
        ("pipe" | "exec", Some(command), _) if !command.contains('%') => {
            account.set_command("mda", &command);
        }
        ("lmtp", _, _) => {
            let Some(server) = argument("server") else {
                return false;
            };
            match argument("port") {
                Some(port) => account.set("lmtp", format!("{server}:{port}")),
                None => account.set("lmtp", server),
            }
            let to = argument("to").unwrap_or_else(|| around.local_user.to_owned());
            account.set("recipient", to);
        }
        _ => return false,
    }
    true
}

/// Says what to do instead of an action.
fn alternative(keyword: &str) -> &'static str {
    match keyword {
        "maildir" | "mbox" | "pipe" | "exec" | "lmtp" => {
            "an account has one destination, which does not depend on the message; for several, see deliver"
        }
        "smtp" | "imap" | "imaps" => "see deliver, for mail servers as targets",
        "drop" => "mailpull deletes only what it delivered; to delete messages: mailpull delete",
        "keep" => "to leave mail on the server, set keep = true",
        "add-header" | "remove-header" | "remove-headers" | "rewrite" => {
            "mailpull delivers messages unchanged; let the MDA change them"
        }
        _ => "it has no counterpart",
    }
}

/// The most actions within each other.
const DEEPEST_ACTION: usize = 5;
/// The most deliveries of an account that are looked at.
const MOST_DELIVERIES: usize = 100;

#[cfg(test)]
mod tests {
    use super::super::tests::AROUND;
    use super::super::translate;
    use super::*;

    fn translated(rules: &str) -> OldAccount {
        let text = format!(
            "action 'in' maildir '%h/in'\naction 'both' {{ tag 'x' value 'y' action 'in' }}\n\
             action 'loop' action 'loop'\n\
             account 'a1' pop3 server 'localhost' user 'u' pass 'p'\n{rules}"
        );
        let mut translation = translate(&text, &AROUND).expect(rules);
        translation.accounts.remove(0)
    }

    fn destination(account: &OldAccount) -> Option<(&str, &str)> {
        let mut keys = account.keys.iter();
        keys.find(|(key, _)| ["maildir", "mbox", "mda", "lmtp"].contains(key))
            .map(|(key, value)| (*key, &**value))
    }

    #[test]
    fn the_first_rule_for_all_mail_names_the_destination() {
        for (rules, place, notes) in [
            (
                "match all action 'in'",
                Some(("maildir", "/home/joe/in")),
                0,
            ),
            (
                "match account 'b' action drop match account 'a*' action 'in'",
                Some(("maildir", "/home/joe/in")),
                0,
            ),
            (
                "match '^X' in headers action drop match all action 'both'",
                Some(("maildir", "/home/joe/in")),
                2,
            ),
            (
                "match account 'a1' { match size > 5 action drop match all action 'in' }",
                Some(("maildir", "/home/joe/in")),
                1,
            ),
            ("match all action mbox '~/m' compress", None, 1),
            (
                "match all action pipe 'a | b'",
                Some(("mda", "[\"sh\", \"-c\", \"a | b\"]")),
                0,
            ),
            (
                "match all actions { 'in' 'both' }",
                Some(("maildir", "/home/joe/in")),
                2,
            ),
            ("match all action 'loop'", None, 1),
            ("match all action maildir '%h/%y'", None, 1),
            (
                "match all action lmtp server '/run/lmtp' to 'joe@x'",
                Some(("lmtp", "/run/lmtp")),
                0,
            ),
            ("match '^X' in headers action 'in'", None, 2),
        ] {
            let account = translated(rules);
            assert_eq!(destination(&account), place, "{rules}");
            assert_eq!(account.notes.len(), notes, "{rules}: {:?}", account.notes);
        }
    }
}
