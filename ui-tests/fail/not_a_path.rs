use concurry::prelude::*;

trait Shape {
    fn area(&self) -> f64;
}

#[worker]
impl dyn Shape {
    pub fn twice(&self) -> f64 {
        self.area() * 2.0
    }
}

fn main() {}
