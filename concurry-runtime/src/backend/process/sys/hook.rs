//! Taking over before `main`, in the process that is to be a worker.
//!
//! The linker lists [`ENTRY`] among the functions that run before `main`. In any process but a worker it costs one look
//! at the environment. In a worker it never returns; since the order of such functions is the linker's, it first runs
//! those that would have come after it.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, UnixAddr, recvmsg};

use super::super::hook;

#[used]
// SAFETY: the section holds pointers to functions that the loader calls with (argc, argv, envp) before `main`; one
// that takes no arguments may be called so under the C calling convention.
#[unsafe(link_section = ".init_array")]
static ENTRY: extern "C" fn() = before_main;

extern "C" fn before_main() {
    let Some(marker) = std::env::var_os(hook::MARKER) else { return };
    // SAFETY: this runs before `main`, when the process has this one thread, so nobody else reads the environment.
    unsafe { std::env::remove_var(hook::MARKER) };
    if let Some(socket) = hook::claim(&marker) {
        #[cfg(feature = "ray")]
        adopt_values();
        run_the_rest();
        hook::take_over(socket);
    }
}

type Initializer = extern "C" fn(libc::c_int, *const *const libc::c_char, *const *const libc::c_char);

unsafe extern "C" {
    static __init_array_start: [Initializer; 0];
    static __init_array_end: [Initializer; 0];
}

/// Runs the functions of this image that the loader would run after ours.
fn run_the_rest() {
    // SAFETY: the linker defines both as the ends of one array of initializers in the executable that this code is
    // part of (a library would not be asked to take over); entries are valid functions or, as the loader knows too,
    // 0 or -1, which are skipped.
    unsafe {
        let mut at = (&raw const __init_array_start).cast::<usize>();
        let end = (&raw const __init_array_end).cast::<usize>();
        let mut after_us = false;
        while at < end {
            let entry = *at;
            if after_us && entry != 0 && entry != usize::MAX {
                let run = std::mem::transmute::<usize, Initializer>(entry);
                run(0, std::ptr::null(), environ);
            }
            after_us |= entry == before_main as extern "C" fn() as usize;
            at = at.add(1);
        }
    }
}

// SAFETY: the C library defines it, of this type.
unsafe extern "C" {
    static environ: *const *const libc::c_char;
}

/// Moves the socket from standard input to a descriptor that programs started from here do not inherit, and puts the
/// null device in its place.
pub(crate) fn adopt_socket() -> io::Result<UnixStream> {
    let stdin = io::stdin();
    let moved: RawFd = fcntl(&stdin, FcntlArg::F_DUPFD_CLOEXEC(3))?;
    // SAFETY: the descriptor was made just now and belongs to nobody else.
    let socket = unsafe { OwnedFd::from_raw_fd(moved) };
    let null = std::fs::File::open("/dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    Ok(UnixStream::from(socket))
}

/// The variable that says which descriptor is the way to values on a cluster.
#[cfg(feature = "ray")]
const VALUES: &str = "CONCURRY_VALUES";

/// That way, where there is one.
#[cfg(feature = "ray")]
static VALUES_SOCKET: std::sync::Mutex<Option<UnixStream>> = std::sync::Mutex::new(None);

/// Moves it to a descriptor that programs started from here do not inherit.
#[cfg(feature = "ray")]
fn adopt_values() {
    let Some(number) = std::env::var(VALUES).ok().and_then(|number| number.parse::<RawFd>().ok()) else { return };
    // SAFETY: as with the marker: nobody else reads the environment yet.
    unsafe { std::env::remove_var(VALUES) };
    // A variable that was there before says what it likes.
    let is_socket = std::fs::read_link(format!("/proc/self/fd/{number}"))
        .is_ok_and(|to| to.as_os_str().as_encoded_bytes().starts_with(b"socket:"));
    if number < 3 || !is_socket {
        return;
    }
    // SAFETY: it is open; whoever started this process has made it for this and says so, and nothing here has looked at it
    // yet, so nobody else has it.
    let inherited = unsafe { OwnedFd::from_raw_fd(number) };
    let Ok(moved) = fcntl(&inherited, FcntlArg::F_DUPFD_CLOEXEC(3)) else { return };
    // SAFETY: the descriptor was made just now and belongs to nobody else.
    let socket = UnixStream::from(unsafe { OwnedFd::from_raw_fd(moved) });
    *lock(&VALUES_SOCKET) = Some(socket);
}

/// Takes the way to values on a cluster, where this process was given one.
#[cfg(feature = "ray")]
pub(crate) fn values_socket() -> Option<UnixStream> {
    lock(&VALUES_SOCKET).take()
}

#[cfg(feature = "ray")]
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

extern "C" fn do_nothing(_: libc::c_int) {}

/// A broken pipe is an error and Ctrl-C the driver's business.
///
/// Ctrl-C is caught by a handler that does nothing instead of being ignored: programs that a worker starts get the
/// default back, as they would anywhere else. (`std::process` gives them the default of SIGPIPE by itself.)
pub(crate) fn ignore_signals() {
    // SAFETY: ignoring a signal installs no handler that could run at a bad moment.
    let pipe =
        unsafe { sigaction(Signal::SIGPIPE, &SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty())) };
    let nothing = SigAction::new(SigHandler::Handler(do_nothing), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: a handler that does nothing does nothing that may not be done in a handler.
    let interrupt = unsafe { sigaction(Signal::SIGINT, &nothing) };
    debug_assert!(pipe.is_ok() && interrupt.is_ok());
}

/// Reads up to `buffer.len()` bytes, and adds the file descriptors that came with them to `files`.
pub(crate) fn receive_with_fds(
    socket: &UnixStream,
    buffer: &mut [u8],
    files: &mut VecDeque<OwnedFd>,
) -> io::Result<usize> {
    let mut space = cmsg_space!([RawFd; 4]);
    let mut parts = [io::IoSliceMut::new(buffer)];
    let message = loop {
        match recvmsg::<UnixAddr>(socket.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC) {
            Err(Errno::EINTR) => {}
            other => break other?,
        }
    };
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(fds) = control {
            for fd in fds {
                // SAFETY: the kernel made this descriptor for us with this message; nobody else has it.
                files.push_back(unsafe { OwnedFd::from_raw_fd(fd) });
            }
        }
    }
    Ok(message.bytes)
}

/// Ends the process at once, with nothing run on the way.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` may be called anywhere; it does not return.
    unsafe { libc::_exit(code) }
}
