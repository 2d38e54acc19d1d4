//! Measures a case: everybody who takes part, one after the other, round after round.
//! Does not know what a case must come to.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::case::{Case, Frequency, Work};
use crate::contender::{Job, Who};
use crate::gauge::{self, Gauge, Sample};
use crate::limit::{self, Reading};
use crate::mailbox::BenchServer;

/// So often a program is started where that is all it does.
const STARTS: usize = 20;

/// What somebody's measurements come to.
#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) who: Who,
    pub(crate) pace: Frequency,
    /// The median; or why there is none.
    pub(crate) result: Result<Sample, String>,
}

/// A place to measure in.
pub(crate) struct Bench {
    folder: TempDir,
    mailpull: PathBuf,
    runs: usize,
    server: BenchServer,
}

impl Bench {
    pub(crate) fn new(runs: usize) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("mailpull-bench-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .expect("a temporary directory can be made");
        // Nobody may reach where it was built.
        let mailpull = folder.path().join("mailpull");
        fs::copy(env!("CARGO_BIN_EXE_mailpull"), &mailpull).expect("a program can be copied");
        let server = BenchServer::start(folder.path());
        Self {
            folder,
            mailpull,
            runs,
            server,
        }
    }

    /// Measures everybody in a case.
    pub(crate) fn run(&mut self, case: &Case) -> Vec<Figure> {
        let mut entrants: Vec<_> = case
            .entries
            .iter()
            .map(|&(who, pace)| Entrant {
                who,
                pace,
                job: self.prepare(case, who, pace),
                samples: Vec::new(),
            })
            .collect();
        for round in 0..self.runs {
            for entrant in &mut entrants {
                if round == 0 || entrant.pace == Frequency::Always {
                    self.take_sample(case, entrant, round);
                }
            }
        }
        entrants.into_iter().map(Entrant::figure).collect()
    }

    /// Makes the maildrops, and what somebody knows of them.
    fn prepare(&mut self, case: &Case, who: Who, pace: Frequency) -> Result<Job, String> {
        let mail = match pace {
            Frequency::Always | Frequency::Once => case.mail,
            Frequency::Tenth => case.mail.tenth(),
        };
        let users = self.server.users(mail, case.accounts);
        let job = Job {
            home: self.folder.path().join(format!("{}-{who:?}", case.name)),
            mailpull: self.mailpull.clone(),
            server: self.server.address(case.line),
            authority: self.server.authority(case.line),
            messages: mail.count() * users.len(),
            users,
            delivery: case.delivery,
            keys: case.keys,
            flags: case.flags,
        };
        // Dovecot looks at new mail once, and that is nobody's time.
        reading(&job, None).run();
        if case.work != Work::Fetch {
            job.configure(who);
        }
        if case.work == Work::NothingNew && who.is_program() {
            let mut first = job.command(who, &[]);
            if who == Who::Mpop {
                // With `keep` it marks everything as seen.
                first.arg("--killsize=0");
            }
            Gauge::Time.run(first, &job.home)?;
            Gauge::Time.run(job.command(who, &[]), &job.home)?;
        }
        Ok(job)
    }

    fn take_sample(&self, case: &Case, entrant: &mut Entrant, round: usize) {
        let Ok(job) = &mut entrant.job else { return };
        match self.sample(case, entrant.who, job, round) {
            Ok(sample) => entrant.samples.push(sample),
            Err(why) => entrant.job = Err(why),
        }
    }

    fn sample(&self, case: &Case, who: Who, job: &mut Job, round: usize) -> Result<Sample, String> {
        if case.work == Work::Fetch {
            // Another folder each time, and none is removed before the end: a file system may be
            // slow to use inodes again (ext4 without a journal waits for minutes).
            job.home.set_extension(round.to_string());
            job.configure(who);
            // What the one before has left to be written is not this one's time.
            rustix::fs::sync();
        }
        match who {
            Who::Disk => {
                let files = self.server.stored(&job.users[0]);
                return Ok(gauge::time(|| limit::write(&files, &job.home)));
            }
            Who::Line => {
                let retrieve = (case.work == Work::Fetch).then(|| job.messages / job.users.len());
                return Ok(gauge::time(|| reading(job, retrieve).run()));
            }
            _ => {}
        }
        if case.work == Work::Version {
            let mut starts = Vec::new();
            for _ in 0..STARTS {
                starts.push(Gauge::Time.run(job.version(who), &job.home)?);
            }
            return Ok(median(starts));
        }
        self.server.take_round_trips();
        let command = job.command(who, &case.gauge.wrapper(&job.home));
        let mut sample = case.gauge.run(command, &job.home)?;
        if case.gauge == Gauge::RoundTrips {
            sample.count = Some(self.server.take_round_trips());
        }
        let delivered: usize = job.users.iter().map(|user| job.delivered(user)).sum();
        let expected = job.messages;
        if case.work == Work::Fetch && delivered != expected {
            return Err(format!("{delivered} of {expected} messages came"));
        }
        Ok(sample)
    }
}

/// Somebody who takes part in a case; `job` tells why not any longer.
struct Entrant {
    who: Who,
    pace: Frequency,
    job: Result<Job, String>,
    samples: Vec<Sample>,
}

impl Entrant {
    fn figure(self) -> Figure {
        Figure {
            who: self.who,
            pace: self.pace,
            result: self.job.map(|_| median(self.samples)),
        }
    }
}

fn reading(job: &Job, retrieve: Option<usize>) -> Reading<'_> {
    Reading {
        address: job.server,
        authority: job.authority.as_deref(),
        users: &job.users,
        retrieve,
    }
}

/// The sample in the middle, by time.
fn median(mut samples: Vec<Sample>) -> Sample {
    samples.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
    samples[samples.len() / 2]
}
