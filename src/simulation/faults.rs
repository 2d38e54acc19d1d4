//! The kinds of faults, and which of them a history has.

use crate::os::sys::simulated::generator::Generator;

/// A kind of fault.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Fault {
    /// The process is killed before a step.
    Kills,
    /// The power fails between two runs. With [`Self::Kills`] that is a power cut at any step.
    PowerCuts,
    /// A mail reader moves messages to cur/ at any step.
    Reader,
    /// A flush fails, and the octets are lost although a later flush succeeds.
    FailedFlushes,
    /// The disk is full for some calls.
    FullDisk,
    /// The connection ends after any octet that the server sends: closed, reset or silent.
    Cuts,
    /// The server refuses RETR, TOP, DELE or QUIT.
    Refusals,
    /// The clock is set back or forth by up to 400 days between two runs.
    ClockJumps,
}

impl Fault {
    /// All kinds, with the name of each and in how many of a hundred histories it is.
    pub(super) const ALL: &[(Self, &str, u64)] = &[
        (Self::Kills, "kills", 70),
        (Self::PowerCuts, "power-cuts", 60),
        (Self::Reader, "reader", 60),
        (Self::FailedFlushes, "failed-flushes", 25),
        (Self::FullDisk, "full-disk", 25),
        (Self::Cuts, "cuts", 40),
        (Self::Refusals, "refusals", 25),
        (Self::ClockJumps, "clock-jumps", 15),
    ];

    /// Finds a kind by its name.
    pub(super) fn find(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|(_, other, _)| *other == name)
            .map(|(fault, ..)| *fault)
    }

    fn row(self) -> (&'static str, u64) {
        let mut all = Self::ALL.iter();
        let row = all.find(|(fault, ..)| *fault == self);
        row.map(|(_, name, percent)| (*name, *percent))
            .expect("every kind has a row")
    }

    /// Returns the name.
    pub(super) fn name(self) -> &'static str {
        self.row().0
    }
}

/// The faults of one history. Each kind has random numbers of its own, so that the others stay the same when
/// it is left out.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    seed: u64,
    left_out: Vec<Fault>,
}

impl Faults {
    /// Draws the faults of a history. Those that are left out do not happen.
    pub(super) fn new(seed: u64, left_out: &[Fault]) -> Self {
        Self {
            seed,
            left_out: left_out.to_vec(),
        }
    }

    /// Returns the random numbers of a kind of fault, or `None` if this history is without it.
    pub(super) fn draw(&self, fault: Fault) -> Option<Generator> {
        let (name, percent) = fault.row();
        let mut numbers = Generator::new(self.seed, name);
        let happens = numbers.percent(percent);
        (happens && !self.left_out.contains(&fault)).then_some(numbers)
    }

    /// Returns true if a kind of fault may happen.
    pub(super) fn have(&self, fault: Fault) -> bool {
        self.draw(fault).is_some()
    }

    /// Returns the kinds that may happen.
    pub(super) fn kinds(&self) -> Vec<Fault> {
        let all = Fault::ALL.iter().map(|(fault, ..)| *fault);
        all.filter(|fault| self.have(*fault)).collect()
    }
}
