//! Twenty processes, one database that takes five connections: the sixth waits, whichever process it is in.
//!
//! `cargo run --example db_pool`

use std::path::{Path, PathBuf};
use std::time::Duration;

use concurry::prelude::*;
use rusqlite::{Connection, params};

const WORKERS: usize = 20;
const CONNECTIONS: u64 = 5;
const ORDERS: u32 = 200;

/// Open connections, and the most that there ever were, as the database itself counts them.
const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE open (now INTEGER NOT NULL, most INTEGER NOT NULL);
    INSERT INTO open VALUES (0, 0);
    CREATE TABLE orders (number INTEGER PRIMARY KEY, cents INTEGER NOT NULL);
";

struct Shop {
    database: PathBuf,
}

#[worker(mode = "process")]
impl Shop {
    pub fn new(database: &Path) -> Self {
        Shop { database: database.to_owned() }
    }

    /// Books an order over a connection of its own, and says how many were open then.
    pub fn book(&self, ctx: &CallContext, number: u32, cents: u32) -> concurry::Result<u32> {
        let _connection = ctx.limits().acquire(("connection", 1))?;
        self.insert(number, cents).map_err(concurry::Error::failed)
    }

    #[worker(skip)]
    fn insert(&self, number: u32, cents: u32) -> rusqlite::Result<u32> {
        let connection = open(&self.database)?;
        let now = connection.query_row(
            "UPDATE open SET now = now + 1, most = max(most, now + 1) RETURNING now",
            [],
            |row| row.get(0),
        )?;
        connection.execute("INSERT INTO orders VALUES (?1, ?2)", params![number, cents])?;
        // A database that is far away would take a while too.
        std::thread::sleep(Duration::from_millis(5));
        connection.execute("UPDATE open SET now = now - 1", [])?;
        Ok(now)
    }
}

fn open(database: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(database)?;
    // One writes at a time, which is the database's own affair; the others wait.
    connection.busy_timeout(Duration::from_secs(60))?;
    connection.pragma_update(None, "synchronous", "off")?;
    Ok(connection)
}

fn run(folder: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let database = folder.join("shop.sqlite");
    let shop = open(&database)?;
    shop.execute_batch(SCHEMA)?;

    let limits = LimitSet::new().resource("connection", CONNECTIONS);
    let pool = Shop::options().max_workers(WORKERS).limits(limits.clone()).init(&database)?;
    let begun = std::time::Instant::now();
    let futures: Vec<_> = (1..=ORDERS).map(|number| pool.book(number, number * 10)).collect();
    let open_then = gather(futures).results()?;
    let took = begun.elapsed();
    pool.stop()?;

    let (now, most): (u64, u64) =
        shop.query_row("SELECT now, most FROM open", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (orders, cents): (u32, u64) =
        shop.query_row("SELECT count(*), sum(cents) FROM orders", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let stats = limits.stats();
    eprintln!("{took:.1?}, {most} connections at most");

    assert_eq!(orders, ORDERS);
    println!("{WORKERS} processes booked {orders} orders of {cents} cents");
    assert_eq!((now, stats.held, stats.granted), (0, 0, u64::from(ORDERS)));
    assert!(open_then.iter().all(|now| (1..=CONNECTIONS).contains(&u64::from(*now))));
    assert!((1..=CONNECTIONS).contains(&most), "{most} connections were open at once");
    println!("there were never more than {CONNECTIONS} connections");
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let folder = std::env::temp_dir().join(format!("concurry-db_pool-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let done = run(&folder);
    std::fs::remove_dir_all(&folder)?;
    done
}
