//! Failing and full disks, unsuitable Maildirs, and unusual file systems and clocks.

mod fault;
mod full;
mod maildir;
mod matrix;
mod odd;
