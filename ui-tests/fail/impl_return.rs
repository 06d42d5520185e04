use concurry::prelude::*;

#[derive(Default)]
struct Numbers;

#[worker]
impl Numbers {
    pub fn squares(&self, up_to: u64) -> impl Iterator<Item = u64> + use<> {
        (0..up_to).map(|x| x * x)
    }

    pub fn boxed(&self) -> Box<impl Fn(u64) -> u64 + use<>> {
        Box::new(|x| x)
    }
}

fn main() {
    let pool = Numbers::init().unwrap();
    let _ = pool.squares(4u64);
}
