use concurry::prelude::*;

#[task(mode = "process")]
fn main() {
    println!("hello");
}
