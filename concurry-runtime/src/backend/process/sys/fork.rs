//! Making a process that goes on from here as a copy of this one, and is a child of the same parent.

use std::io;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::libc;

/// Which of the two processes this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Old,
    New,
}

/// That this process has one thread, as whoever makes this has seen.
///
/// It stays true for as long as nothing runs here that starts threads; that is why only the zygote's loop, which runs
/// nothing of the user's, has one.
pub(crate) struct Alone(());

impl Alone {
    /// Looks; `Err` has the names of the threads besides this one.
    pub(crate) fn look() -> Result<Self, Vec<String>> {
        let others = others().map_err(|error| vec![format!("what /proc would tell ({error})")])?;
        if others.is_empty() { Ok(Alone(())) } else { Err(others) }
    }
}

/// The names of the threads of this process besides this one. One that has run its last instruction of the program and
/// is only to be put away by the kernel, as one is that was just joined, is none.
fn others() -> io::Result<Vec<String>> {
    let own = nix::unistd::gettid().to_string();
    let mut names = Vec::new();
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?;
        if task.file_name() == own.as_str() {
            continue;
        }
        let Ok(stat) = std::fs::read_to_string(task.path().join("stat")) else { continue };
        if !is_exiting(&stat) {
            let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            names.push(name.trim_end().to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Whether a line of `/proc/…/stat` is of a thread that is on its way out: `PF_EXITING` among its flags.
fn is_exiting(stat: &str) -> bool {
    const FLAGS: usize = 6;
    const EXITING: u64 = 0x4;
    let flags = stat.rsplit_once(')').and_then(|(_, fields)| fields.split_whitespace().nth(FLAGS));
    flags.and_then(|flags| flags.parse::<u64>().ok()).is_some_and(|flags| flags & EXITING != 0)
}

/// Where the C library keeps the number of this thread, for the kernel to write the new one to; null where that cannot be
/// known, in which case the record of the new process is that of the old one, which few things look at.
fn thread_record() -> *mut libc::pid_t {
    const PR_GET_TID_ADDRESS: libc::c_int = 40;
    let mut record: *mut libc::pid_t = std::ptr::null_mut();
    // SAFETY: the kernel writes one pointer to `record`, or nothing.
    let told = unsafe { libc::prctl(PR_GET_TID_ADDRESS, &raw mut record) };
    // SAFETY: the C library has registered this address with the kernel, which writes to it when the thread ends; so it
    // is valid memory of this thread's, as long as it lives.
    let is_record = told == 0 && !record.is_null() && unsafe { *record } == nix::unistd::gettid().as_raw();
    // Other C libraries register something else there.
    if is_record { record } else { std::ptr::null_mut() }
}

/// The list of robust locks of this thread, which the kernel forgets in a fork.
fn robust_list() -> (*mut libc::c_void, usize) {
    let (mut list, mut length) = (std::ptr::null_mut(), 0usize);
    // SAFETY: the kernel writes a pointer and a length to the two places, or nothing.
    unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &raw mut list, &raw mut length) };
    (list, length)
}

/// Goes on as two processes, the new one a child of this one's parent. Its number is in `slot` before it runs, whatever
/// becomes of this process meanwhile; so if `slot` is memory that the parent shares, it knows of every child.
pub(crate) fn fork_sibling(_alone: &Alone, slot: &AtomicI32) -> io::Result<Side> {
    if cfg!(any(target_arch = "s390x", target_arch = "sparc", target_arch = "sparc64")) {
        // The arguments are in another order there.
        return Err(Errno::ENOSYS.into());
    }
    let record = thread_record();
    let (list, length) = robust_list();
    let mut flags = libc::CLONE_PARENT | libc::CLONE_PARENT_SETTID | libc::SIGCHLD;
    if !record.is_null() {
        flags |= libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID;
    }
    // So that its page is there when the kernel writes to it.
    slot.store(0, Ordering::Release);
    // SAFETY: without CLONE_VM and with no stack of its own this is a fork: the new process has a copy of all memory and
    // goes on from here. `Alone` says that this thread is the only one, so no lock of the allocator, the C library or
    // anybody else can be held by a thread that the copy does not have; hence nothing of what both go on to do need be
    // safe in a signal handler. What `fork` of the C library does besides is to set the thread's record, which the
    // kernel does here, and to register the robust list anew, which is done below; handlers of `pthread_atfork` are not
    // run. `slot` and `record` are valid places for a number of a process. The order of the last two arguments depends
    // on the architecture; the other one of the two is for a flag that is not set.
    let made = unsafe {
        libc::syscall(libc::SYS_clone, libc::c_long::from(flags), 0 as libc::c_long, slot.as_ptr(), record, record)
    };
    match made {
        0 => {
            if !list.is_null() {
                // SAFETY: it is what the C library registered for this very thread, at the same address in the copy.
                unsafe { libc::syscall(libc::SYS_set_robust_list, list, length) };
            }
            Ok(Side::New)
        }
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(Side::Old),
    }
}

/// Writes out what C code of this process has printed and not written yet, which a fork would have twice.
pub(crate) fn flush_c() {
    // SAFETY: with null it flushes every stream, and takes their locks for that.
    unsafe { libc::fflush(std::ptr::null_mut()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_seen_by_their_names_until_they_have_ended() {
        let (go, gate) = std::sync::mpsc::channel::<()>();
        let other = std::thread::Builder::new().name("somebody".to_owned()).spawn(move || gate.recv()).unwrap();
        let seen = || others().unwrap().iter().any(|name| name == "somebody");
        // It names itself once it runs.
        while !seen() {
            std::thread::yield_now();
        }
        assert!(Alone::look().is_err_and(|names| names.contains(&"somebody".to_owned())));
        drop(go);
        other.join().unwrap().unwrap_err();
        assert!(!seen());
    }

    #[test]
    fn the_flags_of_a_thread_are_found_whatever_its_name_is() {
        assert!(is_exiting("12 (a) b) S 1 12 12 0 -1 4194308 0 0"));
        assert!(!is_exiting("12 (a) b) S 1 12 12 4 4 4194304 4 4"));
        assert!(!is_exiting("nonsense"));
    }

    #[test]
    fn the_record_is_the_number_of_the_thread() {
        let record = thread_record();
        // Only C libraries that register something else have none.
        if cfg!(target_env = "gnu") {
            assert!(!record.is_null());
        }
    }
}
