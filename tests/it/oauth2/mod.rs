//! Signing in by OAuth 2.0, with a real provider, a real browser's steps and a real Dovecot that
//! asks the provider about the tokens that it is shown.

mod answers;
mod fetching;
mod signing_in;
mod wiped;
