//! Forking, and standing by until a child has ended.

use std::io;
use std::mem::MaybeUninit;
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getppid, kill_process, set_parent_process_death_signal,
    waitpid,
};

/// What `fork` answers in each of the two processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fork {
    Parent { child: Pid },
    Child,
}

/// Splits the process in two.
///
/// # Panics
/// In a process with several threads: the child would have one of them and the locks of all.
#[expect(unsafe_code, reason = "fork has no safe wrapper")]
pub fn fork() -> io::Result<Fork> {
    assert!(is_single_threaded(), "fork in a process with threads");
    // SAFETY: there is no other thread whose half-done work the child could inherit.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        pid => Ok(Fork::Parent {
            child: Pid::from_raw(pid).expect("fork answers a positive pid"),
        }),
    }
}

/// True when the calling thread is the process's only one.
pub fn is_single_threaded() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1)
}

/// Has the kernel kill this process when `parent` ends.
pub fn die_with(parent: Pid) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have ended before the line above.
    if getppid() != Some(parent) {
        std::process::exit(1);
    }
    Ok(())
}

/// The same for a process whose parent is outside its PID namespace and has no number there:
/// `lifeline` shows whether the parent has ended already.
pub fn die_with_parent_outside(lifeline: &UnixStream) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let mut fds = [PollFd::new(lifeline, PollFlags::IN)];
    let at_once = Timespec::default();
    if poll(&mut fds, Some(&at_once))? > 0 {
        std::process::exit(1);
    }
    Ok(())
}

/// The signals that a process which stands by for a child waits for instead of dying of them.
/// Held back from before the fork, so that none is lost; the child lets go of them by dropping
/// its copy.
pub struct HeldSignals {
    held: libc::sigset_t,
    before: libc::sigset_t,
}

impl std::fmt::Debug for HeldSignals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeldSignals").finish_non_exhaustive()
    }
}

impl HeldSignals {
    /// Holds back SIGCHLD and everything in [`FORWARDED`].
    #[expect(unsafe_code, reason = "signal masks have no safe wrapper")]
    pub fn hold() -> io::Result<Self> {
        let mut held = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        // SAFETY: sigemptyset makes `held` a valid set before anything reads it, and
        // sigprocmask fills `before` when it succeeds, which is checked.
        unsafe {
            libc::sigemptyset(held.as_mut_ptr());
            for signal in FORWARDED {
                libc::sigaddset(held.as_mut_ptr(), signal.as_raw());
            }
            libc::sigaddset(held.as_mut_ptr(), libc::SIGCHLD);
            if libc::sigprocmask(libc::SIG_BLOCK, held.as_ptr(), before.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(Self {
                held: held.assume_init(),
                before: before.assume_init(),
            })
        }
    }

    /// Waits for the next held signal. True beside it when a process sent it; a terminal sends
    /// to its whole foreground group by itself.
    #[expect(unsafe_code, reason = "sigwaitinfo has no safe wrapper")]
    fn wait(&self) -> io::Result<(i32, bool)> {
        let mut info = MaybeUninit::<libc::siginfo_t>::uninit();
        // SAFETY: both point to live values, and `info` is read only after a success.
        let signal = unsafe { libc::sigwaitinfo(&raw const self.held, info.as_mut_ptr()) };
        if signal < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: sigwaitinfo filled it.
        let code = unsafe { info.assume_init() }.si_code;
        Ok((signal, code <= 0))
    }
}

impl Drop for HeldSignals {
    /// Gives the signals back their effect.
    #[expect(unsafe_code, reason = "signal masks have no safe wrapper")]
    fn drop(&mut self) {
        // SAFETY: `before` is the mask that sigprocmask once answered.
        unsafe {
            libc::sigprocmask(
                libc::SIG_SETMASK,
                &raw const self.before,
                std::ptr::null_mut(),
            )
        };
    }
}

/// Stands by until `child` has ended: reaps whatever else ends meanwhile, and passes on the
/// signals that were sent to this process alone. Answers the child's status as a shell does:
/// its exit code, or 128 and the number of the signal that ended it.
pub fn stand_by(child: Pid, signals: &HeldSignals) -> io::Result<u8> {
    loop {
        while let Some((ended, status)) = reap()? {
            if ended == child {
                return Ok(shell_status(status));
            }
        }
        let (signal, from_process) = match signals.wait() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            waited => waited?,
        };
        let forward = FORWARDED.into_iter().find(|s| s.as_raw() == signal);
        if let Some(signal) = forward.filter(|_| from_process) {
            // It may have ended just now, which the next round finds out.
            let _ = kill_process(child, signal);
        }
    }
}

fn reap() -> io::Result<Option<(Pid, WaitStatus)>> {
    Ok(waitpid(None, WaitOptions::NOHANG)?)
}

fn shell_status(status: WaitStatus) -> u8 {
    let code = status
        .exit_status()
        .or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(u8::MAX)
}

/// The signals that ask a process to end.
pub const FORWARDED: [Signal; 4] = [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT];
