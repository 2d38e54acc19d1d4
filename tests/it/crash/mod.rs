//! The program is killed at its system calls, one after the other, and run again.
//! `MAILPULL_TESTS_FULL=1` takes every system call instead of a sample of them.

mod database;
mod maildir;
mod mda;
