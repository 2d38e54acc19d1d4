//! A progress bar a connection, and lines above it: the only door to indicatif.
//! Knows nothing of what the bars stand for.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Event, Plain, Reporter};

/// How often a bar is drawn at most, a second.
const FRAMES: u8 = 10;

/// Shows bars on standard error, and everything else as [`Plain`] does.
#[derive(Debug)]
pub struct Terminal {
    plain: Plain,
    bars: MultiProgress,
    by_account: Mutex<HashMap<String, ProgressBar>>,
}

impl Terminal {
    /// Bars below the lines of `plain`.
    pub fn new(plain: Plain) -> Self {
        Self {
            plain,
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(FRAMES)),
            by_account: Mutex::default(),
        }
    }

    fn begin(&self, account: &str, messages: usize, octets: Option<u64>) {
        if messages == 0 {
            return;
        }
        let (length, template) = match octets {
            Some(octets) => (
                octets,
                "{prefix} {wide_bar} {msg} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}",
            ),
            None => (messages as u64, "{prefix} {wide_bar} {msg} {eta}"),
        };
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = self.bars.add(ProgressBar::new(length).with_style(style));
        bar.set_prefix(account.to_owned());
        bar.set_message(format!("0/{messages}"));
        bar.enable_steady_tick(Duration::from_millis(200));
        self.bars_of_accounts().insert(account.to_owned(), bar);
    }

    fn bars_of_accounts(&self) -> std::sync::MutexGuard<'_, HashMap<String, ProgressBar>> {
        self.by_account
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter for Terminal {
    fn report(&self, account: &str, event: Event<'_>) {
        match event {
            Event::Begun { messages, octets } => self.begin(account, messages, octets),
            Event::Received(octets) => {
                if let Some(bar) = self.bars_of_accounts().get(account) {
                    bar.inc(octets);
                }
            }
            Event::Finished(_) => {
                if let Some(bar) = self.bars_of_accounts().remove(account) {
                    bar.finish_and_clear();
                    self.bars.remove(&bar);
                }
            }
            _ => {}
        }
        // Lines go above the bars and do not tear them.
        if self.plain.line(account, event).is_some() || matches!(event, Event::Finished(_)) {
            self.bars.suspend(|| self.plain.report(account, event));
        } else {
            self.plain.report(account, event);
        }
    }
}
