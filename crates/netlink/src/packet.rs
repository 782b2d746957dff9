//! Whole Ethernet frames on one interface, for machines that have no address yet.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use quorate_core::MacAddr;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType};

/// An `AF_PACKET` socket bound to one interface; non-blocking. Needs `CAP_NET_RAW` in the
/// interface's network namespace.
#[derive(Debug)]
pub struct PacketSocket {
    socket: OwnedFd,
    address: libc::sockaddr_ll,
}

/// The frames that a [`PacketSocket`] receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// Nothing: the socket only sends.
    Nothing,
    /// IPv4 frames.
    Ipv4,
    /// ARP frames.
    Arp,
    /// IPv6 frames.
    Ipv6,
}

impl Accept {
    const fn ethertype(self) -> u16 {
        match self {
            Self::Nothing => 0,
            Self::Ipv4 => 0x0800,
            Self::Arp => 0x0806,
            Self::Ipv6 => 0x86dd,
        }
    }
}

/// One instruction of a classic BPF program: opcode, jump if true, jump if false, operand.
pub type Instruction = (u16, u8, u8, u32);

impl PacketSocket {
    /// Opens a socket on the interface with this index, in the thread's network namespace.
    ///
    /// # Errors
    /// `EPERM` without `CAP_NET_RAW`; `ENODEV` when there is no such interface.
    #[expect(unsafe_code, reason = "link-layer addresses have no safe binding")]
    pub fn open(index: u32, accept: Accept) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        // Protocol 0 until the bind, so that no frame of another interface slips in.
        let socket = rustix::net::socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)?;
        // SAFETY: all-zero is a valid sockaddr_ll.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = accept.ethertype().to_be();
        address.sll_ifindex = i32::try_from(index).map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: the pointer and the length are those of one sockaddr_ll that outlives the call.
        let bound = unsafe {
            libc::bind(
                socket.as_raw_fd(),
                (&raw const address).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        };
        if bound != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { socket, address })
    }

    /// Lets in only frames that `program` accepts (a non-zero return value).
    ///
    /// # Errors
    /// `EINVAL` when the program is not one.
    #[expect(unsafe_code, reason = "classic BPF has no safe binding")]
    pub fn attach_filter(&self, program: &[Instruction]) -> io::Result<()> {
        let mut filter: Vec<libc::sock_filter> = program
            .iter()
            .map(|&(code, jt, jf, k)| libc::sock_filter { code, jt, jf, k })
            .collect();
        let len = u16::try_from(filter.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let program = libc::sock_fprog {
            len,
            filter: filter.as_mut_ptr(),
        };
        // SAFETY: `program` points at `len` instructions that live until the kernel has copied
        // them, which is before the call returns.
        let attached = unsafe {
            libc::setsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_ATTACH_FILTER,
                (&raw const program).cast(),
                size_of::<libc::sock_fprog>() as libc::socklen_t,
            )
        };
        if attached == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// Lets the card take in what is sent to this group.
    ///
    /// # Errors
    /// `ENODEV` when the interface is gone.
    #[expect(unsafe_code, reason = "link-layer addresses have no safe binding")]
    pub fn join(&self, group: MacAddr) -> io::Result<()> {
        let mut address = [0; 8];
        address[..6].copy_from_slice(&group.0);
        let request = libc::packet_mreq {
            mr_ifindex: self.address.sll_ifindex,
            mr_type: libc::PACKET_MR_MULTICAST as libc::c_ushort,
            mr_alen: 6,
            mr_address: address,
        };
        // SAFETY: the pointer and the length describe `request`.
        let joined = unsafe {
            libc::setsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_ADD_MEMBERSHIP,
                (&raw const request).cast(),
                size_of::<libc::packet_mreq>() as libc::socklen_t,
            )
        };
        if joined == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// Sends one frame, Ethernet header included.
    ///
    /// # Errors
    /// `ENETDOWN` while the interface is down; `EMSGSIZE` beyond its MTU.
    #[expect(unsafe_code, reason = "link-layer addresses have no safe binding")]
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        // SAFETY: both pointers and lengths are those of live values.
        let sent = unsafe {
            libc::sendto(
                self.socket.as_raw_fd(),
                frame.as_ptr().cast(),
                frame.len(),
                libc::MSG_NOSIGNAL,
                (&raw const self.address).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        };
        if sent < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    /// Receives one frame into `buffer`, which cuts what does not fit, and answers its length.
    ///
    /// # Errors
    /// `WouldBlock` when none is there.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (length, _) = rustix::net::recv(&self.socket, buffer, RecvFlags::empty())?;
        Ok(length)
    }
}

impl AsRawFd for PacketSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
