//! `cargo xtask bench`: ours, the raw limit and the peers, side by side on the same work.
//!
//! Each kind of work is a row; the ways to do it take turns, round by round. `--quick` does a fraction of the work in
//! fewer rounds, `--only NAME` the rows whose key begins so, and `--out FOLDER` says where the report goes.

mod iceoryx;
mod measure;
mod processes;
mod python;
mod report;
#[path = "../../src/slot.rs"]
mod slot;
mod threads;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use measure::{Result, Row, Table};

struct Plan {
    quick: bool,
    only: Option<String>,
    out: PathBuf,
}

fn plan(arguments: &[String]) -> Result<Plan> {
    let mut plan = Plan { quick: false, only: None, out: "target/bench".into() };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().cloned().ok_or_else(|| format!("`{argument}` of what?"));
        match argument.as_str() {
            "--quick" => plan.quick = true,
            "--only" => plan.only = Some(value()?),
            "--out" => plan.out = value()?.into(),
            // What `cargo bench` adds.
            "--bench" => {}
            other => {
                return Err(format!("`{other}` is no argument; there are --quick, --only NAME, --out FOLDER").into());
            }
        }
    }
    Ok(plan)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let child = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [processes::AS_PIPE] => Some(processes::be_pipe()),
        [processes::AS_IPC, name] => Some(processes::be_ipc(name)),
        [iceoryx::AS_ICEORYX, name] => Some(iceoryx::be_server(name)),
        [processes::AS_NOTHING] => Some(Ok(())),
        _ => None,
    };
    if let Some(done) = child {
        return if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    procspawn::init();
    match plan(&arguments).and_then(|plan| run(&plan)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("", |(_, name)| name);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} cores, {model}, Linux {}, release build", kernel.trim())
}

/// How much work takes some milliseconds here.
fn rounds_of_work() -> u64 {
    let begun = Instant::now();
    std::hint::black_box(processes::work(10_000_000));
    (10_000_000.0 * 5e-3 / begun.elapsed().as_secs_f64()) as u64
}

type Make = Box<dyn FnOnce() -> Result<Row>>;

fn run(plan: &Plan) -> Result<()> {
    std::fs::create_dir_all(&plan.out)?;
    let (part, rounds) = if plan.quick { (10, 3) } else { (1, 7) };
    let python = match python::Python::start(&plan.out) {
        Ok(python) => Some(python),
        Err(error) => {
            println!("Python's ways are left out: {error}");
            None
        }
    };
    let work = rounds_of_work();
    let mut rows: Vec<(&str, Make)> = Vec::new();
    rows.push(("thread_round_trip", Box::new(move || threads::round_trip(200_000 / part))));
    for workers in [1, 2, 4, 8] {
        rows.push(("thread_many", Box::new(move || threads::many(workers, 1_000_000 / part))));
    }
    let own = python.clone();
    rows.push((
        "process_round_trip",
        Box::new(move || {
            let mut row = processes::round_trip(100_000 / part)?;
            if let Some(python) = &own {
                python::join(python, &mut row, "round_trip", 2_000 / part);
            }
            Ok(row)
        }),
    ));
    let own = python.clone();
    rows.push((
        "process_many",
        Box::new(move || {
            let mut row = processes::many(400_000 / part)?;
            if let Some(python) = &own {
                python::join(python, &mut row, "many", 5_000 / part);
            }
            Ok(row)
        }),
    ));
    for (size, n) in
        [(64, 20_000), (4 << 10, 20_000), (64 << 10, 5_000), (1 << 20, 1_000), (16 << 20, 50), (64 << 20, 20)]
    {
        let own = python.clone();
        rows.push((
            "echo",
            Box::new(move || {
                let mut row = processes::echo(size, (n / part).max(2))?;
                if let (Some(python), true) = (&own, size == 1 << 20) {
                    python::join(python, &mut row, "echo", 200 / part);
                }
                Ok(row)
            }),
        ));
    }
    rows.push(("first_reply", Box::new(move || processes::first_reply(400 / part))));
    for workers in [1, 2, 4, 8] {
        rows.push(("cpu", Box::new(move || processes::cpu(workers, work))));
    }
    let mut tables: Vec<Table> = Vec::new();
    for (key, make) in rows {
        if plan.only.as_ref().is_some_and(|only| !key.starts_with(only.as_str())) {
            continue;
        }
        let table = make()?.measure(rounds);
        report::print(&table);
        tables.push(table);
    }
    report::write(&plan.out, &machine(), &tables)?;
    println!("\n{}: report.md, report.json and the plots", plan.out.display());
    Ok(())
}
