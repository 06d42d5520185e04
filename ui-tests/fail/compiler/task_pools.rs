use concurry::prelude::*;

pub struct Handle;

#[task(mode = "process")]
fn double(x: u64) -> u64 {
    x * 2
}

#[task]
fn repeat(text: &str, times: usize) -> String {
    text.repeat(times)
}

fn main() -> concurry::Result<()> {
    let _: TaskPool = double::options().init()?;
    let _ = double::submit(1);
    let _ = double::init();
    let _ = double.map(0..3);
    let _ = double::map(["one"]);
    let _ = repeat::map([("a", 2)]);
    let _: Vec<u64> = double::map(0..3).collect();
    let pool = TaskWorker::init()?;
    let _ = pool.submit(|x: u64| x);
    let _ = pool.submit(3);
    let _ = pool.try_submit(|| 3u64);
    let _ = pool.submit_with(Handle, |_| 1u64);
    let _ = pool.submit_with(1u64, |_: u64| Handle);
    Ok(())
}
