//! Frames to the kernel: one packet socket for all cables, many frames a call.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::Arc;

use super::ring::{packet_socket, set_option};

/// The sending socket.
#[derive(Debug)]
pub(super) struct Sender {
    socket: OwnedFd,
    failed: u64,
}

/// Frames to send together, each out of one interface.
#[derive(Debug, Default)]
pub(super) struct Batch<'a> {
    frames: Vec<(u32, Bytes<'a>)>,
}

#[derive(Debug)]
enum Bytes<'a> {
    Borrowed(&'a [u8]),
    Kept(Arc<[u8]>),
}

impl<'a> Batch<'a> {
    pub(super) fn push_borrowed(&mut self, interface: u32, frame: &'a [u8]) {
        self.frames.push((interface, Bytes::Borrowed(frame)));
    }

    pub(super) fn push_kept(&mut self, interface: u32, frame: Arc<[u8]>) {
        self.frames.push((interface, Bytes::Kept(frame)));
    }
}

impl Bytes<'_> {
    fn as_slice(&self) -> &[u8] {
        match self {
            Bytes::Borrowed(bytes) => bytes,
            Bytes::Kept(bytes) => bytes,
        }
    }
}

impl Sender {
    /// Opens the socket in the calling thread's network namespace.
    pub(super) fn open() -> io::Result<Self> {
        let socket = packet_socket()?;
        set_option(&socket, libc::PACKET_QDISC_BYPASS, &1)?;
        Ok(Self { socket, failed: 0 })
    }

    /// Frames that the kernel has refused so far.
    pub(super) fn failed(&self) -> u64 {
        self.failed
    }

    /// Sends all frames in order. One that the kernel refuses (its link is down, say) is
    /// counted and left out: waiting for it would hold up all others.
    #[expect(unsafe_code, reason = "sendmmsg has no safe wrapper")]
    pub(super) fn send(&mut self, batch: &Batch<'_>) -> io::Result<()> {
        let mut addresses: Vec<_> = batch.frames.iter().map(|(to, _)| address(*to)).collect();
        let mut slices: Vec<_> = batch
            .frames
            .iter()
            .map(|(_, bytes)| libc::iovec {
                iov_base: bytes.as_slice().as_ptr().cast_mut().cast(),
                iov_len: bytes.as_slice().len(),
            })
            .collect();
        let mut messages: Vec<_> = addresses
            .iter_mut()
            .zip(&mut slices)
            .map(|(address, slice)| message(address, slice))
            .collect();
        let mut left = &mut messages[..];
        while !left.is_empty() {
            // SAFETY: each message points to an address and a slice that live to the end of
            // this function, and the slices to frames that `batch` keeps. Nothing is written
            // but the messages' own lengths.
            let sent = unsafe {
                libc::sendmmsg(
                    self.socket.as_raw_fd(),
                    left.as_mut_ptr(),
                    left.len() as libc::c_uint,
                    libc::MSG_DONTWAIT,
                )
            };
            let done = match usize::try_from(sent) {
                Ok(sent) => sent,
                Err(_) => match io::Error::last_os_error() {
                    error if error.kind() == io::ErrorKind::Interrupted => 0,
                    error if error.raw_os_error() == Some(libc::EBADF) => return Err(error),
                    _ => {
                        self.failed += 1;
                        1
                    }
                },
            };
            left = &mut left[done..];
        }
        Ok(())
    }
}

#[expect(unsafe_code, reason = "a plain C structure starts as zeros")]
fn address(interface: u32) -> libc::sockaddr_ll {
    // SAFETY: all zeros is a valid value.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_ifindex = interface.cast_signed();
    address
}

#[expect(unsafe_code, reason = "a plain C structure starts as zeros")]
fn message(address: &mut libc::sockaddr_ll, slice: &mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: all zeros is a valid value.
    let mut message: libc::mmsghdr = unsafe { std::mem::zeroed() };
    message.msg_hdr.msg_name = std::ptr::from_mut(address).cast();
    message.msg_hdr.msg_namelen = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    message.msg_hdr.msg_iov = slice;
    message.msg_hdr.msg_iovlen = 1;
    message
}
