use concurry::prelude::*;

#[derive(Default)]
struct Server;

#[worker]
impl Server {
    pub fn serve(&self) -> ! {
        loop {}
    }
}

fn main() {
    let _ = Server::init().unwrap().serve();
}
