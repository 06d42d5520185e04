//! Which files are the repository's own.

use std::path::Path;

use crate::error::{Result, While};

/// What cargo, git and trybuild write; nobody commits it. In a second work tree of git's, `.git` is a file.
const NOT_OURS: [&str; 3] = ["target", ".git", "wip"];

/// Every file below `root` that could be committed, as a path with `/` that begins at `root`, in order.
///
/// It walks instead of asking git, so that it works in an unpacked archive too and sees a file before it is added.
pub(crate) fn list(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        for entry in std::fs::read_dir(&path).during(path.display())? {
            let entry = entry.during(path.display())?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let own = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            // A link is looked at where it points to, if that is ours.
            let kind = entry.file_type().during(&own)?;
            if kind.is_dir() && !NOT_OURS.contains(&name.as_str()) {
                folders.push(own);
            } else if kind.is_file() && !NOT_OURS.contains(&name.as_str()) {
                found.push(own);
            }
        }
    }
    found.sort();
    Ok(found)
}
