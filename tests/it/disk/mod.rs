//! Failing and full disks, unsuitable Maildirs, and unusual file systems and clocks.

mod fault;
mod full;
mod gone;
mod maildir;
mod matrix;
mod odd;
mod placement;
mod shared;
