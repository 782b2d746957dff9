//! Frames from the kernel: one packet socket on all interfaces of the namespace, with a ring
//! of slots shared with the kernel (TPACKET_V2, packet(7)).
//!
//! The kernel fills slots in order and marks each as ours; we read it in place and mark it as
//! the kernel's again. V3 would gather frames into blocks and delay each by milliseconds.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicU32, Ordering};

/// The receiving socket and its ring.
#[derive(Debug)]
pub(super) struct Ring {
    socket: OwnedFd,
    slots: NonNull<u8>,
    /// The slot that the kernel fills next, as far as we have read.
    head: usize,
}

/// One frame where it lies in the ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct RingFrame<'a> {
    pub(super) interface: u32,
    pub(super) bytes: &'a [u8],
    /// The slot was too small for it.
    pub(super) truncated: bool,
    pub(super) unix_nanos: u64,
}

// The mapping belongs to this value alone, wherever it is moved.
#[expect(unsafe_code, reason = "a raw pointer is not Send by itself")]
// SAFETY: nothing else in the process has a pointer into the mapping, and the kernel does not
// care which thread reads it.
unsafe impl Send for Ring {}

impl Ring {
    /// Opens the socket in the calling thread's network namespace.
    pub(super) fn open() -> io::Result<Self> {
        let socket = packet_socket()?;
        let version = libc::tpacket_versions::TPACKET_V2 as libc::c_int;
        set_option(&socket, libc::PACKET_VERSION, &version)?;
        let request = libc::tpacket_req {
            tp_block_size: BLOCK_LEN as u32,
            tp_block_nr: BLOCKS as u32,
            tp_frame_size: SLOT_LEN as u32,
            tp_frame_nr: SLOTS as u32,
        };
        set_option(&socket, libc::PACKET_RX_RING, &request)?;
        // What we send ourselves would come back otherwise.
        set_option(&socket, PACKET_IGNORE_OUTGOING, &1)?;
        let slots = map(&socket)?;
        let ring = Self {
            socket,
            slots,
            head: 0,
        };
        ring.listen()?;
        Ok(ring)
    }

