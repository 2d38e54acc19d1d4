//! The steps of the program and of everything else that may happen.

use super::disk::{Change, File, FlushedFolder};
use super::{
    Action, CleanerHabit, Exception, MESSAGES, PlacementProof, ReaderHabit, Row, Rule, Run,
    ServerKind, Setting, Step, TrackedMessage, UserHabit, UserOrder, World,
};

/// A state, and the step that leads to it.
type NextState = (Action, World);

impl World {
    /// The beginning: all messages are on the server, and nothing is known.
    pub(super) fn beginning(setting: &Setting) -> Self {
        let mut messages = [TrackedMessage::DONE; MESSAGES];
        messages[..setting.messages].fill(TrackedMessage::NEW);
        Self {
            messages,
            run: Run::Down,
        }
    }

    /// Returns the states that may come next.
    pub(super) fn next(&self, setting: &Setting) -> Vec<NextState> {
        let mut next = self.program(setting);
        next.extend(self.kill());
        if setting.has_power_cuts {
            next.extend(self.power_cuts(setting));
        }
        for n in 0..MESSAGES {
            next.extend(self.reader(n, setting));
            next.extend(self.cleaner(n, setting));
            next.extend(self.order(n, setting));
        }
        for (_, world) in &mut next {
            world.forget_what_is_safe();
        }
        next
    }

    /// Treats messages alike to which nothing can happen any more. This keeps the search short.
    fn forget_what_is_safe(&mut self) {
        for message in &mut self.messages {
            if message.is_excepted && message.was_placed {
                *message = TrackedMessage::DONE;
            } else if message.row == Row::Delivered || message.row == Row::Gone {
                message.file.settle();
            }
        }
    }

    /// Returns what the program may do next.
    fn program(&self, setting: &Setting) -> Vec<NextState> {
        let mut settled = match self.run {
            Run::Down => return vec![(Action::Start, self.in_run(Run::Recovering))],
            Run::Recovering => self.recover(setting).into_iter().collect(),
            Run::Answered => return vec![self.mark_gone()],
            Run::Online | Run::Offline => Vec::new(),
        };
        if settled.is_empty() {
            settled = self.settle(setting);
        }
        match self.run {
            Run::Recovering if settled.is_empty() => {
                settled.push((Action::Connect, self.in_run(Run::Online)));
            }
            Run::Offline if settled.is_empty() => settled.push((Action::End, self.down())),
            Run::Online => {
                let is_settled = settled.is_empty();
                settled.extend(self.receive());
                if is_settled {
                    settled.extend(self.delete(setting));
                }
                let may_quit = !self
                    .messages
                    .iter()
                    .any(|message| message.is_on_its_way() || message.step == Step::Lost);
                if may_quit && is_settled || setting.is_without(Rule::QuitAfterSettling) {
                    settled.extend(self.quit(setting));
                }
            }
            _ => {}
        }
        settled
    }

    /// Finishes what the last run left: takes up one message.
    fn recover(&self, setting: &Setting) -> Option<NextState> {
        let (n, message) = self.first(|message| match message.row {
            Row::None => message.file.is_in_tmp(),
            Row::Staged | Row::Delivered => message.step == Step::Waiting,
            Row::Gone => false,
        })?;
        let mut next = *self;
        let recovered = &mut next.messages[n];
        let file = message.file;
        match message.row {
            // Nobody knows this file.
            Row::None => recovered.file.change(Change::Cleaned),
            Row::Staged if file.is_in_tmp() => recovered.step = Step::Staged,
            Row::Staged if file.is_hidden() => recovered.step = Step::Hidden,
            Row::Staged => {
                let is_found = file.is_in_new()
                    || file.is_in_maildir() && !setting.is_without(Rule::SearchCur);
                // With a proof we had put it in place, and a reader has removed it.
                if is_found || file.is_proven(setting) || setting.is_without(Rule::AbsenceIsNoProof)
                {
                    recovered.step = Step::InPlace;
                } else {
                    recovered.row = Row::None;
                    recovered.was_placed |= file.has(Change::Placed);
                    if file.has(Change::Removed) && !file.has(Change::Unlisted) {
                        recovered.is_excepted |= setting.allows(Exception::RemovedAfterPowerCut);
                    }
                }
            }
            Row::Delivered => recovered.step = Step::Recorded,
            Row::Gone => {}
        }
        Some((Action::Recover(n), next))
    }

