//! The files in `contrib`: units for systemd, manifests for Kubernetes, and an image.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mailpull::cli::{Cli, CliCommand};
use serde_json::{Value, json};

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
        "mailpull-watch.service",
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
        "mailpull-watch.service",
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
        ("mailpull-watch.service", "2.5"),
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
        let is_watch = name == "mailpull-watch.service";
        let has_limit = command_line(&unit).ends_with(" --run-timeout 1h");
        assert!(has_limit != is_watch, "{name}");
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
    for name in [
        "mailpull.service",
        "mailpull-watch.service",
        "mailpull-set-id@.service",
    ] {
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
fn each_cron_job_has_only_the_secrets_of_its_shard() {
    let Some(manifests) = manifests("shard-2") else {
        return;
    };
    let cron_job = &manifests[0];
    let pod = &cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    assert_eq!(cron_job["metadata"]["name"], "mailpull-shard-2");
    assert_eq!(pod["hostname"], "mailpull-shard-2");
    let secrets = values_of(pod, "secretName");
    assert_eq!(secrets, ["mailpull-shard-2"]);
    assert_eq!(
        values_of(pod, "claimName"),
        ["mailpull-state-shard-2", "mailpull-mail"]
    );
    assert_eq!(pod["automountServiceAccountToken"], false);
    let args = pod["containers"][0]["args"].as_array();
    let args = args.expect("the container has arguments").iter();
    let args = args.map(|arg| arg.as_str().expect("an argument is a string"));
    assert!(Cli::parse(["mailpull"].into_iter().chain(args)).is_ok());
}

#[test]
fn the_cron_job_is_limited_in_time_and_memory() {
    let Some(manifests) = manifests("shard-0") else {
        return;
    };
    let job = &manifests[0]["spec"]["jobTemplate"]["spec"];
    let pod = &job["template"]["spec"];
    // The run itself ends after an hour.
    assert_eq!(job["activeDeadlineSeconds"], 3900);
    // A run ends within 5 s of a signal.
    assert!(pod["terminationGracePeriodSeconds"].as_u64() > Some(5));
    let container = &pod["containers"][0];
    assert_eq!(container["resources"]["limits"]["memory"], "256Mi");
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
}

#[test]
fn the_network_policy_lets_pods_reach_pop3_and_dns_only() {
    let Some(manifests) = manifests("shard-0") else {
        return;
    };
    let [cron_job, policy] = &manifests[..] else {
        panic!("there are two manifests: {manifests:?}");
    };
    let pod = &cron_job["spec"]["jobTemplate"]["spec"]["template"];
    let policy = &policy["spec"];
    assert_eq!(
        policy["podSelector"]["matchLabels"],
        pod["metadata"]["labels"]
    );
    assert_eq!(policy["policyTypes"], json!(["Ingress", "Egress"]));
    assert_eq!(policy["ingress"], Value::Null);
    assert_eq!(values_of(&policy["egress"], "port"), [995, 110, 53, 53]);
}

#[test]
fn the_image_is_built_from_this_repository_and_runs_without_root() {
    let containerfile = read("contrib/Containerfile");
    let has = |line: &str| containerfile.lines().any(|one| one == line);
    assert!(has("FROM scratch"));
    // The user and the group of the CronJob.
    assert!(has("USER 1000:1000"));
    let Some(manifests) = manifests("shard-0") else {
        return;
    };
    let pod = &manifests[0]["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsUser"], 1000);
    let image = values_of(pod, "image");
    let image = image[0].as_str().expect("an image has a name");
    assert_eq!(image, concat!("mailpull:", env!("CARGO_PKG_VERSION")));
    assert!(containerfile.contains(&format!("-t {image} .")));
}

#[test]
fn the_recipes_for_other_systems_have_the_version() {
    let version = env!("CARGO_PKG_VERSION");
    for (recipe, line) in [
        ("aur/PKGBUILD", format!("pkgver={version}")),
        ("homebrew/mailpull.rb", format!("mailpull-{version}.tar.gz")),
        ("nix/flake.nix", format!("version = \"{version}\"")),
    ] {
        let text = read(&format!("packaging/{recipe}"));
        assert!(text.contains(&line), "{recipe}");
    }
}

/// Returns the manifests for Kubernetes, with the name of a shard put in as their first lines say. Returns
/// `None` if yq is not installed.
fn manifests(shard: &str) -> Option<Vec<Value>> {
    let mut convert = Command::new(tools::find("yq")?);
    convert.args(["-c", "."]);
    let manifests = read("contrib/kubernetes/cronjob.yaml").replace("shard-0", shard);
    let converted = Program::new(convert).stdin(manifests).run();
    Some(converted.succeeds().json_lines())
}

/// Returns all values that a key has anywhere in a manifest.
fn values_of<'m>(manifest: &'m Value, key: &str) -> Vec<&'m Value> {
    let inner: Box<dyn Iterator<Item = &Value>> = match manifest {
        Value::Object(map) => Box::new(map.values()),
        Value::Array(list) => Box::new(list.iter()),
        _ => Box::new([].iter()),
    };
    let own = manifest.get(key);
    own.into_iter()
        .chain(inner.flat_map(|inner| values_of(inner, key)))
        .collect()
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
