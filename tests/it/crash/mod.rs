//! The program is killed at a system call and run again, for one system call after the other.
//! With `MAILPULL_TESTS_FULL=1` it is killed at every system call, otherwise at a sample of them.

mod database;
mod lmtp;
mod maildir;
mod mda;
mod ordered_deletion;
