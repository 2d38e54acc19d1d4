//! Finds what starts the old program: its process, its line in the crontab, its systemd units.

use std::fs;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use crate::config;
use crate::import::OldProgram;
use crate::os::child::{self, ChildPipes, ChildWatch, ProcessGroup, RunningChild};
use crate::os::signals::Interrupt;
use crate::text::OneLine;

/// Returns lines that say how to stop the old program: for each place that starts it, or in general if none is
/// found.
pub(super) fn advice(program: OldProgram, home: &Path, interrupt: &Interrupt) -> Vec<String> {
    let name = program.name();
    if program == OldProgram::Thunderbird {
        let what = "Now remove the account from Thunderbird, or clear \"Check for new messages\" in its settings";
        return vec![what.to_owned()];
    }
    let mut lines = Vec::new();
    if let Some(process) = daemon(home).filter(|_| program == OldProgram::Fetchmail) {
        lines.push(format!(
            "Now stop fetchmail, which runs as process {process}: fetchmail --quit"
        ));
    }
    let crontab = crontab(interrupt).unwrap_or_default();
    for line in crontab.lines().filter(|line| runs(line, name)) {
        lines.push(format!(
            "Now stop {name}: remove this line with crontab -e: {}",
            OneLine(line.trim())
        ));
    }
    for (manager, unit) in units(home, name) {
        lines.push(format!("Now stop {name}: {manager} disable --now {unit}"));
    }
    if lines.is_empty() {
        lines.push(format!(
            "Now stop {name}. Neither a daemon, nor a line of your crontab, nor a systemd unit that runs it was found"
        ));
    }
    lines
}

/// Returns the process id of a fetchmail that runs as a daemon.
fn daemon(home: &Path) -> Option<u32> {
    let files = [
        home.join(".fetchmail.pid"),
        PathBuf::from("/run/fetchmail/fetchmail.pid"),
    ];
    files.iter().find_map(|file| {
        // The process id, and then the interval.
        let text = fs::read_to_string(file).ok()?;
        let process: u32 = text.split_whitespace().next()?.parse().ok()?;
        let pid = rustix::process::Pid::from_raw(i32::try_from(process).ok()?)?;
        match rustix::process::test_kill_process(pid) {
            // It belongs to another user.
            Ok(()) | Err(rustix::io::Errno::PERM) => Some(process),
            Err(_) => None,
        }
    })
}

/// Returns true if a line of a crontab or a unit starts a program.
fn runs(line: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    !line.trim_start().starts_with('#')
        && line.match_indices(name).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + name.len()..].chars().next();
            // `/usr/bin/fetchmail`, and not `~/.fetchmailrc` or `my-fetchmail`.
            !before.is_some_and(|c| is_word(c) || c == '.')
                && !after.is_some_and(|c| is_word(c) || c == '/')
        })
}

/// Returns the units that start a program: for each the command that manages it, and its name. Of a service with a
/// timer, it is the timer.
fn units(home: &Path, name: &str) -> Vec<(&'static str, String)> {
    let config = config::user_config_folder().unwrap_or_else(|| home.join(".config"));
    let mut found: Vec<(&'static str, String)> = Vec::new();
    for (manager, folder) in [
        ("systemctl --user", config.join("systemd/user")),
        ("systemctl --user", home.join(".local/share/systemd/user")),
        ("sudo systemctl", PathBuf::from("/etc/systemd/system")),
        (
            "sudo systemctl",
            PathBuf::from("/etc/systemd/system/multi-user.target.wants"),
        ),
    ] {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let text = fs::read_to_string(&path).unwrap_or_default();
            let starts =
                |line: &str| line.trim_start().starts_with("ExecStart=") && runs(line, name);
            if path
                .extension()
                .is_none_or(|extension| extension != "service")
                || !text.lines().any(starts)
            {
                continue;
            }
            let timer = path.with_extension("timer");
            let unit = if timer.exists() { timer } else { path };
            let unit = unit
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if !found.contains(&(manager, unit.clone())) {
                found.push((manager, unit));
            }
        }
    }
    found.sort_unstable();
    found
}

/// Returns the user's crontab, if the machine has cron.
fn crontab(interrupt: &Interrupt) -> Option<String> {
    let mut command = child::command("crontab", ["-l"], &[]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let watch = ChildWatch::new(interrupt).ok()?;
    let mut running = RunningChild::start(&mut command, ProcessGroup::Own).ok()?;
    let stdout = OwnedFd::from(running.take_output().0?);
    rustix::io::ioctl_fionbio(&stdout, true).ok()?;
    let mut output = CrontabOutput {
        pipe: Some(fs::File::from(stdout)),
        octets: Vec::new(),
    };
    let deadline = Instant::now() + CRONTAB_TIMEOUT;
    let status = running
        .wait(&watch, &mut output, deadline, Duration::ZERO)
        .ok()?;
    // The rest is in the pipe by now.
    output.transfer().ok()?;
    status
        .success()
        .then(|| String::from_utf8_lossy(&output.octets).into_owned())
}

/// The output of `crontab -l`.
struct CrontabOutput {
    /// `None` after its end.
    pipe: Option<fs::File>,
    octets: Vec<u8>,
}

impl ChildPipes for CrontabOutput {
    fn awaited(&self) -> Vec<PollFd<'_>> {
        let pipe = self.pipe.iter();
        pipe.map(|pipe| PollFd::new(pipe, PollFlags::IN)).collect()
    }

    fn transfer(&mut self) -> io::Result<()> {
        let mut buffer = [0; 8192];
        while let Some(pipe) = &mut self.pipe {
            match pipe.read(&mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(count) if self.octets.len() < LARGEST_CRONTAB => {
                    self.octets.extend(&buffer[..count]);
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The time that `crontab -l` may take.
const CRONTAB_TIMEOUT: Duration = Duration::from_secs(5);
/// The octets of a crontab that are looked at.
const LARGEST_CRONTAB: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_line_that_starts_the_program_is_named() {
        for (line, expected) in [
            ("*/5 * * * * fetchmail --silent", true),
            ("*/5 * * * * /usr/bin/fetchmail", true),
            ("*/5 * * * * cd ~ && (fetchmail; x)", true),
            ("# */5 * * * * fetchmail", false),
            ("1 1 * * * cp ~/.fetchmailrc /backup", false),
            ("1 1 * * * my-fetchmail", false),
            ("1 1 * * * ls ~/fetchmail/x", false),
        ] {
            assert_eq!(runs(line, "fetchmail"), expected, "{line}");
        }
    }
}
