//! Unit tests of logins that need servers of their own.

mod auth;
mod login;
