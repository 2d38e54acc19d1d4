//! The integration tests: one binary, so that it is linked once.
//! They know the program by its command line, the servers it talks to and the files it leaves.

mod cli;
mod config;
mod generated;
mod layers;
mod support;
mod terminal;
