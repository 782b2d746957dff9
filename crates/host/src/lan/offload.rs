//! Makes a machine's kernel finish its own checksums.

use std::io;
use std::os::fd::AsRawFd as _;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::ring::check;

/// Switches transmit checksum offload off at an interface of the calling thread's network
/// namespace, and with it segmentation offload, which needs it. A virtual cable otherwise
/// carries frames with half a checksum, and longer than any wire's, which no receiver behind a
/// userspace switch accepts.
#[expect(unsafe_code, reason = "ethtool requests have no safe wrapper")]
pub fn finish_checksums(interface: &str) -> io::Result<()> {
    /// `struct ethtool_value`.
    #[repr(C)]
    struct Value {
        command: u32,
        data: u32,
    }
    let socket = socket_with(
        AddressFamily::INET,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let mut value = Value {
        command: ETHTOOL_STXCSUM,
        data: 0,
    };
    // SAFETY: all zeros is a valid value of this plain structure.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays zero.
    for (to, from) in request.ifr_name[..libc::IFNAMSIZ - 1]
        .iter_mut()
        .zip(interface.bytes())
    {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: the request holds a terminated name and a pointer to the value that this command
    // reads, both alive during the call.
    let result =
        unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) };
    check(result).map(drop)
}

/// linux/ethtool.h: set transmit checksumming.
const ETHTOOL_STXCSUM: u32 = 0x17;
