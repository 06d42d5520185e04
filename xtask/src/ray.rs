//! A Ray cluster of two nodes on this machine, for the tests of mode `ray`: Ray itself from PyPI, in a virtual environment
//! under `target`, and a process that holds the cluster for as long as its standard input is open.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::error::{Result, While, fail};
use crate::run;

/// What the tests run against.
const VERSION: &str = "2.60.0";

/// What a cluster, or what stands in for it, is needed for.
pub(crate) const TESTS: [&str; 4] = ["ray", "ray_faults", "ray_transports", "ray_values"];

/// What needs a cluster itself, however frames travel.
pub(crate) const ITS_OWN: &str = "ray_places";

/// How frames may travel.
pub(crate) const TRANSPORT: &str = "CONCURRY_TEST_TRANSPORT";

const NO_PYTHON: &str = "there is no python3 with `venv`, so that no test ran on a Ray cluster";
const NO_RAY: &str = "Ray could not be installed from PyPI, so that no test ran on a Ray cluster";

/// A cluster that is up.
pub(crate) struct Cluster {
    child: Child,
    address: String,
    python: PathBuf,
    token: PathBuf,
}

impl Cluster {
    /// Starts one; why there is none, where what it takes is not here.
    pub(crate) fn start(root: &Path) -> Result<Result<Self, &'static str>> {
        let folder = root.join("target").join(format!("ray-{VERSION}"));
        let python = folder.join("bin").join("python");
        if !run::answers(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
            return Ok(Err(NO_PYTHON));
        }
        let has_ray = || run::answers(Command::new(&python).args(["-c", "import ray, grpc"]));
        if !has_ray() {
            println!("installing Ray {VERSION} into {}", folder.display());
            run::passes(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
            let wanted = format!("ray[client]=={VERSION}");
            let installed = run::passes(Command::new(&python).args(["-m", "pip", "install", "--quiet", &wanted]));
            if installed.is_err() || !has_ray() {
                return Ok(Err(NO_RAY));
            }
        }
        let token = folder.join("token");
        write_token(&token)?;
        let mut command = Command::new(&python);
        command.arg(root.join("tests/ray/cluster.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        guard(&mut command, &token);
        let mut child = command.spawn().during("the cluster")?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).during("the cluster")?;
        }
        let Some(address) = line.split_whitespace().next().map(str::to_owned) else {
            child.wait().during("the cluster")?;
            return fail("the cluster did not come up; see above");
        };
        Ok(Ok(Cluster { child, address, python, token }))
    }

    /// Tells a command where it is.
    pub(crate) fn tell(&self, command: &mut Command) {
        guard(command, &self.token);
        command.env("RAY_ADDRESS", &self.address).env("CONCURRY_PYTHON", &self.python).env("CONCURRY_TEST_RAY", "1");
    }

    /// Ends it, and all that is of it.
    pub(crate) fn stop(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait().during("the cluster")?;
        if status.success() { Ok(()) } else { fail(format!("the cluster ended with {status}")) }
    }
}

/// Whoever has not this token is not let in; without a file of its own Ray would write one into the home folder.
fn guard(command: &mut Command, token: &Path) {
    command.env("RAY_AUTH_MODE", "token").env("RAY_AUTH_TOKEN_PATH", token).env("RAY_USAGE_STATS_ENABLED", "0");
}

fn write_token(path: &Path) -> Result<()> {
    let mut random = [0; 32];
    let source = std::fs::File::open("/dev/urandom").during("/dev/urandom")?;
    std::io::Read::read_exact(&mut &source, &mut random).during("/dev/urandom")?;
    let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let _ = std::fs::remove_file(path);
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).during(path.display())?;
    file.write_all(text.as_bytes()).during(path.display())
}
