//! Signing in by OAuth 2.0. The provider is a real one, the user acts as with a browser, and Dovecot
//! asks the provider to confirm each token.

mod answers;
mod fetching;
mod signing_in;
mod wiped;
