//! The integration tests: one binary, so that it is linked once.
//! They know the program by its command line, the servers it talks to and the files it leaves.

mod crash;
mod disk;
mod dovecot;
mod layers;
mod mda;
mod memory;
mod permissions;
mod support;
