//! Progress bars on a terminal, with lines above them.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Event, Plain, Reporter};
use bars::{AccountBar, Bars};
use screen::Drawing;

mod bars;
mod screen;

/// The time between two drawings.
const FRAME_TIME: Duration = Duration::from_millis(100);

/// Shows a bar for every account that fetches, and all other events as [`Plain`] does.
#[derive(Debug)]
pub(crate) struct Terminal {
    plain: Plain,
    shown: Arc<Shown>,
}

/// The bars, and how they stand on the screen.
#[derive(Debug, Default)]
struct Shown {
    state: Mutex<ShownState>,
    /// Is notified when a bar is gone.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct ShownState {
    bars: Bars,
    drawing: Drawing,
    /// True while a thread draws the bars.
    is_drawn: bool,
    /// True once the run is ending. Nothing is drawn any more: a second Ctrl-C must not leave bars behind.
    is_ending: bool,
}

impl Terminal {
    /// Draws bars on standard error, below the lines of `plain`.
    pub(crate) fn new(plain: Plain) -> Self {
        Self {
            plain,
            shown: Arc::default(),
        }
    }

    fn begin(&self, account: &str, messages: usize, octets: Option<u64>) {
        let mut state = self.shown.state();
        // A run may hold several sessions, each of which begins anew.
        state.bars.remove(account);
        if messages == 0 {
            return;
        }
        let bar = AccountBar::new(account, messages, octets, Instant::now());
        state.bars.add(bar);
        if !state.is_drawn {
            let shown = Arc::clone(&self.shown);
            let drawing = thread::Builder::new().spawn(move || shown.keep_drawing());
            // Without a thread there are no bars, and mail is fetched.
            state.is_drawn = drawing.is_ok();
        }
    }

    /// Prints a line above the bars.
    fn print_above(&self, print: impl FnOnce()) {
        let mut state = self.shown.state();
        state.drawing.erase();
        print();
        state.draw();
    }
}

impl Shown {
    /// Draws the bars until there is none.
    fn keep_drawing(&self) {
        let mut state = self.state();
        while !state.bars.is_empty() {
            state.bars.tick(Instant::now());
            state.draw();
            let waited = self.ended.wait_timeout(state, FRAME_TIME);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        state.is_drawn = false;
    }

    fn state(&self) -> MutexGuard<'_, ShownState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ShownState {
    fn draw(&mut self) {
        let size = screen::size();
        let rows = match self.is_ending {
            true => Vec::new(),
            false => self.bars.rows(size),
        };
        self.drawing.replace_by(rows, size);
    }
}

impl Reporter for Terminal {
    fn report(&self, account: &str, event: Event<'_>) {
        match event {
            Event::FetchStarted { messages, octets } => self.begin(account, messages, octets),
            Event::Received(octets) => self.shown.state().bars.receive(account, octets),
            Event::Retrieved => self.shown.state().bars.retrieve(account),
            Event::Finished(_) => {
                let mut state = self.shown.state();
                state.bars.finish(account);
                state.draw();
                self.shown.ended.notify_all();
            }
            Event::Ending(_) => {
                self.shown.state().is_ending = true;
                // The terminal has echoed ^C where the cursor was.
                self.print_above(|| {
                    let _ = write!(io::stderr(), "\r\x1b[K");
                });
            }
            _ => {}
        }
        // The bars are erased while the line is printed, so that it does not tear them.
        if let Some(line) = self.plain.line(account, event) {
            self.print_above(|| line.print());
        }
    }
}
