//! `fetch --only`: leaves out all messages but those that the user has named.

use std::collections::HashSet;
use std::ffi::OsStr;

use super::Poll;
use super::error::Error;
use crate::exit::{Exit, Failure};
use crate::mail::maildrop::{Listing, Position};
use crate::poll::named::listed_as;
use crate::poll::plan::Plan;
use crate::text::ServerText;

impl Poll<'_> {
    /// Leaves out all new messages but those that the user has named, if any are named.
    ///
    /// # Errors
    /// A named message is not listed, or it is not new. After a message was delivered that is no error: it may
    /// be the one.
    pub(super) fn choose_only(&self, listing: &Listing, plan: &mut Plan) -> Result<(), Error> {
        let words = &self.options.only;
        if words.is_empty() {
            return Ok(());
        }
        let wanted = plan.fetch.iter().chain(&plan.recognise);
        let wanted: HashSet<Position> = wanted.map(|pick| pick.position).collect();
        let mut chosen = HashSet::new();
        for word in words {
            let positions = listed_as(listing, word);
            let is_wanted = positions.iter().any(|at| wanted.contains(at));
            if !is_wanted && self.settled() == 0 {
                return Err(Error::Undecided(self.refused(word, positions.is_empty())));
            }
            chosen.extend(positions);
        }
        plan.leave_out(|pick| !chosen.contains(&pick.position));
        Ok(())
    }

    /// Says why a named message is not fetched.
    fn refused(&self, word: &OsStr, is_missing: bool) -> Failure {
        let (word, name) = (
            ServerText::new(word.as_encoded_bytes()),
            self.reporter.account,
        );
        if is_missing {
            let what = format!("no message is listed as {word}; nothing was fetched");
            let hint = format!("To see what is on the server: mailpull list {name}");
            return Failure::new(what, Exit::Usage).with_hint(hint);
        }
        let what = format!("message {word} is not new; nothing was fetched");
        let hint = format!("To fetch it again: mailpull seen forget {name} {word}");
        Failure::new(what, Exit::Usage).with_hint(hint)
    }
}
