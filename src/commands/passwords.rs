//! Passwords for several accounts: on a terminal they are got one after another before any account
//! begins, since two questions, or a question and a bar, would tear each other.
//! Does not know where passwords come from.

use std::collections::HashMap;
use std::io::{self, IsTerminal};

use super::Context;
use crate::config::Account;
use crate::exit::Failure;
use crate::os::secret::Secret;

/// Passwords that were got ahead, or what kept them away, by account.
#[derive(Default)]
pub(super) struct Passwords(HashMap<String, Result<Secret, Failure>>);

impl Passwords {
    /// Gets what may need the terminal, where there is one that several accounts would share.
    pub(super) fn get_ahead(accounts: &[Account], context: &Context<'_>) -> Self {
        let is_shared = accounts.len() > 1;
        if !is_shared || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Self::default();
        }
        let got = accounts
            .iter()
            .filter(|account| account.password.may_ask())
            .take_while(|_| context.interrupt.signal().is_none())
            .map(|account| (account.name.clone(), context.obtain_password(account)));
        Self(got.collect())
    }

    /// The password of an account, got now if it was not before.
    pub(super) fn of(&self, account: &Account, context: &Context<'_>) -> Result<Secret, Failure> {
        match self.0.get(&account.name) {
            Some(got) => got.clone(),
            None => context.obtain_password(account),
        }
    }
}
