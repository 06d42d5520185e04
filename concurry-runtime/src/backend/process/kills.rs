//! Whether the kernel's out-of-memory killer has been at work: how many it has killed, where that can be known.
//!
//! The count is that of this process's own control group, in which its workers are too; where there is none, that of the
//! whole machine. It says how many, not whom; so each victim that is counted explains the death of at most one worker
//! that was there at the time.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// The count up to which all have been found among our workers, or are older than they.
static EXPLAINED: AtomicU64 = AtomicU64::new(0);

/// How a worker's SIGKILL came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Killer {
    /// Nobody keeps a count.
    Unknown,
    /// Memory ran out: one more was killed for that than we know of.
    OutOfMemory,
    Somebody,
}

/// How many have been killed for want of memory, as far as the worker that asks is concerned.
pub(super) struct Watch(Option<u64>);

impl Watch {
    /// Before the worker is started.
    pub(super) fn begin() -> Self {
        Watch(count())
    }

    /// After it has died of SIGKILL.
    pub(super) fn end(self) -> Killer {
        judge(&EXPLAINED, self.0, count())
    }
}

fn judge(explained: &AtomicU64, before: Option<u64>, now: Option<u64>) -> Killer {
    let (Some(before), Some(now)) = (before, now) else { return Killer::Unknown };
    let explain = |known: u64| (known.max(before) < now).then(|| known.max(before) + 1);
    match explained.fetch_update(Ordering::AcqRel, Ordering::Acquire, explain) {
        Ok(_) => Killer::OutOfMemory,
        Err(_) => Killer::Somebody,
    }
}

fn count() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let read = |file: String| counted(&fs::read_to_string(Path::new(&file)).ok()?);
    files(&groups).into_iter().find_map(read)
}

/// Where the count may be, the best place first. In a container, the path of a group may be one of the host's; then the
/// group that is seen as the root is ours.
fn files(groups: &str) -> Vec<String> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.events"),
            named if named.split(',').any(|name| name == "memory") => ("/sys/fs/cgroup/memory", "memory.oom_control"),
            _ => continue,
        };
        files.extend([format!("{root}{}/{file}", path.trim_end_matches('/')), format!("{root}/{file}")]);
    }
    files.push("/proc/vmstat".to_owned());
    files
}

/// The count in such a file.
fn counted(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_wherever_it_is() {
        assert_eq!(
            files("0::/user.slice/a\n")[..2],
            ["/sys/fs/cgroup/user.slice/a/memory.events", "/sys/fs/cgroup/memory.events"]
        );
        let v1 = files("5:cpu,cpuacct:/x\n4:memory:/\n0::/\n");
        assert_eq!(v1[0], "/sys/fs/cgroup/memory/memory.oom_control");
        assert_eq!(files("").last().map(String::as_str), Some("/proc/vmstat"));
        assert_eq!(counted("low 0\nhigh 0\nmax 17\noom 3\noom_kill 2\noom_group_kill 1\n"), Some(2));
        assert_eq!(counted("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"), Some(5));
        assert_eq!(counted("nr_free_pages 7\n"), None);
    }

    #[test]
    fn each_victim_explains_one_death() {
        let explained = AtomicU64::new(3);
        assert_eq!(judge(&explained, Some(3), Some(3)), Killer::Somebody);
        assert_eq!(judge(&explained, Some(3), Some(5)), Killer::OutOfMemory);
        assert_eq!(judge(&explained, Some(3), Some(5)), Killer::OutOfMemory);
        assert_eq!(judge(&explained, Some(3), Some(5)), Killer::Somebody);
        // One that was started after all of that knows of none.
        assert_eq!(judge(&explained, Some(7), Some(7)), Killer::Somebody);
        assert_eq!(judge(&explained, Some(7), Some(8)), Killer::OutOfMemory);
        assert_eq!(judge(&explained, None, Some(9)), Killer::Unknown);
        assert_eq!(judge(&explained, Some(9), None), Killer::Unknown);
    }
}