    /// The frames that the kernel has filled in, oldest first. They stay ours until
    /// [`release`](Self::release).
    pub(super) fn pending(&self) -> impl Iterator<Item = RingFrame<'_>> {
        (0..SLOTS).map_while(|n| self.frame((self.head + n) % SLOTS))
    }

    /// Gives the oldest `count` frames back to the kernel.
    pub(super) fn release(&mut self, count: usize) {
        for _ in 0..count {
            self.status(self.head)
                .store(TP_STATUS_KERNEL, Ordering::Release);
            self.head = (self.head + 1) % SLOTS;
        }
    }

    /// Frames lost for want of a slot since the last call.
    #[expect(unsafe_code, reason = "socket options have no safe wrapper")]
    pub(super) fn dropped(&self) -> io::Result<u64> {
        let mut stats = libc::tpacket_stats {
            tp_packets: 0,
            tp_drops: 0,
        };
        let mut length = size_of::<libc::tpacket_stats>() as libc::socklen_t;
        // SAFETY: the pointer and the length describe `stats`.
        let result = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut stats).cast(),
                &raw mut length,
            )
        };
        check(result)?;
        Ok(stats.tp_drops.into())
    }

    /// Starts to receive, from all interfaces. Only now, so that no frame came before the ring.
    #[expect(unsafe_code, reason = "bind to a packet address has no safe wrapper")]
    fn listen(&self) -> io::Result<()> {
        // SAFETY: an all-zero address is a valid value of this plain structure.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        // SAFETY: the pointer and the length describe `address`.
        let result = unsafe {
            libc::bind(
                self.socket.as_raw_fd(),
                (&raw const address).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        };
        check(result).map(drop)
    }

    #[expect(unsafe_code, reason = "reads the memory shared with the kernel")]
    fn frame(&self, slot: usize) -> Option<RingFrame<'_>> {
        if self.status(slot).load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return None;
        }
        // SAFETY: `slot` is below SLOTS, so header and address lie in the mapping, aligned to
        // 16. The kernel wrote both before it marked the slot as ours (the load above acquires
        // that) and leaves it alone until `release`, which needs `&mut self`.
        let (header, address) = unsafe {
            let start = self.slots.add(slot * SLOT_LEN);
            let header: &libc::tpacket2_hdr = start.cast().as_ref();
            let address: &libc::sockaddr_ll = start.add(ADDRESS_OFFSET).cast().as_ref();
            (header, address)
        };
        let start = usize::from(header.tp_mac);
        let length = header.tp_snaplen as usize;
        assert!(start + length <= SLOT_LEN, "{start} + {length}");
        // SAFETY: the bytes lie in the slot, as asserted, and are ours as the header is.
        let bytes = unsafe {
            let start = self.slots.add(slot * SLOT_LEN + start);
            slice::from_raw_parts(start.as_ptr(), length)
        };
        Some(RingFrame {
            interface: address.sll_ifindex.cast_unsigned(),
            bytes,
            truncated: header.tp_snaplen < header.tp_len,
            unix_nanos: u64::from(header.tp_sec) * NANOS_PER_SEC + u64::from(header.tp_nsec),
        })
    }

    /// The word that says whether the slot is the kernel's or ours.
    #[expect(unsafe_code, reason = "reads the memory shared with the kernel")]
    fn status(&self, slot: usize) -> &AtomicU32 {
        assert!(slot < SLOTS);
        // SAFETY: the status is the first word of a slot, in the mapping and aligned, and both
        // sides access it as one atomic word.
        unsafe { self.slots.add(slot * SLOT_LEN).cast().as_ref() }
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Ring {
    #[expect(unsafe_code, reason = "unmaps the memory shared with the kernel")]
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `map` made, and no reference into it is left.
        unsafe { libc::munmap(self.slots.as_ptr().cast(), RING_LEN) };
    }
}

/// A packet socket that receives nothing yet.
#[expect(
    unsafe_code,
    reason = "rustix has no packet sockets without a protocol"
)]
pub(super) fn packet_socket() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: no pointers; a descriptor that is not negative is new and ours.
    let fd = check(unsafe { libc::socket(libc::AF_PACKET, kind, 0) })?;
    // SAFETY: as above.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sets an option of a packet socket.
#[expect(unsafe_code, reason = "socket options have no safe wrapper")]
pub(super) fn set_option<T>(socket: &OwnedFd, option: libc::c_int, value: &T) -> io::Result<()> {
    // SAFETY: the pointer and the length describe `value`.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    check(result).map(drop)
}

/// A system call's result, with errno where it failed.
pub(super) fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

#[expect(unsafe_code, reason = "maps the memory shared with the kernel")]
fn map(socket: &OwnedFd) -> io::Result<NonNull<u8>> {
    // SAFETY: a new mapping at an address of the kernel's choice touches nothing of ours.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            RING_LEN,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            socket.as_raw_fd(),
            0,
        )
    };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(NonNull::new(address.cast()).expect("a mapping is never at address zero"))
}

/// A slot holds the header, the address and a frame of the usual 1,514 bytes.
const SLOT_LEN: usize = 2_048;
const BLOCK_LEN: usize = 128 << 10;
const BLOCKS: usize = 64;
const RING_LEN: usize = BLOCK_LEN * BLOCKS;
/// How many frames the ring holds.
pub(super) const SLOTS: usize = RING_LEN / SLOT_LEN;
/// The address follows the header, aligned to 16 (`TPACKET_ALIGN`).
const ADDRESS_OFFSET: usize = size_of::<libc::tpacket2_hdr>().next_multiple_of(16);
const TP_STATUS_KERNEL: u32 = 0;
/// Since Linux 4.20; not in libc.
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;
const NANOS_PER_SEC: u64 = 1_000_000_000;
