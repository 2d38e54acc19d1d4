//! The integration tests: one binary, so that it is linked once.
//! They know the program by its command line, the servers it talks to and the files it leaves.

mod choosing;
mod conversation;
mod crash;
mod deletion;
mod dovecot;
mod generated;
mod layers;
mod listings;
mod login;
mod mda;
mod pipelining;
mod retrieval;
mod seen;
mod support;
mod tls;
mod trouble;
