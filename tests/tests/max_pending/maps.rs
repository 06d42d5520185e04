//! Maps draw no more than there is room for.

use concurry::prelude::*;
#[task(mode = "thread", max_pending = 2)]
fn square(x: u64) -> u64 {
    x * x
}

#[test]
fn maps_wait_for_room_by_themselves() {
    let squares: Vec<u64> = (0..100).map(|x| x * x).collect();
    assert_eq!(square::map(0..100).collect::<concurry::Result<Vec<_>>>().unwrap(), squares);
    let pool = square::options().mode(Mode::Process).init().unwrap();
    assert_eq!(pool.map(0..100).collect::<concurry::Result<Vec<_>>>().unwrap(), squares);
    let mut all: Vec<_> = pool.map_unordered(0..100).map(|(index, value)| (index as u64, value.unwrap())).collect();
    all.sort_unstable();
    assert!(all.iter().all(|(index, value)| index * index == *value) && all.len() == 100);
    pool.stop().unwrap();
    let any = TaskWorker::options().max_pending(2).init().unwrap();
    assert_eq!(any.map(0..100u64, |x| x * x).collect::<concurry::Result<Vec<_>>>().unwrap(), squares);
    any.stop().unwrap();
    square::stop().unwrap();
}
