//! From the loader to the worker's loop: whether this process is to be a worker, and becoming one.

use std::ffi::OsStr;
use std::os::unix::net::UnixStream;

use nix::sys::socket::{getsockopt, sockopt};
use nix::sys::stat::fstat;
use nix::unistd::getppid;

use super::{child, sys};
use crate::fault::{self, Point};
use crate::gather::print_lines_only;

/// The variable that names the process which started this one as its worker.
pub(super) const MARKER: &str = "CONCURRY_WORKER_OF";

/// The driver's socket, where this process is a worker: standard input is a socket whose other end was made by the
/// process that the marker names. Where its other end is on another machine, the marker names the socket as well.
pub(super) fn claim(marker: &OsStr) -> Option<UnixStream> {
    let marker = marker.to_str()?;
    let (starter, socket) = marker.split_once(':').map_or((marker, None), |(starter, socket)| (starter, Some(socket)));
    let driver: i32 = starter.parse().ok()?;
    let stdin = std::io::stdin();
    let is_ours = match socket {
        None => getsockopt(&stdin, sockopt::PeerCredentials).ok()?.pid() == driver,
        Some(socket) => {
            getsockopt(&stdin, sockopt::SockType).is_ok() && socket.parse() == Ok(fstat(&stdin).ok()?.st_ino)
        }
    };
    if !is_ours {
        return None;
    }
    if getppid().as_raw() != driver {
        // The driver died while we were started. There is nobody to work for, and `main` is not to run twice.
        child::leave();
    }
    match sys::adopt_socket() {
        Ok(socket) => Some(socket),
        Err(error) => {
            child::leave_for(&format!("it could not take its socket: {error}"));
        }
    }
}

/// Becomes the worker; never returns.
pub(super) fn take_over(socket: UnixStream) -> ! {
    sys::ignore_signals();
    fault::here(Point::TakeOver);
    print_lines_only();
    child::main(socket)
}
