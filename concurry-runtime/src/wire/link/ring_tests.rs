//! The rings by themselves, apart from them because the models take them in as they are.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::memory::{Memory, RING, Way};
use super::ring::{RingReader, RingWriter};

fn pair() -> (RingWriter, RingReader, Arc<Memory>) {
    let (memory, _file) = Memory::new().unwrap();
    (RingWriter::new(memory.clone(), Way::Up), RingReader::new(memory.clone(), Way::Up), memory)
}

#[test]
fn what_is_written_arrives_once_published_and_makes_room_once_released() {
    let (mut writer, mut reader, _) = pair();
    assert_eq!(writer.write(&[7; RING - 1]).unwrap(), RING - 1);
    assert_eq!(reader.available(1).unwrap(), 0);
    writer.publish();
    let mut got = Vec::new();
    assert_eq!(reader.read(usize::MAX, &mut got).unwrap(), RING - 1);
    assert!(got.iter().all(|&byte| byte == 7));
    assert_eq!(writer.write(&[8; 10]).unwrap(), 1);
    reader.release();
    assert_eq!(writer.write(&[9; 10]).unwrap(), 10);
    writer.publish();
    got.clear();
    assert_eq!(reader.read(20, &mut got).unwrap(), 11);
    assert_eq!(got, [8, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]);
}

#[test]
fn impossible_ends_are_errors() {
    let (mut writer, mut reader, memory) = pair();
    memory.head(Way::Up).store(RING as u64 + 1, Ordering::Relaxed);
    assert!(reader.available(1).is_err());
    memory.tail(Way::Up).store(1, Ordering::Relaxed);
    assert!(writer.room(RING + 1).is_err());
    memory.tail(Way::Up).store(u64::MAX, Ordering::Relaxed);
    assert!(writer.room(RING + 1).is_err());
    // Going back is no less impossible.
    let (mut writer, mut reader, memory) = pair();
    writer.write(&[0; 100]).unwrap();
    writer.publish();
    assert_eq!(reader.available(1).unwrap(), 100);
    memory.head(Way::Up).store(50, Ordering::Relaxed);
    assert!(reader.available(101).is_err());
}

#[test]
fn a_million_bytes_cross_between_threads() {
    let (mut writer, mut reader, _) = pair();
    let sizes = |turn: usize| (turn * 7919) % 5000 + 1;
    let sender = std::thread::spawn(move || {
        for turn in 0..4000 {
            let bytes = vec![turn as u8; sizes(turn)];
            let mut done = 0;
            while done < bytes.len() {
                done += writer.write(&bytes[done..]).unwrap();
                writer.publish();
            }
        }
    });
    for turn in 0..4000 {
        let mut got = Vec::new();
        while got.len() < sizes(turn) {
            reader.read(sizes(turn) - got.len(), &mut got).unwrap();
            reader.release();
        }
        assert!(got.iter().all(|&byte| byte == turn as u8), "{turn}");
    }
    sender.join().unwrap();
}
