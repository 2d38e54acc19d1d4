//! The state of accounts as OpenMetrics text, for monitoring.

use std::fmt::Write as _;

use crate::mail::status::AccountStatus;
use crate::moment::Moment;

/// A value of an account.
enum Sample {
    /// A number that rises and falls, if it is known.
    Gauge(Option<i64>),
    /// A sum that only rises.
    Counter(u64),
}

/// A metric: its name, its unit if the name ends with one, its explanation, and how it is read.
struct Metric {
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    sample: fn(&AccountStatus) -> Sample,
}

const METRICS: &[Metric] = &[
    Metric {
        name: "mailpull_last_success_timestamp_seconds",
        unit: "seconds",
        help: "The end of the last run that succeeded.",
        sample: |status| gauge(status.last_success.map(|Moment(seconds)| seconds)),
    },
    Metric {
        name: "mailpull_last_run_timestamp_seconds",
        unit: "seconds",
        help: "The end of the last run.",
        sample: |status| gauge(status.last_run.map(|(Moment(seconds), _)| seconds)),
    },
    Metric {
        name: "mailpull_last_status",
        unit: "",
        help: "The exit status of the last run.",
        sample: |status| gauge(status.last_run.map(|(_, exit)| exit.into())),
    },
    Metric {
        name: "mailpull_failures_in_a_row",
        unit: "",
        help: "Runs that failed since the last success.",
        sample: |status| gauge(Some(status.failures.cast_signed())),
    },
    Metric {
        name: "mailpull_staged_messages",
        unit: "",
        help: "Messages that were fetched and wait for their delivery.",
        sample: |status| gauge(Some(status.staged.cast_signed())),
    },
    Metric {
        name: "mailpull_set_aside_messages",
        unit: "",
        help: "Messages that failed so often that they are tried once a day.",
        sample: |status| gauge(Some(status.set_aside.cast_signed())),
    },
    Metric {
        name: "mailpull_server_messages",
        unit: "",
        help: "Messages that the last good run left on the server.",
        sample: |status| gauge(status.on_server.map(u64::cast_signed)),
    },
    Metric {
        name: "mailpull_runs",
        unit: "",
        help: "Runs.",
        sample: |status| Sample::Counter(status.totals.runs),
    },
    Metric {
        name: "mailpull_failed_runs",
        unit: "",
        help: "Runs that failed.",
        sample: |status| Sample::Counter(status.totals.failed_runs),
    },
    Metric {
        name: "mailpull_delivered_messages",
        unit: "",
        help: "Messages delivered.",
        sample: |status| Sample::Counter(status.totals.delivered),
    },
    Metric {
        name: "mailpull_delivered_bytes",
        unit: "bytes",
        help: "The size of the messages delivered.",
        sample: |status| Sample::Counter(status.totals.octets),
    },
    Metric {
        name: "mailpull_deleted_messages",
        unit: "",
        help: "Messages deleted from the server.",
        sample: |status| Sample::Counter(status.totals.deleted),
    },
];

fn gauge(value: Option<i64>) -> Sample {
    Sample::Gauge(value)
}

/// Returns the state of accounts in OpenMetrics 1.0. A value that is not known is left out.
pub(crate) fn metrics(accounts: &[(&str, &AccountStatus)]) -> String {
    let mut text = String::new();
    for metric in METRICS {
        let Metric {
            name, unit, help, ..
        } = metric;
        let kind = match (metric.sample)(&AccountStatus::default()) {
            Sample::Gauge(_) => "gauge",
            Sample::Counter(_) => "counter",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# TYPE {name} {kind}");
        if !unit.is_empty() {
            let _ = writeln!(text, "# UNIT {name} {unit}");
        }
        let _ = writeln!(text, "# HELP {name} {help}");
        for (account, status) in accounts {
            let account = escaped(account);
            let _ = match (metric.sample)(status) {
                Sample::Gauge(None) => Ok(()),
                Sample::Gauge(Some(value)) => {
                    writeln!(text, "{name}{{account=\"{account}\"}} {value}")
                }
                Sample::Counter(sum) => {
                    writeln!(text, "{name}_total{{account=\"{account}\"}} {sum}")
                }
            };
        }
    }
    text + "# EOF\n"
}

fn escaped(label: &str) -> String {
    let label = label.replace('\\', r"\\").replace('"', "\\\"");
    label.replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::status::Totals;

    #[test]
    fn each_metric_has_a_line_for_each_account_with_a_value() {
        let fetched = AccountStatus {
            last_success: Some(Moment(1_700_000_000)),
            totals: Totals {
                delivered: 7,
                ..Totals::default()
            },
            ..AccountStatus::default()
        };

        let text = metrics(&[("work", &fetched), ("new", &AccountStatus::default())]);

        assert!(text.starts_with(
            "# TYPE mailpull_last_success_timestamp_seconds gauge\n\
             # UNIT mailpull_last_success_timestamp_seconds seconds\n\
             # HELP mailpull_last_success_timestamp_seconds The end of the last run that succeeded.\n\
             mailpull_last_success_timestamp_seconds{account=\"work\"} 1700000000\n\
             # TYPE mailpull_last_run_timestamp_seconds gauge\n"
        ));
        assert!(text.contains(
            "# TYPE mailpull_delivered_messages counter\n\
             # HELP mailpull_delivered_messages Messages delivered.\n\
             mailpull_delivered_messages_total{account=\"work\"} 7\n\
             mailpull_delivered_messages_total{account=\"new\"} 0\n"
        ));
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn a_label_is_escaped() {
        assert_eq!(escaped("a\\b\"c\nd"), r#"a\\b\"c\nd"#);
    }
}
