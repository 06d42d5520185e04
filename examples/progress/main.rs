//! Bars: one around a loop, one for each gather in it, and one for a second gather beside; what fails and what is
//! cancelled is counted and coloured, and workers print meanwhile.
//!
//! Bars go to standard error: on a terminal they are drawn in place, elsewhere there is a plain line now and then.

use std::thread;
use std::time::Duration;

use concurry::Error;
use concurry::prelude::*;

#[derive(Default)]
struct Reader;

#[worker(mode = "process", max_workers = 4)]
impl Reader {
    /// Reads a page; a few are torn.
    pub fn read(&self, book: &str, page: u64) -> Result<u64, String> {
        if page == 1 {
            println!("opening {book}, in a process of its own");
        }
        thread::sleep(Duration::from_millis(20));
        if book == "Ulysses" && page.is_multiple_of(50) { Err(format!("page {page} is torn")) } else { Ok(page) }
    }
}

#[derive(Default)]
struct Binder;

#[worker(mode = "thread", max_workers = 2)]
impl Binder {
    /// Binds a book.
    pub fn bind(&self, _copy: u64) {
        thread::sleep(Duration::from_millis(25));
    }
}

fn main() -> concurry::Result<()> {
    let (readers, binders) = (Reader::init()?, Binder::init()?);

    // Beside everything else, on a thread of its own.
    let binding = {
        let binders = binders.clone();
        thread::spawn(move || gather((0..400).map(|copy| binders.bind(copy))).progress("Binding").results())
    };

    let books = ProgressBar::new(4);
    books.set_description("Books");
    for (book, pages) in books.wrap([("Emma", 240), ("Ulysses", 300), ("Walden", 200), ("Hamlet", 120)]) {
        let futures: Vec<_> = (1..=pages).map(|page| readers.read(book, page)).collect();
        if book == "Walden" {
            // Nobody wants the second half of it.
            futures[100..].iter().for_each(|future| assert!(future.cancel()));
        }
        let results = gather(futures).progress(book).settled();
        let read = results.iter().filter(|result| result.is_ok()).count();
        let cancelled = results.iter().filter(|result| matches!(result, Err(Error::Cancelled { .. }))).count();
        println!("{book}: {read} pages read, {cancelled} cancelled, {} torn", results.len() - read - cancelled);
    }

    let bound = binding.join().map_err(|_| Error::failed("the binder's thread panicked"))??;
    println!("{} copies bound", bound.len());
    readers.stop()?;
    binders.stop()
}
