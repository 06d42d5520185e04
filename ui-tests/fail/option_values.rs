use concurry::prelude::*;

#[derive(Default)]
#[worker(max_workers = 0, max_queued_tasks = 0, max_restarts = -1, num_retries = 1.5)]
struct Defaults;

#[worker(max_workers = "4", on_demand = "yes", load_balancing = "fair", mode = "proces")]
impl Defaults {
    #[worker(timeout = 5)]
    pub fn a(&self) {}

    #[worker(timeout = "5 fortnights")]
    pub fn b(&self) {}

    #[worker(timeout = "0s")]
    pub fn c(&self) {}

    #[worker(num_retries)]
    pub fn d(&self) {}

    #[worker(skip = true)]
    pub fn e(&self) {}
}

#[derive(Default)]
struct Other;

#[worker(mode = Mode::Process, stop_timeout = "30", name = "", codec = "json", local = true, max_workers = 70_000)]
impl Other {
    pub fn a(&self) {}
}

#[derive(Default)]
struct Named;

#[worker(client = Named, options = "A B", message = "1st", crate = "not a path", mode, on_demand, name = 7)]
impl Named {
    pub fn a(&self) {}
}

fn main() {}
