//! Telling a stack overflow from any other segmentation fault, in a worker process.
//!
//! Rust's own detection is set up by the start of `main`, which a worker never reaches. A fault close below the
//! worker thread's stack sets a word of the shared memory; then the default action takes its course, so the process
//! dies of the signal as ever and the driver can say what it was.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use nix::libc;

/// What the worker writes to its stderr then.
pub(crate) const OVERFLOWED: &str = "concurry: a worker's stack overflowed";

static LOW: AtomicUsize = AtomicUsize::new(0);
static WORD: AtomicUsize = AtomicUsize::new(0);

/// Faults this far below the end of the stack count as its overflow: the guard page and frames that jump past it.
const REACH: usize = 1 << 20;
const ALTERNATE: usize = 64 << 10;

extern "C" fn on_fault(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel gives a handler that asked for SA_SIGINFO a valid `info`; a segmentation fault has an
    // address in it.
    let (address, code) = unsafe { ((*info).si_addr() as usize, (*info).si_code) };
    let low = LOW.load(Ordering::Relaxed);
    let word = WORD.load(Ordering::Relaxed) as *const AtomicU64;
    // One that a program sent (`kill`, `raise`) has no address, and does not happen again by itself.
    let was_sent = code <= 0;
    if low != 0
        && !was_sent
        && !word.is_null()
        && address < low.saturating_add(4096)
        && address >= low.saturating_sub(REACH)
    {
        // SAFETY: the word was made of a `&'static AtomicU64`.
        unsafe { (*word).store(1, Ordering::Release) };
        for text in ["\n", OVERFLOWED, "\n"] {
            // SAFETY: `write` may be called in a signal handler, and the bytes are valid for their length.
            unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
        }
    }
    // SAFETY: `signal` may be called in a handler. With the default action back, the fault happens again on return
    // and ends the process as it would have without us.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    if was_sent {
        // SAFETY: `raise` may be called in a handler. The signal is blocked in here, so it strikes on return.
        unsafe { libc::raise(signal) };
    }
}

/// Watches the stack of this thread until the process ends.
pub(crate) fn watch_stack(word: &'static AtomicU64) {
    let Some(low) = lowest_address() else { return };
    LOW.store(low, Ordering::Relaxed);
    WORD.store(std::ptr::from_ref(word) as usize, Ordering::Relaxed);
    // The handler needs a stack that is not full. It is never given back: the process ends with this thread.
    // Nor is it touched before it is needed, which would cost a page fault for each page of it.
    let stack = Box::leak(Box::<[u8]>::new_uninit_slice(ALTERNATE));
    let alternate = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: ALTERNATE };
    // SAFETY: the memory is ours for ever and of the length that is said.
    unsafe { libc::sigaltstack(&raw const alternate, std::ptr::null_mut()) };
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: an all-zero `sigaction` is valid; the handler has the signature that SA_SIGINFO asks for and calls
        // only what may be called in a handler.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction =
                on_fault as extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

/// The lowest address of this thread's stack.
fn lowest_address() -> Option<usize> {
    // SAFETY: the attributes are filled in by the first call before they are read by the second and freed by the
    // third; an all-zero value is a valid place for them.
    unsafe {
        let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &raw mut attributes) != 0 {
            return None;
        }
        let (mut address, mut size) = (std::ptr::null_mut(), 0);
        let got = libc::pthread_attr_getstack(&raw const attributes, &raw mut address, &raw mut size);
        libc::pthread_attr_destroy(&raw mut attributes);
        (got == 0).then_some(address as usize)
    }
}
