use concurry::prelude::*;

#[derive(Default)]
struct Counter;

#[worker]
impl Counter {
    pub fn owned(&self, ctx: CallContext) -> u64 {
        u64::from(ctx.attempt())
    }

    pub fn exclusive(&self, ctx: &mut CallContext) -> u64 {
        u64::from(ctx.attempt())
    }

    pub fn marked(&self, #[worker(context)] ctx: CallContext) -> u64 {
        u64::from(ctx.attempt())
    }
}

struct Made;

#[worker]
impl Made {
    pub fn new(ctx: CallContext) -> Self {
        let _ = ctx;
        Made
    }

    pub fn count(&self) -> u64 {
        1
    }
}

#[task]
fn attempt(ctx: CallContext) -> u32 {
    ctx.attempt()
}

fn main() {
    let _ = attempt(CallContext::default());
    let _ = Counter::init().unwrap().owned(CallContext::default());
}
