//! One request out, its acknowledgement in.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, netlink, recv, send,
    socket_with,
};

use crate::message::{Request, replies, u32_at};

/// A socket to the kernel's routing tables. It stays with the network namespace it was opened
/// in, whichever namespace its thread enters later.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    pub(crate) fn open() -> io::Result<Self> {
        let fd = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            None, // NETLINK_ROUTE is protocol 0
        )?;
        bind(&fd, &netlink::SocketAddrNetlink::new(0, 0))?;
        Ok(Self {
            fd,
            sequence: 0,
            buffer: vec![0; RECEIVE_LEN],
        })
    }

    /// Sends `request` and hands every reply's kind and body to `each` until the kernel says
    /// that it is done. The kernel's refusal comes back with its errno.
    pub(crate) fn call(
        &mut self,
        request: Request,
        mut each: impl FnMut(u16, &[u8]),
    ) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let bytes = request.finish(self.sequence);
        send(&self.fd, &bytes, SendFlags::empty())?;
        loop {
            let (length, _) = recv(&self.fd, &mut self.buffer[..], RecvFlags::empty())?;
            for reply in replies(&self.buffer[..length]) {
                // An earlier call that failed half-way may have left replies behind.
                if reply.sequence != self.sequence {
                    continue;
                }
                match reply.kind {
                    NLMSG_ERROR => return acknowledged(reply.body),
                    NLMSG_DONE => return Ok(()),
                    kind => each(kind, reply.body),
                }
            }
        }
    }
}

/// An error message carries a negative errno, or zero for "done as you asked".
fn acknowledged(body: &[u8]) -> io::Result<()> {
    match u32_at(body, 0).map(u32::cast_signed) {
        Some(0) => Ok(()),
        Some(errno) => Err(io::Error::from_raw_os_error(-errno)),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// A dump fills at most 32 KiB a read (`NLMSG_GOODSIZE` and netlink's own cap).
const RECEIVE_LEN: usize = 32 << 10;
