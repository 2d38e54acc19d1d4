//! An account of an old program while its settings are translated, and the setting that led to each key.

use std::collections::HashMap;

use zeroize::Zeroizing;

use super::{StatePlace, words};

/// An account of an old program.
#[derive(Debug, Default)]
pub struct OldAccount {
    /// Its name.
    pub name: String,
    /// The keys of mailpull, with their values as they are typed after `-o`.
    pub keys: Vec<(&'static str, String)>,
    /// The password, if the old configuration holds it.
    pub password: Option<Zeroizing<String>>,
    /// Settings that were not translated, with the alternative.
    pub notes: Vec<String>,
    /// The settings that were read, as the old configuration spells them, without the password.
    pub settings: Vec<String>,
    /// The setting that led to a key or a note.
    origins: HashMap<String, String>,
    /// The place of its state, if it has one.
    pub state: Option<StatePlace>,
}

impl OldAccount {
    /// Returns an account without settings.
    pub(super) fn named(name: String) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    /// Returns the setting of the old configuration that led to a key or a note.
    pub fn origin(&self, key_or_note: &str) -> Option<&str> {
        self.origins.get(key_or_note).map(|setting| &**setting)
    }

    /// Names the setting that leads to the keys and notes from now on.
    pub(super) fn reads(&mut self, setting: impl Into<String>) {
        let setting = setting.into();
        if let Some(at) = self.settings.iter().position(|other| *other == setting) {
            self.settings.remove(at);
        }
        self.settings.push(setting);
    }

    fn remember(&mut self, key_or_note: &str) {
        if let Some(setting) = self.settings.last() {
            self.origins.insert(key_or_note.to_owned(), setting.clone());
        }
    }

    /// Sets the password.
    pub(super) fn set_password(&mut self, password: &str) {
        self.password = Some(Zeroizing::new(password.to_owned()));
        self.remember("password-command");
    }

    /// Sets a key.
    pub(super) fn set(&mut self, key: &'static str, value: impl Into<String>) {
        self.keys.retain(|(other, _)| *other != key);
        self.keys.push((key, value.into()));
        self.remember(key);
    }

    /// Adds a note.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        self.remember(&note);
        self.notes.push(note);
    }

    /// Sets the way to the server.
    pub(super) fn set_security(&mut self, security: &'static str, host: &str) {
        self.set("security", security);
        let is_here = ["localhost", "127.0.0.1", "::1"].contains(&host) || host.starts_with('/');
        if security == "none" && !is_here {
            self.set("allow-cleartext", "true");
            self.note(
                "the connection has no TLS, as before, and others can read the mail; better: security = \"tls\"",
            );
        }
    }

    /// Sets a program to which mail is piped. What needs a shell gets one.
    pub(super) fn set_command(&mut self, key: &'static str, command: &str) {
        self.set(key, words::command(command));
    }
}
