//! Measures a case: in each round every participant, one after the other.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::case::{Case, Frequency, Work};
use crate::limit::{self, Reading};
use crate::mailbox::BenchServer;
use crate::measured::{Job, Measured};
use crate::metric::{self, Metric, Sample};

/// The number of starts in one measurement of [`Work::Version`].
const STARTS: usize = 20;

/// The result of a participant in a case.
#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) measured: Measured,
    pub(crate) frequency: Frequency,
    /// The median, or the reason why the participant failed.
    pub(crate) result: Result<Sample, String>,
}

/// The server and the folder of the benchmark.
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
        // The user nobody may not be able to read the build folder.
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

    /// Measures all participants of a case.
    pub(crate) fn run(&mut self, case: &Case) -> Vec<Figure> {
        let mut participants: Vec<_> = case
            .entries
            .iter()
            .map(|&(measured, frequency)| Participant {
                measured,
                frequency,
                job: self.prepare(case, measured, frequency),
                samples: Vec::new(),
            })
            .collect();
        for round in 0..self.runs {
            for participant in &mut participants {
                if round == 0 || participant.frequency == Frequency::Always {
                    self.take_sample(case, participant, round);
                }
            }
        }
        participants.into_iter().map(Participant::figure).collect()
    }

    /// Makes the maildrops, and for [`Work::NothingNew`] the client's record of them.
    fn prepare(
        &mut self,
        case: &Case,
        measured: Measured,
        frequency: Frequency,
    ) -> Result<Job, String> {
        let mail = match frequency {
            Frequency::Always | Frequency::Once => case.mail,
            Frequency::Tenth => case.mail.tenth(),
        };
        let users = self.server.users(mail, case.accounts);
        let job = Job {
            home: self
                .folder
                .path()
                .join(format!("{}-{measured:?}", case.name)),
            mailpull: self.mailpull.clone(),
            server: self.server.address(case.line),
            authority: self.server.authority(case.line),
            messages: mail.count() * users.len(),
            users,
            delivery: case.delivery,
            keys: case.keys,
            flags: case.flags,
        };
        // Dovecot indexes new mail once. No participant should be charged for that.
        reading(&job, None).run();
        if case.work != Work::Fetch {
            job.configure(measured);
        }
        if case.work == Work::NothingNew && measured.is_program() {
            let mut first = job.command(measured, &[]);
            if measured == Measured::Mpop {
                // With `keep on` this marks every message as seen.
                first.arg("--killsize=0");
            }
            Metric::Time.run(first, &job.home)?;
            Metric::Time.run(job.command(measured, &[]), &job.home)?;
        }
        Ok(job)
    }

    fn take_sample(&self, case: &Case, participant: &mut Participant, round: usize) {
        let Ok(job) = &mut participant.job else {
            return;
        };
        match self.sample(case, participant.measured, job, round) {
            Ok(sample) => participant.samples.push(sample),
            Err(why) => participant.job = Err(why),
        }
    }

    fn sample(
        &self,
        case: &Case,
        measured: Measured,
        job: &mut Job,
        round: usize,
    ) -> Result<Sample, String> {
        if case.work == Work::Fetch {
            // Each measurement has its own folder, and no folder is removed before the end. Some
            // file systems are slow to reuse inodes (ext4 without a journal waits for minutes).
            job.home.set_extension(round.to_string());
            job.configure(measured);
            // Pending writes of the measurement before must not slow this one down.
            rustix::fs::sync();
        }
        match measured {
            Measured::Disk => {
                let files = self.server.stored(&job.users[0]);
                return Ok(metric::time(|| limit::write(&files, &job.home)));
            }
            Measured::Line => {
                let retrieve = (case.work == Work::Fetch).then(|| job.messages / job.users.len());
                return Ok(metric::time(|| reading(job, retrieve).run()));
            }
            _ => {}
        }
        if case.work == Work::Version {
            let mut starts = Vec::new();
            for _ in 0..STARTS {
                starts.push(Metric::Time.run(job.version(measured), &job.home)?);
            }
            return Ok(median(starts));
        }
        self.server.take_round_trips();
        let command = job.command(measured, &case.metric.wrapper(&job.home));
        let mut sample = case.metric.run(command, &job.home)?;
        if case.metric == Metric::RoundTrips {
            sample.count = Some(self.server.take_round_trips());
        }
        let delivered: usize = job.users.iter().map(|user| job.delivered(user)).sum();
        let expected = job.messages;
        if case.work == Work::Fetch && delivered != expected {
            return Err(format!("{delivered} of {expected} messages were delivered"));
        }
        Ok(sample)
    }
}

/// A participant in a case. After a failure `job` holds the reason.
struct Participant {
    measured: Measured,
    frequency: Frequency,
    job: Result<Job, String>,
    samples: Vec<Sample>,
}

impl Participant {
    fn figure(self) -> Figure {
        Figure {
            measured: self.measured,
            frequency: self.frequency,
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

/// Returns the sample in the middle, by time.
fn median(mut samples: Vec<Sample>) -> Sample {
    samples.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
    samples[samples.len() / 2]
}
