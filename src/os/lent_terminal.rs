//! Lends the terminal to another program, so that Ctrl-C is a matter between that program and the user.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGQUIT};

/// The terminal while another program has it: an editor or a pager. Until this is dropped, Ctrl-C and Ctrl-\\ do
/// not end this program, which would leave the other one without its terminal. Afterwards they do.
#[derive(Debug)]
pub(crate) struct LentTerminal;

/// True while the signals of the terminal end this program; set once they were ever kept from that.
static IS_TERMINAL_OURS: OnceLock<Arc<AtomicBool>> = OnceLock::new();

impl LentTerminal {
    /// Lends the terminal. If the system refuses the handlers, the signals end this program as before.
    pub(crate) fn lend() -> Self {
        let is_ours = IS_TERMINAL_OURS.get_or_init(|| {
            let is_ours = Arc::<AtomicBool>::default();
            for signal in [SIGINT, SIGQUIT] {
                let condition = Arc::clone(&is_ours);
                // Without a handler the signal ends this program, which then only looks untidy.
                let _ = signal_hook::flag::register_conditional_default(signal, condition);
            }
            is_ours
        });
        is_ours.store(false, Ordering::SeqCst);
        Self
    }
}

impl Drop for LentTerminal {
    fn drop(&mut self) {
        if let Some(is_ours) = IS_TERMINAL_OURS.get() {
            is_ours.store(true, Ordering::SeqCst);
        }
    }
}
