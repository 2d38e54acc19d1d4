//! Tells whether the machine was started anew since something was written.

use super::sys;

/// Returns a name for the time since the machine was started, which no earlier and no later one has. Systems
/// other than Linux give none, and neither does a process that cannot read /proc.
pub(crate) fn boot_id() -> Option<String> {
    let id = sys::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let id = id.trim();
    (!id.is_empty()).then(|| id.to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn it_stays_the_same_while_the_machine_runs() {
        let id = boot_id().expect("the kernel gives one");
        assert_eq!(boot_id(), Some(id));
    }
}
