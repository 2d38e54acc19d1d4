//! The integration tests: one binary, so that it is linked once.
//! They know the program by its command line, the servers it talks to and the files it leaves.

mod acquaintance;
mod choosing;
mod cli;
mod config;
mod conversation;
mod crash;
mod cuts;
mod damping;
mod deletion;
mod disk;
mod dovecot;
mod fault_table;
mod generated;
mod hostile;
mod layers;
mod listings;
mod login;
mod mda;
mod memory;
mod network;
mod parts;
mod permissions;
mod pipelining;
mod power;
mod properties;
mod retrieval;
mod seen;
mod signals;
mod soak;
mod support;
mod terminal;
mod tls;
mod together;
mod trouble;
