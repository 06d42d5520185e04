//! One zygote, as its driver sees it, and the workers that it was told to fork.
//!
//! An order is a frame with the file descriptors that the new worker is to have. What becomes of it stands in a slot of the
//! [`Register`], memory that both share: the number of the new process, written by the kernel before that runs, or why there
//! is none. The worker's own socket tells when to look: it says a bell once it is there, and where nobody has the other
//! end, it ends. Once the zygote is dead, what stands in the slots is final.
//!
//! Who owns what: the [`Nursery`](super::nursery)'s thread reaps the zygote, whoever has a [`Newborn`] reaps that.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd::Pid;

use super::status::{self, Exit};
use super::sys::{self, Kept, Register};
use crate::wire::frame::{Head, Kind};
use crate::wire::link::write_frame;

pub(super) struct Zygote {
    /// Before the socket.
    _kept: Kept,
    control: Arc<UnixStream>,
    register: Register,
    free: Mutex<Vec<usize>>,
    /// Held while an order is written.
    writing: Mutex<()>,
    /// Its process, until it is about to be reaped.
    pid: Mutex<Option<Pid>>,
    /// Readable for ever once it is dead.
    over: EventFd,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Zygote {
    /// Of a process that was just started; and the file that it is to be handed. `most` is how many orders may be open.
    pub(super) fn new(pid: Pid, control: Arc<UnixStream>, kept: Kept, most: usize) -> io::Result<(Arc<Self>, OwnedFd)> {
        let (register, file) = Register::new(most)?;
        let zygote = Zygote {
            _kept: kept,
            control,
            register,
            free: Mutex::new((0..most).collect()),
            writing: Mutex::default(),
            pid: Mutex::new(Some(pid)),
            over: EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?,
        };
        Ok((Arc::new(zygote), file))
    }

    pub(super) fn control(&self) -> &UnixStream {
        &self.control
    }

    /// Ends it at once.
    pub(super) fn kill(&self) {
        if let Some(pid) = *lock(&self.pid) {
            status::end_now(pid);
        }
    }

    /// Waits for its end and reaps it.
    pub(super) fn bury(&self) -> Exit {
        let Some(pid) = *lock(&self.pid) else { return Exit::Unknown };
        status::await_end(pid);
        // From here on its number may be another process's.
        let mut held = lock(&self.pid);
        *held = None;
        let exit = status::reap(pid);
        drop(held);
        let _ = self.over.write(1);
        exit
    }

    /// Orders a worker, whose stderr is a pipe where it is to be captured. An error is why it cannot be ordered; one that
    /// is told by the zygote's socket means that it is dead. With `at_once` it does not wait for a zygote that is behind.
    pub(super) fn order(self: &Arc<Self>, capture_stderr: bool, at_once: bool) -> io::Result<Newborn> {
        let (socket, theirs) = UnixStream::pair()?;
        // A fork of this process does not have it, nor the zygote's.
        let kept = sys::keep(socket.as_fd());
        let (stderr, write_end) = match capture_stderr {
            true => Some(io::pipe()?).unzip(),
            false => (None, None),
        };
        let Some(slot) = lock(&self.free).pop() else { return Err(Errno::EAGAIN.into()) };
        if let Some(place) = self.register.slot(slot) {
            place.store(0, Ordering::Release);
        }
        let mut files = vec![theirs.as_raw_fd()];
        files.extend(write_end.as_ref().map(AsRawFd::as_raw_fd));
        let newborn = Newborn { zygote: self.clone(), slot, kept, socket, stderr: stderr.map(OwnedFd::from) };
        match self.write(Head::about(Kind::Fork, slot as u64, 0), &files, at_once) {
            Ok(()) => Ok(newborn),
            Err(error) => {
                // It was not even ordered.
                newborn.give_back();
                Err(error)
            }
        }
    }

    fn write(&self, head: Head, files: &[RawFd], at_once: bool) -> io::Result<()> {
        let busy = || io::Error::from(Errno::EAGAIN);
        let _writing = if at_once { self.writing.try_lock().map_err(|_| busy())? } else { lock(&self.writing) };
        if at_once {
            let mut fds = [PollFd::new(self.control.as_fd(), PollFlags::POLLOUT)];
            if poll(&mut fds, PollTimeout::ZERO)? == 0 {
                return Err(busy());
            }
        }
        write_frame(&self.control, head, &[], files)
    }
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Birth {
    /// A process was forked, which may be dead by now.
    Born(Pid),
    /// None could be.
    Refused(Errno),
    /// None was: the zygote is dead, or the order did not arrive whole.
    Lost,
}

/// A worker that was ordered.
pub(super) struct Newborn {
    zygote: Arc<Zygote>,
    slot: usize,
    /// Before the socket.
    pub(super) kept: Kept,
    pub(super) socket: UnixStream,
    pub(super) stderr: Option<OwnedFd>,
}

impl Newborn {
    fn give_back(&self) {
        lock(&self.zygote.free).push(self.slot);
    }

    /// What stands in its slot.
    fn look(&self) -> Option<Birth> {
        match self.zygote.register.slot(self.slot)?.load(Ordering::Acquire) {
            0 => None,
            pid if pid > 0 => {
                let pid = Pid::from_raw(pid);
                // The zygote may have gone mad, and whatever is killed is to be ours.
                Some(if status::is_child(pid) { Birth::Born(pid) } else { Birth::Lost })
            }
            error => Some(Birth::Refused(Errno::from_raw(-error))),
        }
    }

    /// Waits until it is known what became of it. The zygote may be killed meanwhile, so that it becomes known.
    pub(super) fn await_birth(&self) -> Birth {
        let birth = loop {
            if let Some(birth) = self.look() {
                break birth;
            }
            let mut fds = [
                PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.zygote.over.as_fd(), PollFlags::POLLIN),
            ];
            let polled = poll(&mut fds, PollTimeout::NONE);
            let told = fds.iter().any(|fd| fd.any() == Some(true));
            if polled.is_ok() && told {
                // What was to be written there was written before that could be seen.
                break self.look().unwrap_or(Birth::Lost);
            }
        };
        self.give_back();
        birth
    }

    /// Sees to the end of one that is not wanted any more, once the zygote is dead or about to be.
    pub(super) fn dismiss(self) {
        let birth = self.await_birth();
        drop(self.kept);
        drop(self.socket);
        if let Birth::Born(pid) = birth {
            end(pid);
        }
    }
}

/// Ends and reaps a worker that nobody has begun to use.
pub(super) fn end(pid: Pid) {
    status::end_now(pid);
    status::await_end(pid);
    let _ = status::reap(pid);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zygote that is a program which knows nothing of that, and its end of the socket.
    fn zygote() -> (Arc<Zygote>, UnixStream, Register) {
        #[expect(clippy::zombie_processes, reason = "`bury` reaps it")]
        let child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let kept = sys::keep(ours.as_fd());
        let (zygote, file) = Zygote::new(Pid::from_raw(child.id().cast_signed()), ours.into(), kept, 2).unwrap();
        (zygote, theirs, Register::open(&file).unwrap())
    }

    #[test]
    fn what_becomes_of_orders_is_told_whatever_becomes_of_the_zygote() {
        let (zygote, theirs, register) = zygote();
        let (first, second) = (zygote.order(true, false).unwrap(), zygote.order(false, true).unwrap());
        // There are two slots.
        assert!(zygote.order(false, false).is_err());
        let mut order = super::super::talk::receive(&theirs).unwrap().unwrap();
        assert_eq!((order.head.kind, order.files.len()), (Kind::Fork, 2));
        let slot = register.slot(usize::try_from(order.head.id).unwrap()).unwrap();
        slot.store(-(Errno::ENOMEM as i32), Ordering::Release);
        order.files.clear();
        assert_eq!(first.await_birth(), Birth::Refused(Errno::ENOMEM));
        // The slot is free again, and what stood in it is not taken for an answer.
        let third = zygote.order(false, false).unwrap();
        // A process that is not ours is not taken for a worker.
        register.slot(third.slot).unwrap().store(1, Ordering::Release);
        assert_eq!(third.await_birth(), Birth::Lost);
        let waiting = std::thread::spawn(move || second.await_birth());
        zygote.kill();
        assert_eq!(zygote.bury(), Exit::Signal(nix::sys::signal::Signal::SIGKILL));
        assert_eq!(waiting.join().unwrap(), Birth::Lost);
        assert_eq!(zygote.bury(), Exit::Unknown);
    }
}
