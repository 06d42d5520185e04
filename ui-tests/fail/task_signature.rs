use concurry::prelude::*;

#[task]
fn generic<T: Default>(x: T) -> T {
    x
}

#[task]
unsafe fn peek(address: usize) -> u8 {
    unsafe { *(address as *const u8) }
}

#[task]
extern "C" fn callback(x: u32) -> u32 {
    x
}

#[task]
fn borrowed(text: &str) -> &str {
    text
}

#[task]
fn shown(what: impl ToString, target: &mut String, maybe: Option<&str>) -> String {
    let _ = (target, maybe);
    what.to_string()
}

#[task]
fn iterator() -> impl Iterator<Item = u64> {
    0..3
}

#[task]
fn contexts(a: &CallContext, b: &CallContext) -> bool {
    a.is_cancelled() || b.is_cancelled()
}

fn main() {
    let shown: String = shown(7, &mut String::new(), None).result().unwrap();
    println!("{shown} {:?}", borrowed("a").result());
}
