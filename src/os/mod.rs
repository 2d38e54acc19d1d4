//! What mailpull needs of the operating system: secrets in memory and in files, the keyring, signals,
//! child processes and threads.

pub(crate) mod keyring;
pub(crate) mod random;
pub mod secret;
pub(crate) mod secret_file;
pub(crate) mod signals;
