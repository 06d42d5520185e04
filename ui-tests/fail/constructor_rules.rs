use concurry::prelude::*;

struct A(u64);

#[worker]
impl A {
    #[worker(init, timeout = "5s")]
    pub fn make(&self, x: u64) -> Self {
        A(x)
    }

    pub fn one(&self) {}
}

struct B;

#[worker]
impl B {
    #[cfg(any(unix, windows))]
    pub fn new(context: &CallContext) -> Self {
        let _ = context;
        B
    }

    pub fn one(&self) {}
}

struct C<T>(Option<T>);

#[worker]
impl<T> C<T> {
    pub unsafe fn new<U: Into<T>>(x: U, y: impl Into<T>, z: Option<&str>) -> Self {
        let _ = (y.into(), z);
        C(Some(x.into()))
    }

    pub fn one(&self) {
        let _ = &self.0;
    }
}

fn main() {}
