//! One server for an interface or an address: a second one is refused.
//!
//! Sockets that share a port do not show that somebody else has it, and two DHCP servers with two
//! databases on one link give the same address to two machines. So each server holds a name in the
//! network namespace, where it collides exactly with those that would serve the same place; the
//! kernel takes it back when the process ends, however it ends.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The places that this process serves.
#[derive(Debug, Default)]
pub(crate) struct Exclusive(Vec<UnixDatagram>);

impl Exclusive {
    /// Takes `place` of `service`: an interface, or an address with its port.
    ///
    /// # Errors
    /// `AddrInUse` when another process serves it.
    pub(crate) fn claim(&mut self, service: &str, place: &str) -> io::Result<()> {
        let name = format!("quorate/{service}/{place}");
        let name = SocketAddr::from_abstract_name(name)?;
        let held = UnixDatagram::bind_addr(&name).map_err(|error| {
            if error.kind() == io::ErrorKind::AddrInUse {
                io::Error::new(error.kind(), "another quorate serves it")
            } else {
                error
            }
        })?;
        self.0.push(held);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_one_server_until_that_ends() {
        let place = format!("test-{}", std::process::id());
        let (mut first, mut second) = (Exclusive::default(), Exclusive::default());
        first.claim("dhcp", &place).unwrap();
        first.claim("dns", &place).unwrap();
        let error = second.claim("dhcp", &place).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(first);
        second.claim("dhcp", &place).unwrap();
    }
}
