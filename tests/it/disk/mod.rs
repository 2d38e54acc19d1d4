//! Disks that fail or are full, and Maildirs that cannot be delivered to.

mod fault;
mod full;
mod maildir;
mod matrix;
mod odd;
