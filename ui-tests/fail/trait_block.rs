use concurry::prelude::*;

trait Compute {
    fn compute(&self, x: u64) -> u64;
}

#[derive(Default)]
struct Squares;

#[worker(mode = "process")]
impl Compute for Squares {
    fn compute(&self, x: u64) -> u64 {
        x * x
    }
}

// With a constructor in a block of its own.
struct Powers(u32);

impl Powers {
    fn new(exponent: u32) -> Self {
        Powers(exponent)
    }
}

#[worker]
impl Compute for Powers {
    fn compute(&self, x: u64) -> u64 {
        x.pow(self.0)
    }
}

// With a worker besides.
#[derive(Default)]
struct Cubes;

#[worker]
impl Compute for Cubes {
    fn compute(&self, x: u64) -> u64 {
        x.pow(3)
    }
}

#[worker]
impl Cubes {
    pub fn cube(&self, x: u64) -> u64 {
        self.compute(x)
    }
}

fn main() -> concurry::Result<()> {
    println!("{}", Squares.compute(2));
    let squares: SquaresClient = Squares::options().max_workers(2).init()?;
    println!("{}", squares.compute(2).result()?);
    let powers = Powers::init(3u32)?;
    println!("{:?}", gather((0..4u64).map(|x| powers.compute(x))).results()?);
    println!("{}", Cubes::init()?.cube(2).result()?);
    squares.stop()
}