    /// Custody step 1: receives the next message.
    fn receive(&self) -> Option<NextState> {
        if self.first(|message| message.step == Step::Marked).is_some() {
            return None;
        }
        let (n, _) = self.first(|message| {
            message.is_on_server
                && message.row == Row::None
                && message.step == Step::Waiting
                && message.order == UserOrder::None
        })?;
        let mut next = *self;
        let message = &mut next.messages[n];
        message.was_placed |= message.file.has(Change::Placed);
        message.file = File::NONE;
        message.file.change(Change::Written);
        message.file.change(Change::Created);
        message.step = Step::Received;
        Some((Action::Receive(n), next))
    }

    /// Custody steps 2 to 6: settles the batch that is on its way, and takes the next one.
    fn settle(&self, setting: &Setting) -> Vec<NextState> {
        let stages = !setting.is_without(Rule::StageBeforePlacing);
        let has = |step| self.first(|message| message.step == step).is_some();
        if stages && has(Step::Durable) {
            return vec![self.stage()];
        }
        let list = || {
            let (n, _) = self.first(|message| message.is_to_be_listed(setting))?;
            Some(self.with(n, Action::List(n), Change::Listed))
        };
        let place = || {
            let (n, _) = self.first(|message| message.step == Step::Hidden)?;
            Some(self.place(n))
        };
        let hide = || {
            let (n, _) = self.first(TrackedMessage::is_to_be_hidden)?;
            Some(self.hide(n))
        };
        // Each message takes all three steps before the next one.
        if let Some(next) = list().or_else(place).or_else(hide) {
            return vec![next];
        }
        if has(Step::InPlace) {
            return vec![self.flush_new(setting)];
        }
        let is_to_be_unlisted = |message: &TrackedMessage| message.is_to_be_unlisted(setting);
        if self.first(is_to_be_unlisted).is_some() {
            return vec![self.change_all(Action::Unlist, Change::Unlisted, is_to_be_unlisted)];
        }
        let mut next = Vec::new();
        if has(Step::Received) {
            next.push(self.flush_tmp(setting));
        }
        if has(Step::Delivered) {
            next.push(self.record());
        }
        next
    }

    /// Custody step 2: makes all messages that have arrived durable.
    fn flush_tmp(&self, setting: &Setting) -> NextState {
        let mut next = *self;
        let flushes = !setting.is_without(Rule::FlushBeforeStaging);
        for message in &mut next.messages {
            if message.step == Step::Received {
                message.step = Step::Durable;
                if flushes {
                    message.file.flush_octets();
                }
            }
            if flushes {
                message.file.flush(FlushedFolder::Tmp, setting.disk);
            }
        }
        (Action::FlushTmp, next)
    }

    /// Custody step 3: records the batch as staged, and the one before it as delivered.
    fn stage(&self) -> NextState {
        let mut next = self.record().1;
        for message in &mut next.messages {
            if message.step == Step::Durable {
                message.step = Step::Staged;
                message.row = Row::Staged;
            }
        }
        (Action::Stage, next)
    }

    /// Custody step 4: hides a message in new/.
    fn hide(&self, n: usize) -> NextState {
        let mut next = *self;
        let message = &mut next.messages[n];
        if message.file.is_in_tmp() {
            message.file.change(Change::Hidden);
            message.step = Step::Hidden;
        } else {
            // Somebody has removed it. It was never in place.
            message.step = Step::Lost;
            message.row = Row::None;
        }
        (Action::Hide(n), next)
    }

    /// Custody step 4: puts a message in place.
    fn place(&self, n: usize) -> NextState {
        let mut next = *self;
        let message = &mut next.messages[n];
        message.file.change(Change::Placed);
        message.step = Step::InPlace;
        (Action::Place(n), next)
    }

