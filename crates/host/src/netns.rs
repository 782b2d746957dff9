//! Network namespaces: one a machine, which outlives the machine's power cycles.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic;
use std::thread;

use quorate_netlink::Netlink;
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

/// A network namespace. It exists for as long as this value, a process or a socket in it does.
#[derive(Debug)]
pub struct NetNs {
    fd: OwnedFd,
}

impl NetNs {
    /// A new namespace with nothing but a loopback interface, which is up.
    pub fn new() -> io::Result<Self> {
        on_scoped_thread(|| {
            unshare(UnshareFlags::NEWNET)?;
            prepare()?;
            Netlink::open()?.link_up(LOOPBACK)?;
            Self::current()
        })
    }

    /// The namespace of the calling thread.
    pub fn current() -> io::Result<Self> {
        let fd = File::open("/proc/thread-self/ns/net")?.into();
        Ok(Self { fd })
    }

    /// Runs `work` on a thread of its own inside the namespace, and waits for it. Sockets made
    /// there stay in the namespace wherever they are used, and processes started there live in
    /// it.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        on_scoped_thread(|| {
            move_into_link_name_space(self.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok(work())
        })
    }

    /// Runs `work` on a thread of its own inside the namespace, and does not wait for it.
    pub(crate) fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let fd = self.fd.try_clone()?;
        let enter_and_work = move || {
            match move_into_link_name_space(fd.as_fd(), Some(LinkNameSpaceType::Network)) {
                Ok(()) => work(),
                // It worked for the other threads of this world a moment ago.
                Err(error) => panic!("cannot enter a network namespace of our own: {error}"),
            }
        };
        thread::Builder::new()
            .name(name.into())
            .spawn(enter_and_work)?;
        Ok(())
    }
}

impl AsFd for NetNs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Moves the calling thread into new namespaces.
#[expect(unsafe_code, reason = "the wrapper is unsafe for CLONE_FILES")]
pub(crate) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    assert!(
        !flags.contains(UnshareFlags::FILES),
        "descriptors are shared"
    );
    // SAFETY: the table of file descriptors stays shared, as asserted.
    unsafe { unshare_unsafe(flags) }?;
    Ok(())
}

/// Sets what every namespace of this world has in common. /proc/sys/net shows the calling
/// thread's own.
pub(crate) fn prepare() -> io::Result<()> {
    // IPv6 would speak up on each new link with discovery that no scenario asked for.
    let set = |path: &str, value: &str| match fs::write(format!("/proc/sys/net/{path}"), value) {
        // A kernel without IPv6, or one too old to know the setting.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    set("ipv6/conf/all/disable_ipv6", "1")?;
    set("ipv6/conf/default/disable_ipv6", "1")?;
    // Servers that give up root still bind ports 53, 67 and 80.
    set("ipv4/ip_unprivileged_port_start", "0")?;
    set("ipv4/ping_group_range", "0 0")
}

fn on_scoped_thread<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("netns".into());
        thread
            .spawn_scoped(scope, work)?
            .join()
            .unwrap_or_else(|panicked| panic::resume_unwind(panicked))
    })
}

/// The index of `lo` in every network namespace.
const LOOPBACK: u32 = 1;
