//! Signing in by OAuth 2.0. Most tests use a real provider, which confirms its tokens to Dovecot,
//! and a user who acts as with a browser. `answers` and `wiped` use a fake provider.

mod answers;
mod fetching;
mod signing_in;
mod wiped;
