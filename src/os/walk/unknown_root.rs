//! The root of the machine in a user namespace that does not know it, such as that of a container without root or of
//! a systemd unit with `PrivateUsers=`.
//!
//! Such a namespace shows the files of all users that it does not know as those of one user, whose number is
//! `kernel.overflowuid`. So a file of root cannot be told from one of another user by its owner.

use std::path::Path;

use super::super::sys::{self, OFlags, PathCalls, RealCalls};

/// Returns the number by which the files of root are shown, if this user namespace does not know root.
pub(crate) fn find() -> Option<u32> {
    let read = |path| sys::read_to_string(path).unwrap_or_default();
    let overflow = read("/proc/sys/kernel/overflowuid").trim().parse();
    unknown_root(
        owner(Path::new("/proc"))?,
        overflow.unwrap_or(OVERFLOW_USER),
        &read("/proc/self/uid_map"),
    )
}

/// The number is 65534 unless root has changed it, which few do. A service may not see it (`ProcSubset=pid`).
const OVERFLOW_USER: u32 = 65_534;

fn owner(path: &Path) -> Option<u32> {
    let folder = RealCalls::open(path, RealCalls::SEARCH | OFlags::CLOEXEC).ok()?;
    Some(RealCalls::facts(&folder).ok()?.owner)
}

/// Returns the number of the unknown root. `/proc` always belongs to the root of the machine; in a namespace within
/// another one `uid_map` only says how the outer one is mapped. If the number is that of a user whom the namespace
/// knows, files with that number may be that user's.
fn unknown_root(owner_of_proc: u32, overflow: u32, uid_map: &str) -> Option<u32> {
    let is_known = uid_map.lines().any(|line| {
        let mut numbers = line.split_whitespace().map(str::parse::<u32>);
        match (numbers.next(), numbers.nth(1)) {
            (Some(Ok(first)), Some(Ok(count))) => overflow
                .checked_sub(first)
                .is_some_and(|offset| offset < count),
            _ => false,
        }
    });
    let is_namespace = !uid_map.trim().is_empty();
    (is_namespace && owner_of_proc == overflow && !is_known).then_some(overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_unknown_where_proc_belongs_to_an_unknown_user() {
        for (owner, overflow, map, found) in [
            // No namespace, and one of root.
            (0, 65_534, "         0          0 4294967295\n", None),
            (0, 65_534, "0 0 1\n", None),
            (65_534, 65_534, "0 1000 1\n", Some(65_534)),
            (65_534, 65_534, "1000 1000 1\n", Some(65_534)),
            (65_533, 65_533, "1000 1000 1\n", Some(65_533)),
            // In a namespace within a namespace, 0 is only the root of the outer one.
            (65_534, 65_534, "0 0 1\n", Some(65_534)),
            (65_534, 65_534, "0 1000 1\n1 100000 65533\n", Some(65_534)),
            // The user with that number is known.
            (65_534, 65_534, "0 1000 1\n1 100000 65536\n", None),
            (65_534, 65_534, "65534 1000 1\n", None),
            (1000, 65_534, "0 1000 1\n", None),
            (65_534, 65_534, "", None),
        ] {
            assert_eq!(unknown_root(owner, overflow, map), found, "{owner} {map}");
        }
    }
}
