use concurry::prelude::*;
use std::borrow::Cow;

#[derive(Default)]
struct Names {
    names: Vec<String>,
}

#[worker]
impl Names {
    pub fn first(&self) -> &str {
        &self.names[0]
    }

    pub fn all(&self) -> &[String] {
        &self.names
    }

    pub fn find(&self, name: &str) -> Option<&String> {
        self.names.iter().find(|known| *known == name)
    }

    pub fn find_or_fail(&self, name: &str) -> Result<&String, String> {
        self.find(name).ok_or_else(|| name.to_owned())
    }

    pub fn shown(&self) -> Cow<'_, str> {
        Cow::from(&self.names[0])
    }

    pub fn fixed(&self) -> &'static str {
        "fixed"
    }

    /// A fixed error is fine, since it does not travel as it is.
    pub fn fails(&self) -> Result<u64, &'static str> {
        Err("always")
    }
}

fn main() {
    let pool = Names::init().unwrap();
    let first: String = pool.first().result().unwrap();
    println!("{first} {}", pool.find("a").result().is_ok());
}
