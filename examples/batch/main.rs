//! A batch of prompts for a language model behind a slow interface: many at once, some refused, in order.
//!
//! `cargo run --example batch`

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use concurry::prelude::*;

/// The model's own error: it need not know of workers.
#[derive(Debug)]
struct Refused {
    word: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the model does not talk about {}", self.word)
    }
}

impl std::error::Error for Refused {}

/// A connection to the model. Each worker has its own, and keeps count by itself.
struct Model {
    name: String,
    words: u64,
}

#[worker(mode = "thread", load_balancing = "shared")]
impl Model {
    pub fn new(name: String) -> Self {
        Model { name, words: 0 }
    }

    /// Answers a prompt. The longer the prompt, the longer it takes, so whoever is free gets the next one.
    pub fn answer(&mut self, prompt: &str) -> Result<String, Refused> {
        let words = prompt.split(' ').count();
        thread::sleep(Duration::from_millis(2) * words as u32);
        self.words += words as u64;
        match prompt.split(' ').find(|word| *word == "dragons") {
            Some(word) => Err(Refused { word: word.to_owned() }),
            None => Ok(format!("{} has read up on {prompt}", self.name)),
        }
    }

    /// How many words this worker has read.
    pub fn words(&self) -> u64 {
        self.words
    }
}

fn main() -> concurry::Result<()> {
    let subjects = ["rain", "the price of tea", "dragons", "how far it is to the moon and back"];
    let prompts: Vec<&str> = subjects.into_iter().cycle().take(80).collect();

    let pool = Model::options().max_workers(8).init("tiny".to_owned())?;
    let begun = Instant::now();
    let futures: Vec<_> = prompts.iter().map(|prompt| pool.answer(*prompt)).collect();
    let answers = gather(futures).settled();
    let took = begun.elapsed();

    for answer in answers.iter().take(subjects.len()) {
        match answer {
            Ok(text) => println!("{text}"),
            Err(error) => println!("{error}"),
        }
    }
    let refused = answers.iter().filter(|answer| answer.as_ref().is_err_and(|error| error.is::<Refused>())).count();
    println!("{} answered, {refused} refused", answers.iter().flatten().count());
    assert_eq!(refused, 20);
    // The error is the method's own again, not a text of it.
    let first = answers[2].as_ref().err().and_then(|error| error.downcast_ref::<Refused>());
    assert_eq!(first.map(|refused| refused.word.as_str()), Some("dragons"));

    // Every worker is asked for its own count.
    let counts = gather(pool.broadcast(|worker| worker.words())).results()?;
    println!("{} workers read {} words", counts.len(), counts.iter().sum::<u64>());
    assert_eq!(counts.iter().sum::<u64>(), prompts.iter().map(|prompt| prompt.split(' ').count() as u64).sum());
    let alone = Duration::from_millis(2) * counts.iter().sum::<u64>() as u32;
    eprintln!("{took:.0?} instead of {alone:.0?} at least");
    assert!(took < alone / 2);
    pool.stop()
}