    /// Custody step 5: makes it durable that messages are in place.
    fn flush_new(&self, setting: &Setting) -> NextState {
        let mut next = *self;
        for message in &mut next.messages {
            if !setting.is_without(Rule::FlushNew) {
                message.file.flush(FlushedFolder::New, setting.disk);
            }
            if message.step == Step::InPlace {
                message.step = Step::Delivered;
            }
        }
        (Action::FlushNew, next)
    }

    /// Custody step 6: records messages as delivered.
    fn record(&self) -> NextState {
        let mut next = *self;
        for message in &mut next.messages {
            if message.step == Step::Delivered {
                message.step = Step::Recorded;
                message.row = Row::Delivered;
            }
        }
        (Action::Record, next)
    }

    /// Custody step 7: sends DELE for a message that is recorded, or whose deletion is ordered.
    fn delete(&self, setting: &Setting) -> Option<NextState> {
        let needs_record = !setting.is_without(Rule::RecordOrderBeforeDelete);
        let is_ordered = |message: &TrackedMessage| match message.order {
            UserOrder::None => false,
            UserOrder::Given => !needs_record,
            UserOrder::Recorded => true,
        };
        let (n, _) = self.first(|message| {
            let may_be_deleted = match message.step {
                Step::Recorded => true,
                Step::Waiting => is_ordered(message),
                _ => false,
            };
            message.is_on_server && may_be_deleted
        })?;
        let mut next = *self;
        next.messages[n].step = Step::Marked;
        Some((Action::Delete(n), next))
    }

    /// Custody step 7: sends QUIT, which the server obeys. Its answer may be lost.
    fn quit(&self, setting: &Setting) -> [NextState; 2] {
        let mut next = *self;
        for message in &mut next.messages {
            let is_retrieved = message.step >= Step::Received;
            message.is_on_server &= match setting.server {
                ServerKind::Obedient => message.step != Step::Marked,
                ServerKind::DeletesRetrieved => !is_retrieved,
            };
        }
        [
            (Action::QuitAnswered, next.in_run(Run::Answered)),
            (Action::QuitUnanswered, next.in_run(Run::Offline)),
        ]
    }

    /// Custody step 7: records what the server has confirmed.
    fn mark_gone(&self) -> NextState {
        let mut next = self.in_run(Run::Offline);
        for message in &mut next.messages {
            if message.step == Step::Marked {
                message.row = Row::Gone;
                if message.order == UserOrder::Given {
                    message.order = UserOrder::Recorded;
                }
            }
        }
        (Action::MarkGone, next)
    }

    fn kill(&self) -> Option<NextState> {
        (self.run != Run::Down).then(|| (Action::Kill, self.down()))
    }

    /// Returns the states that a power cut may leave.
    fn power_cuts(&self, setting: &Setting) -> Vec<NextState> {
        let mut left = vec![self.down()];
        for n in 0..MESSAGES {
            let mut survivors = self.messages[n].file.survivors(setting.disk);
            if !setting.is_without(Rule::PowerCutEndsList) {
                survivors.iter_mut().for_each(File::end_list);
            }
            left = left
                .iter()
                .flat_map(|world| {
                    survivors.iter().map(|file| {
                        let mut world = *world;
                        world.messages[n].file = *file;
                        world
                    })
                })
                .collect();
        }
        left.into_iter()
            .map(|world| (Action::PowerCut, world))
            .collect()
    }

    /// Returns what follows from the user's orders. A run that works on a message goes on with it, and carries
    /// the order out when it has delivered the message, or in a later session.
    fn order(&self, n: usize, setting: &Setting) -> Option<NextState> {
        let mut next = *self;
        let message = &mut next.messages[n];
        let may_order = setting.user == UserHabit::OrdersDeletions && message.is_on_server;
        let action = match message.order {
            UserOrder::None if may_order => {
                message.order = UserOrder::Given;
                Action::Order(n)
            }
            UserOrder::Given if message.step != Step::Marked => {
                message.order = UserOrder::Recorded;
                Action::RecordOrder(n)
            }
            _ => return None,
        };
        Some((action, next))
    }

