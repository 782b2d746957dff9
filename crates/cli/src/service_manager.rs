//! What a service manager is notified of: `sd_notify(3)`, a datagram to the socket in the environment.
//!
//! A unit of `Type=notify` counts as started when all services answer, so what is ordered after
//! it finds them there. Without the variable there is no service manager that listens.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// All services answer.
pub(crate) fn ready() {
    notify("READY=1");
}

/// The end has begun, and was asked for.
pub(crate) fn stopping() {
    notify("STOPPING=1");
}

fn notify(state: &str) {
    let Some(socket) = std::env::var_os(SOCKET) else {
        return;
    };
    if let Err(error) = send(&socket, state) {
        tracing::warn!(%error, ?socket, "the service manager did not hear {state}");
    }
}

fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    let addr = match socket.as_bytes() {
        // Systemd writes the NUL of an abstract name as "@".
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?
        .send_to_addr(state.as_bytes(), &addr)
        .map(drop)
}

const SOCKET: &str = "NOTIFY_SOCKET";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_an_abstract_name_are_both_heard() {
        let dir = tempfile::tempdir().expect("a directory for temporary files");
        let path = dir.path().join("notify");
        let name = format!("quorate-notify-{}", std::process::id());
        let at_name = SocketAddr::from_abstract_name(&name).expect("the name is short");
        let sockets = [
            (
                path.clone().into_os_string(),
                UnixDatagram::bind(&path).expect("the directory is writable"),
            ),
            (
                format!("@{name}").into(),
                UnixDatagram::bind_addr(&at_name).expect("no other process has this name"),
            ),
        ];
        for (socket, listener) in sockets {
            send(&socket, "READY=1").expect("somebody listens");
            let mut heard = [0; 16];
            let len = listener.recv(&mut heard).expect("it was sent");
            assert_eq!(&heard[..len], b"READY=1", "{socket:?}");
        }
    }
}
