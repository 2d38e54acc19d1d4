//! Random octets from the kernel, for everything that nobody should guess or that must differ from
//! run to run.

use rustix::io::Errno;
use rustix::rand::GetRandomFlags;

use super::sys;

/// Returns random octets.
///
/// # Panics
/// The kernel has no getrandom(2). Linux has it since 3.17, and once its pool is initialised the
/// call cannot fail; it waits for that early in the boot.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    let mut filled = 0;
    while filled < N {
        match sys::getrandom(&mut octets[filled..], GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            // A signal can interrupt the wait for the pool, or cut a request above 256 octets
            // short.
            Err(Errno::INTR) => {}
            Err(errno) => panic!("the kernel gives no random numbers: {errno}"),
        }
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_octets_differ() {
        assert_ne!(random::<32>(), random::<32>());
        assert_ne!(random::<1000>()[900..], [0; 100]);
    }
}