    /// Returns what a mail reader may do with a message.
    fn reader(&self, n: usize, setting: &Setting) -> impl Iterator<Item = NextState> {
        let file = self.messages[n].file;
        let moves = file.is_in_new();
        let removes = file.is_in_maildir() && setting.reader == ReaderHabit::MovesAndRemoves;
        let moved = moves.then(|| self.with(n, Action::ReaderMoves(n), Change::Moved));
        let removed = removes.then(|| self.with(n, Action::ReaderRemoves(n), Change::Removed));
        moved.into_iter().chain(removed)
    }

    /// Returns what a program may do that removes other programs' files from tmp/.
    fn cleaner(&self, n: usize, setting: &Setting) -> Vec<NextState> {
        let file = self.messages[n].file;
        if setting.cleaner == CleanerHabit::Absent || !file.is_in_tmp() && !file.is_listed() {
            return Vec::new();
        }
        let mut next = *self;
        let message = &mut next.messages[n];
        if message.row == Row::Staged {
            message.is_excepted |= setting.allows(Exception::Cleaned);
        }
        if file.is_in_tmp() {
            message.file.change(Change::Cleaned);
        }
        let halfway = next;
        if file.is_listed() {
            next.messages[n].file.change(Change::Unlisted);
        }
        let mut cleaned = vec![(Action::Clean(n), next)];
        if setting.cleaner == CleanerHabit::Halfway && file.is_in_tmp() && file.is_listed() {
            cleaned.push((Action::Clean(n), halfway));
        }
        cleaned
    }

    fn first(
        &self,
        is_meant: impl Fn(&TrackedMessage) -> bool,
    ) -> Option<(usize, &TrackedMessage)> {
        self.messages
            .iter()
            .enumerate()
            .find(|(_, message)| is_meant(message))
    }

    /// Returns the state after a change of a message's file.
    fn with(&self, n: usize, action: Action, change: Change) -> NextState {
        let mut next = *self;
        next.messages[n].file.change(change);
        (action, next)
    }

    /// Returns the state after the same change of some messages' files.
    fn change_all(
        &self,
        action: Action,
        change: Change,
        is_meant: impl Fn(&TrackedMessage) -> bool,
    ) -> NextState {
        let mut next = *self;
        let meant = next.messages.iter_mut().filter(|message| is_meant(message));
        meant.for_each(|message| message.file.change(change));
        (action, next)
    }

    fn in_run(&self, run: Run) -> Self {
        Self { run, ..*self }
    }

    /// The program has ended, and has forgotten what it was doing.
    fn down(&self) -> Self {
        let mut down = self.in_run(Run::Down);
        for message in &mut down.messages {
            message.step = Step::Waiting;
            if message.order == UserOrder::Given {
                message.order = UserOrder::None;
            }
        }
        down
    }
}

impl TrackedMessage {
    /// A message that needs nothing more.
    pub(super) const DONE: Self = Self {
        row: Row::Gone,
        is_on_server: false,
        was_placed: true,
        ..Self::NEW
    };

    fn is_to_be_hidden(&self) -> bool {
        (Step::Durable..=Step::Staged).contains(&self.step)
    }

    /// True if it has left tmp/, and the list does not say so yet.
    fn is_to_be_listed(&self, setting: &Setting) -> bool {
        let listed_at = match setting.is_without(Rule::ListBeforePlacing) {
            true => Step::InPlace,
            false => Step::Hidden,
        };
        self.step == listed_at
            && setting.proof == PlacementProof::List
            && !self.file.has(Change::Listed)
    }

    /// True if the list is not needed any more.
    fn is_to_be_unlisted(&self, setting: &Setting) -> bool {
        let is_unneeded = match self.step {
            Step::Recorded => true,
            Step::Delivered => setting.is_without(Rule::RecordBeforeUnlisting),
            _ => false,
        };
        is_unneeded && self.file.is_listed()
    }
}

impl File {
    /// True if it was put in place, even if it is not in the Maildir any more.
    fn is_proven(self, setting: &Setting) -> bool {
        setting.proof == PlacementProof::List && self.is_listed()
    }
}

impl Setting {
    fn is_without(&self, rule: Rule) -> bool {
        self.without == Some(rule)
    }

    fn allows(&self, exception: Exception) -> bool {
        self.exceptions.contains(&exception)
    }
}
