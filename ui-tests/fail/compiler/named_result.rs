use concurry::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub enum Result {
    Win,
    Lose,
}

#[derive(Default)]
struct Game;

#[worker]
impl Game {
    pub fn play(&self) -> Result {
        Result::Win
    }

    #[worker(value)]
    pub fn again(&self) -> Result {
        Result::Lose
    }

    #[worker(result)]
    pub fn score(&self) -> u64 {
        1
    }
}

fn main() {
    let _ = Game::init().unwrap().play();
}
