//! `mailpull config`: looks at the configuration.

use std::io::Write;

use super::long_output::LongOutput;
use super::{Context, edit_config, print_line};
use crate::cli::{ConfigCommand, ConfigShowArgs};
use crate::config::{self, AppliedConfig, AppliedSection, AppliedSetting, CheckedConfig, Extent};
use crate::exit::{Exit, Failure};
use crate::report::Event;
use crate::report::json::{self, SettingFacts};
use crate::report::plain::Verbosity;

/// Runs a command of `config`.
pub(super) fn run(command: &ConfigCommand, context: &Context<'_>) -> Result<Exit, Failure> {
    match command {
        ConfigCommand::Check => check(context),
        ConfigCommand::Edit => edit_config::run(context),
        ConfigCommand::Show(arguments) => show(arguments, context),
        ConfigCommand::Schema => {
            // A reader who closed standard output has seen enough.
            let _ = LongOutput::new().write_all(config::schema().as_bytes());
            Ok(Exit::Done)
        }
    }
}

/// Shows all mistakes, each with its place and with what to write instead.
fn check(context: &Context<'_>) -> Result<Exit, Failure> {
    let checked = config::check(context.config_source())?;
    report_mistakes(&checked, context);
    if !checked.mistakes.is_empty() {
        return Ok(Exit::Configuration);
    }
    if context.verbosity > Verbosity::Quiet && !context.global.json {
        let CheckedConfig { path, accounts, .. } = checked;
        print_line(&format!("{path}: no mistakes; accounts: {accounts}"));
    }
    Ok(Exit::Done)
}

/// Shows the settings that apply to each account, with the place of each.
fn show(arguments: &ConfigShowArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let chosen = context.global.config.as_deref();
    let extent = match arguments.all {
        true => Extent::WithDefaults,
        false => Extent::Written,
    };
    let AppliedConfig { sections, unusable } =
        AppliedConfig::read(chosen, &arguments.accounts, extent)?;
    let mut out = LongOutput::new();
    for (index, section) in sections.iter().enumerate() {
        if context.global.json {
            for setting in &section.settings {
                out.line(&setting_event(section, setting));
            }
            continue;
        }
        if index > 0 {
            out.line("");
        }
        if let Some(heading) = section.heading() {
            out.line(&heading);
        }
        for setting in &section.settings {
            let place = setting.place.as_deref().unwrap_or("the default");
            out.line(&format!("{} = {}  # {place}", setting.key, setting.toml()));
        }
    }
    // The pager must be closed before an error is shown.
    drop(out);
    Ok(context.report_unusable(&unusable).unwrap_or_default())
}

fn setting_event(section: &AppliedSection, setting: &AppliedSetting) -> String {
    let name = |table| (section.table == Some(table)).then_some(section.name.as_str());
    json::setting(&SettingFacts {
        account: name("accounts"),
        target: name("targets"),
        key: &setting.key,
        value: &setting.value,
        place: setting.place.as_deref(),
    })
}

/// Reports each mistake with its place and with what to write instead.
pub(super) fn report_mistakes(checked: &CheckedConfig, context: &Context<'_>) {
    for mistake in &checked.mistakes {
        let failure = Failure {
            hint: mistake.hint(),
            ..Failure::new(mistake, Exit::Configuration)
        };
        context.reporter("").report(Event::Problem(&failure));
    }
}
