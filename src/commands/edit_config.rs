//! `mailpull config edit`: opens the configuration in the user's editor, and installs it only without mistakes.

use std::env;

use super::questions::Questions;
use super::{Context, configuration, print_line};
use crate::config::EditedConfig;
use crate::exit::{Exit, Failure};
use crate::os::child;
use crate::os::lent_terminal::LentTerminal;
use crate::report::Event;
use crate::text::ServerText;

/// Opens the editor until the text has no mistakes, or the user gives up.
pub(super) fn run(context: &Context<'_>) -> Result<Exit, Failure> {
    let edited = EditedConfig::begin(context.global.config.as_deref())?;
    let questions = Questions::new(&context.interrupt);
    loop {
        let ended = edit(&edited, context, &questions);
        match ended {
            Ok(EditStep::Again) => {}
            Ok(EditStep::Done) => {
                edited.remove();
                return Ok(Exit::Done);
            }
            Ok(EditStep::GiveUp) => {
                show_copy(&edited, context);
                return Ok(Exit::Configuration);
            }
            Err(failure) => {
                show_copy(&edited, context);
                return Err(failure);
            }
        }
    }
}

/// The step after the editor has ended.
enum EditStep {
    /// The editor is opened again.
    Again,
    /// The file is installed, or was not changed.
    Done,
    /// The text has mistakes, and the user does not want to edit it again.
    GiveUp,
}

fn edit(
    edited: &EditedConfig,
    context: &Context<'_>,
    questions: &Questions<'_>,
) -> Result<EditStep, Failure> {
    open_editor(edited)?;
    let path = edited.path();
    if !edited.is_changed()? {
        print_line(&format!("{path}: nothing was changed"));
        return Ok(EditStep::Done);
    }
    let checked = edited.check()?;
    if checked.mistakes.is_empty() {
        edited.install(&context.interrupt)?;
        print_line(&format!("{path}: changed; accounts: {}", checked.accounts));
        return Ok(EditStep::Done);
    }
    configuration::report_mistakes(&checked, context);
    match questions.can_ask() && questions.agree("Edit it again?")? {
        true => Ok(EditStep::Again),
        false => Ok(EditStep::GiveUp),
    }
}

/// Says where the text is that was not installed, so that no work is lost.
fn show_copy(edited: &EditedConfig, context: &Context<'_>) {
    let (path, copy) = (edited.path(), edited.copy().display());
    let what = format_args!("{path} was not changed; the edited text is in {copy}");
    context.reporter("").report(Event::Warning(&what));
}

/// Runs the editor, and waits until the user has closed it.
fn open_editor(edited: &EditedConfig) -> Result<(), Failure> {
    let chosen = ["VISUAL", "EDITOR"].into_iter().find_map(|name| {
        let value = env::var(name).ok()?;
        (!value.trim().is_empty()).then_some(value)
    });
    let editor = chosen.unwrap_or_else(|| "vi".to_owned());
    let shown = ServerText::from(&*editor);
    let failed = |why: String| {
        let failure = Failure::new(format!("the editor {shown} {why}"), Exit::LocalIo);
        failure.with_hint("Name an editor in the variable VISUAL or EDITOR")
    };
    // It may be a command with arguments, as git and crontab allow it.
    let line = format!("{editor} \"$@\"");
    let mut command = child::command("sh", ["-c", &*line, &*editor], &[]);
    command.arg(edited.copy());
    let lent = LentTerminal::lend();
    let status = command
        .status()
        .map_err(|error| failed(format!("cannot be started: {error}")))?;
    drop(lent);
    match status.success() {
        true => Ok(()),
        false => Err(failed(child::Ending(status).to_string())),
    }
}
