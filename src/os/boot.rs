//! Tells whether the machine was started anew since something was written.

use super::sys;

/// Returns the kernel's boot id, which is different after each restart. Returns `None` on systems other than
/// Linux, and if /proc cannot be read.
pub(crate) fn boot_id() -> Option<String> {
    let id = sys::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let id = id.trim();
    (!id.is_empty()).then(|| id.to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_boot_id_stays_the_same_until_a_restart() {
        let id = boot_id().expect("the kernel gives one");
        assert_eq!(boot_id(), Some(id));
    }
}
