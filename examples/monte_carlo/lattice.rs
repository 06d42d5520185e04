//! A lattice whose squares are open or shut, and whether there is a way through it.

/// Numbers by chance, the same ones for the same seed: SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom
/// Number Generators", 2014).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Chance(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Whether something happens that does so in `percent` of all cases. (Of 2⁶⁴ numbers the few that favour some remainder do
    /// not matter.)
    fn happens(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }
}

/// Squares, row by row; whether each is open, and later whether it is still dry.
pub struct Lattice {
    side: usize,
    open: Vec<bool>,
}

impl Lattice {
    /// Each square is open by chance.
    pub fn new(side: usize, percent: u64, chance: &mut Chance) -> Self {
        Lattice { side, open: (0..side * side).map(|_| chance.happens(percent)).collect() }
    }

    /// Whether water that is poured on the top row gets to the bottom, from square to neighbour. A square that got wet is shut
    /// for what comes later.
    pub fn has_a_way(mut self) -> bool {
        let (side, last) = (self.side, self.side * (self.side - 1));
        let mut wet: Vec<usize> = (0..side).filter(|at| std::mem::take(&mut self.open[*at])).collect();
        while let Some(at) = wet.pop() {
            if at >= last {
                return true;
            }
            let neighbours = [
                Some(at + side),
                (at % side + 1 < side).then_some(at + 1),
                (at % side > 0).then(|| at - 1),
                at.checked_sub(side),
            ];
            for neighbour in neighbours.into_iter().flatten() {
                if std::mem::take(&mut self.open[neighbour]) {
                    wet.push(neighbour);
                }
            }
        }
        false
    }
}
