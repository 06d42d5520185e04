//! Frames over a socket that blocks, with the file descriptors that come along: what a process is told first, and what a
//! driver and a zygote say to each other.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use serde::de::DeserializeOwned;

use super::sys;
use crate::wire::codec::{self, Codec};
use crate::wire::frame::{HEAD, Head, MOST};

/// The most that room is made for before it has come.
const MOUTHFUL: usize = 1 << 20;

/// A frame that has come.
pub(in crate::backend) struct Message {
    pub(in crate::backend) head: Head,
    pub(in crate::backend) bytes: Vec<u8>,
    pub(in crate::backend) files: VecDeque<OwnedFd>,
}

impl Message {
    /// What its bytes stand for.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        codec::decode(Codec::Bincode, &self.bytes)
    }
}

/// Waits for the next frame; `None` where the other end is gone.
pub(in crate::backend) fn receive(socket: &UnixStream) -> Result<Option<Message>, String> {
    let mut files = VecDeque::new();
    let mut head = vec![0; HEAD];
    if !fill(socket, &mut head, 0, &mut files)? {
        return Ok(None);
    }
    let Some(head) = Head::read(&head, MOST).transpose()? else { return Ok(None) };
    let mut bytes = Vec::new();
    while bytes.len() < head.length {
        let have = bytes.len();
        bytes.resize(head.length.min(have + MOUTHFUL), 0);
        if !fill(socket, &mut bytes, have, &mut files)? {
            return Ok(None);
        }
    }
    Ok(Some(Message { head, bytes, files }))
}

/// Fills `buffer` from `have` on; `false` where the other end is gone before that is done.
fn fill(
    socket: &UnixStream,
    buffer: &mut [u8],
    mut have: usize,
    files: &mut VecDeque<OwnedFd>,
) -> Result<bool, String> {
    while let Some(rest) = buffer.get_mut(have..).filter(|rest| !rest.is_empty()) {
        match sys::receive_with_fds(socket, rest, files) {
            Ok(0) => return Ok(false),
            Ok(read) => have += read,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Ok(false),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;
    use crate::wire::frame::Kind;
    use crate::wire::link::write_frame;

    #[test]
    fn frames_come_whole_with_their_files_and_the_end_is_the_end() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let writer = std::thread::spawn(move || {
            let file = std::fs::File::open("/dev/null").unwrap();
            let large = vec![7; 3 * MOUTHFUL + 1];
            write_frame(&ours, Head::about(Kind::Fork, 3, 0), &[], &[file.as_raw_fd(), file.as_raw_fd()]).unwrap();
            write_frame(&ours, Head::plain(Kind::Start, large.len()), &large, &[file.as_raw_fd()]).unwrap();
            write_frame(&ours, Head::plain(Kind::Start, 2), &[1], &[]).unwrap();
        });
        let first = receive(&theirs).unwrap().unwrap();
        assert_eq!((first.head.id, first.files.len(), first.bytes.len()), (3, 2, 0));
        let second = receive(&theirs).unwrap().unwrap();
        assert_eq!((second.head.kind, second.files.len(), second.bytes.len()), (Kind::Start, 1, 3 * MOUTHFUL + 1));
        // Cut off in the middle is gone, too.
        assert!(receive(&theirs).unwrap().is_none());
        writer.join().unwrap();
    }
}
