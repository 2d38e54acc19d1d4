//! `mailpull rules`: tries the rules of an account on a message.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::{Context, print_line, seen};
use crate::cli::RulesCommand;
use crate::config::Account;
use crate::exit::{Exit, Failure};
use crate::mail::headers::HeaderReader;
use crate::moment::Moment;
use crate::rules::{MessageFacts, RuleCondition, RuleVerdict};
use crate::text::ServerText;

/// Runs a command of `rules`.
pub(super) fn run(command: &RulesCommand, context: &Context<'_>) -> Result<Exit, Failure> {
    let RulesCommand::Test { account, file } = command;
    test(&seen::find(account, context)?, file)
}

/// Says which rule takes a message, and what became of the rules before it.
fn test(account: &Account, file: &Path) -> Result<Exit, Failure> {
    let rules = &account.rules;
    if rules.is_empty() {
        let what = format!("account {} has no rules", account.name);
        return Err(
            Failure::new(what, Exit::Configuration).with_hint("Add [[accounts.NAME.rules]]")
        );
    }
    let now = Moment::now();
    let message = read(file)?;
    let mut reader = HeaderReader::for_rules();
    reader.push(&message.header);
    let fields = reader.fields(&rules.field_names(), now);
    let facts = MessageFacts {
        size: Some(message.octets),
        fields: Some(&fields),
        now,
    };
    let verdict = rules.decide(&facts);
    let last = match verdict {
        RuleVerdict::Rule(number, _) => number,
        _ => usize::MAX,
    };
    for (number, rule) in (1..)
        .zip(rules.iter())
        .take_while(|(number, _)| *number <= last)
    {
        let answer = if number == last {
            "matches"
        } else {
            "does not match"
        };
        print_line(&format!("rule {number} ({}) {answer}:", rule.origin));
        for leaf in rule.condition.leaves() {
            let is_met = leaf.is_met(&facts) == Some(true);
            print_line(&format!(
                "  {} {leaf}{}",
                if is_met { "yes" } else { "no " },
                found(leaf, &facts)
            ));
        }
    }
    match verdict {
        RuleVerdict::Rule(number, rule) => {
            print_line(&format!("rule {number} decides: {}", rule.action))
        }
        _ => print_line("no rule matches: the message is delivered as usual"),
    }
    Ok(Exit::Done)
}

/// Returns what a condition has found in the message.
fn found(leaf: &RuleCondition, facts: &MessageFacts<'_>) -> String {
    match leaf {
        RuleCondition::Field(names, _) => {
            let fields = facts.fields.into_iter();
            let values = fields.flat_map(|fields| names.iter().flat_map(|name| fields.named(name)));
            let values: Vec<_> = values
                .map(|value| format!("\"{}\"", ServerText::from(value)))
                .collect();
            match values.is_empty() {
                true => ": there is no such field".to_owned(),
                false => format!(": {}", values.join(", ")),
            }
        }
        RuleCondition::SizeOver(_) | RuleCondition::SizeUnder(_) => {
            format!(": {} octets", facts.size.unwrap_or_default())
        }
        RuleCondition::OlderThan(_) => {
            let arrived = facts.fields.and_then(|fields| fields.arrived);
            match arrived.and_then(|arrived| facts.now.since(arrived)) {
                Some(age) => format!(": {} s", age.as_secs()),
                None => ": its header does not say".to_owned(),
            }
        }
        _ => String::new(),
    }
}

/// A message of a file.
struct TriedMessage {
    /// The octets of its beginning, with LF, which holds the header.
    header: Vec<u8>,
    /// The size that a server would list: each line ends with CRLF.
    octets: u64,
}

fn read(file: &Path) -> Result<TriedMessage, Failure> {
    let failed = |source: io::Error| {
        let what = format!("cannot read {}: {source}", file.display());
        Failure::new(what, Exit::Usage)
    };
    let mut source: Box<dyn Read> = match file.as_os_str() == "-" {
        true => Box::new(io::stdin()),
        false => Box::new(File::open(file).map_err(failed)?),
    };
    let (mut header, mut octets) = (Vec::new(), 0);
    let mut piece = vec![0; 64 * 1024];
    let mut last = b'\n';
    loop {
        let read = source.read(&mut piece).map_err(failed)?;
        if read == 0 {
            return Ok(TriedMessage { header, octets });
        }
        for &octet in &piece[..read] {
            octets += 1 + u64::from(octet == b'\n' && last != b'\r');
            last = octet;
        }
        if header.len() < HEADER {
            header.extend(piece[..read].iter().filter(|octet| **octet != b'\r'));
        }
    }
}

/// The octets in which a header is looked for.
const HEADER: usize = 1024 * 1024;
