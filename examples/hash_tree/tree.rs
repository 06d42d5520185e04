//! Which files there are below a folder.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

/// What was found.
pub(crate) struct Tree {
    /// The files, sorted by the bytes of their paths.
    pub(crate) files: Vec<OsString>,
    /// What could not be looked into, and why.
    pub(crate) unreadable: Vec<(OsString, String)>,
}

/// Every ordinary file at or below `paths`; links are not followed, as `find -type f` does not.
pub(crate) fn below(paths: &[OsString]) -> Tree {
    let mut tree = Tree { files: Vec::new(), unreadable: Vec::new() };
    let mut left: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    while let Some(path) = left.pop() {
        let looked = fs::symlink_metadata(&path).and_then(|metadata| {
            if metadata.is_dir() {
                for entry in fs::read_dir(&path)? {
                    left.push(entry?.path());
                }
            }
            Ok(metadata.is_file())
        });
        match looked {
            Ok(true) => tree.files.push(path.into_os_string()),
            Ok(false) => {}
            Err(error) => tree.unreadable.push((path.into_os_string(), error.to_string())),
        }
    }
    // `OsString` compares bytes; `PathBuf` would compare part by part and put `a/b` before `a.b`.
    tree.files.sort();
    tree.files.dedup();
    tree
}
