//! The files for schedulers in `contrib`: units for systemd and a manifest for Kubernetes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mailpull::cli::{Cli, CliCommand};
use serde_json::Value;

use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::tools;

#[test]
fn systemd_analyze_accepts_the_units() {
    let Some(analyze) = tools::find("systemd-analyze") else {
        return;
    };
    let sandbox = Sandbox::new();
    let program = sandbox.program().display().to_string();
    for name in [
        "mailpull.service",
        "mailpull.timer",
        "mailpull@.service",
        "mailpull@.timer",
        "mailpull-set-id@.service",
        "mailpull-set-id@.timer",
    ] {
        let unit = read(&format!("contrib/systemd/{name}"))
            .replace("%h/.cargo/bin/mailpull", &program)
            .replace("/usr/local/bin/mailpull", &program)
            // The unit offers this line to its users as a comment, so it is checked, too.
            .replace("#LoadCredential=", "LoadCredential=")
            // systemd looks for the manual, which is not installed here.
            .replace("Documentation=man:mailpull(1)\n", "");
        sandbox.write(format!("units/{name}"), unit);
    }
    for name in [
        "mailpull.timer",
        "mailpull@3.timer",
        "mailpull-set-id@root.timer",
    ] {
        let mut verify = Command::new(&analyze);
        verify.arg("verify").arg(sandbox.path("units").join(name));
        Program::new(verify).run().succeeds().is_silent();
    }
}

/// Each unit, the exposure that `systemd-analyze security` may report at most, and the limits of a run.
#[test]
fn the_units_are_protected_and_limited() {
    let Some(analyze) = tools::find("systemd-analyze") else {
        return;
    };
    for (name, exposure) in [
        ("mailpull.service", "2.5"),
        ("mailpull@.service", "2.5"),
        // Set-id programs get their rights only without a filter of system calls.
        ("mailpull-set-id@.service", "6.5"),
    ] {
        let unit = format!("contrib/systemd/{name}");
        let mut security = Command::new(&analyze);
        let threshold = format!("--threshold={}", exposure.replace('.', ""));
        security.args(["security", "--offline=true", &threshold]);
        Program::new(security).arg(path(&unit)).run().succeeds();
        let unit = read(&unit);
        assert!(command_line(&unit).ends_with(" --run-timeout 1h"), "{name}");
        for limit in [
            "TimeoutStartSec=",
            "TimeoutStopSec=",
            "MemoryMax=",
            "TasksMax=",
        ] {
            assert!(unit.contains(&format!("\n{limit}")), "{name}: {limit}");
        }
    }
}

#[test]
fn the_units_run_valid_commands_and_their_own_shard() {
    for name in ["mailpull.service", "mailpull-set-id@.service"] {
        let unit = read(&format!("contrib/systemd/{name}"));
        assert!(Cli::parse(command_line(&unit).split(' ')).is_ok());
    }
    let unit = read("contrib/systemd/mailpull@.service");
    let line = command_line(&unit)
        .replace("%i", "3")
        .replace("${SHARDS}", "4");
    assert_eq!(shard(line.split(' ')), "3/4");
    assert!(line.contains("--state-dir /var/lib/mailpull/3 "));
    assert!(unit.contains("StateDirectory=mailpull/%i\n"));
}

#[test]
fn each_pod_of_the_job_fetches_its_own_shard() {
    let Some(yq) = tools::find("yq") else {
        return;
    };
    let mut convert = Command::new(yq);
    convert
        .args(["-c", "."])
        .arg(path("contrib/kubernetes/cronjob.yaml"));
    let converted = Program::new(convert).run();
    let manifest = converted.succeeds().json_lines().remove(0);
    let job = &manifest["spec"]["jobTemplate"]["spec"];
    let container = &job["template"]["spec"]["containers"][0];
    let shards = job["completions"].to_string();
    let env = container["env"]
        .as_array()
        .expect("the manifest has a list here");
    let declared = |name: &str| {
        env.iter()
            .find(|one| one["name"] == name)
            .expect("the manifest declares the variable")
    };
    assert_eq!(job["completionMode"], "Indexed");
    assert_eq!(job["parallelism"], job["completions"]);
    assert_eq!(declared("SHARDS")["value"], Value::from(shards.clone()));
    declared("JOB_COMPLETION_INDEX");
    let args = container["args"]
        .as_array()
        .expect("the manifest has a list here")
        .iter();
    let args = args.map(|arg| {
        let arg = arg.as_str().expect("an argument is a string");
        arg.replace("$(JOB_COMPLETION_INDEX)", "2")
            .replace("$(SHARDS)", &shards)
    });
    let line = ["mailpull".to_owned()].into_iter().chain(args);
    assert_eq!(shard(line), format!("2/{shards}"));
}

/// Returns the shard in a command line of `fetch`.
fn shard(line: impl IntoIterator<Item = impl Into<std::ffi::OsString> + Clone>) -> String {
    match Cli::parse(line).expect("the command line is valid").command {
        CliCommand::Fetch(fetch) => fetch.flags.shard.expect("the command line has --shard"),
        other => panic!("{other:?} is not fetch"),
    }
}

fn command_line(unit: &str) -> &str {
    let mut lines = unit.lines();
    let line = lines.find_map(|line| line.strip_prefix("ExecStart="));
    line.expect("a service has ExecStart")
}

fn read(relative: &str) -> String {
    fs::read_to_string(path(relative)).expect("the file is in the repository")
}

fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}
