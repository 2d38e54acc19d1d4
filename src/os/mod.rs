//! What mailpull needs of the operating system: secrets in memory and in files, the keyring, signals,
//! child processes, threads, locks and random numbers.

pub(crate) mod child;
pub(crate) mod keyring;
pub(crate) mod lock;
pub(crate) mod random;
pub(crate) mod replace_file;
pub mod secret;
pub(crate) mod secret_file;
pub(crate) mod signals;
pub(crate) mod thread;
