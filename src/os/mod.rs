//! What mailpull needs of the operating system: secrets in memory and in files, the keyring, signals,
//! child processes and threads.

pub mod keyring;
pub mod secret;
pub mod secret_file;
pub mod signals;
