use std::{
    ffi::{OsStr, OsString},
    fs::{self, DirEntry, FileType},
    io,
    path::{Path, PathBuf},
    vec,
};

/// Something found below a folder; its path starts there.
#[derive(Debug)]
pub(super) enum Found {
    File {
        path: PathBuf,
        bytes: u64,
    },
    Folder,
    /// Not followed.
    Symlink,
    /// A socket, a pipe, a device: nothing to hash, and opening it might wait for ever.
    Special,
    Unreadable {
        path: PathBuf,
        error: io::Error,
    },
}

/// All there is below a folder, in the order of the bytes of the paths: that of `LC_ALL=C sort`.
///
/// A list and not a recursion: a tree may be deeper than the stack. It holds the names of the folders it is in, each read
/// when its turn comes, so the largest folder bounds its memory.
#[derive(Debug)]
pub(super) struct Walk {
    root: PathBuf,
    /// From the root down: what is left of each open folder.
    open: Vec<vec::IntoIter<Child>>,
    /// The innermost open folder, from the root.
    within: PathBuf,
    start: bool,
}

#[derive(Debug)]
struct Child {
    name: OsString,
    kind: io::Result<FileType>,
}

impl Walk {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), open: Vec::new(), within: PathBuf::new(), start: true }
    }

    fn enter(&mut self, path: PathBuf) -> Found {
        let children = match read(&self.root.join(&path)) {
            Ok(children) => children,
            Err(error) => return Found::Unreadable { path, error },
        };
        self.within = path;
        self.open.push(children.into_iter());
        Found::Folder
    }

    fn look(&mut self, Child { name, kind }: Child) -> Found {
        let path = self.within.join(name);
        match kind {
            Ok(kind) if kind.is_dir() => self.enter(path),
            Ok(kind) if kind.is_symlink() => Found::Symlink,
            Ok(kind) if kind.is_file() => match fs::symlink_metadata(self.root.join(&path)) {
                Ok(metadata) => Found::File { path, bytes: metadata.len() },
                Err(error) => Found::Unreadable { path, error },
            },
            Ok(_) => Found::Special,
            Err(error) => Found::Unreadable { path, error },
        }
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if std::mem::take(&mut self.start) {
            return Some(self.enter(PathBuf::new()));
        }
        while let Some(innermost) = self.open.last_mut() {
            if let Some(child) = innermost.next() {
                return Some(self.look(child));
            }
            self.open.pop();
            self.within.pop();
        }
        None
    }
}

fn read(folder: &Path) -> io::Result<Vec<Child>> {
    let child = |entry: DirEntry| Child { name: entry.file_name(), kind: entry.file_type() };
    let mut children = fs::read_dir(folder)?.map(|entry| entry.map(child)).collect::<io::Result<Vec<_>>>()?;
    children.sort_unstable_by(|a, b| a.order().cmp(b.order()));
    Ok(children)
}

impl Child {
    /// A folder stands where its files do: `a.txt` before `a/b`, because `.` comes before `/`.
    fn order(&self) -> impl Iterator<Item = u8> {
        let folder = self.kind.as_ref().is_ok_and(FileType::is_dir);
        let name: &OsStr = &self.name;
        name.as_encoded_bytes().iter().copied().chain(folder.then_some(b'/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(root: &Path) -> Vec<PathBuf> {
        let files = Walk::new(root).filter_map(|found| match found {
            Found::File { path, .. } => Some(path),
            _ => None,
        });
        files.collect()
    }

    #[test]
    fn files_come_in_the_order_of_the_bytes_of_their_whole_paths() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("a/z")).unwrap();
        fs::create_dir_all(root.path().join("a-b")).unwrap();
        for file in ["a.txt", "a/b", "a/z/c", "a-b/x", "a0", "B"] {
            fs::write(root.path().join(file), file).unwrap();
        }
        let found = files(root.path());
        let mut sorted = found.clone();
        sorted
            .sort_unstable_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
        assert_eq!(found, sorted);
        assert_eq!(found.len(), 6);
    }

    #[test]
    fn a_tree_of_many_levels_is_walked_to_its_ground() {
        let root = tempfile::tempdir().unwrap();
        let deep: PathBuf = std::iter::repeat_n("d", 1_000).collect();
        fs::create_dir_all(root.path().join(&deep)).unwrap();
        fs::write(root.path().join(&deep).join("ground"), "").unwrap();
        assert_eq!(files(root.path()), [deep.join("ground")]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_not_followed_and_a_folder_that_is_gone_is_named() {
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(root.path(), root.path().join("loop")).unwrap();
        let found: Vec<_> = Walk::new(root.path()).collect();
        assert!(matches!(found[..], [Found::Folder, Found::Symlink]), "{found:?}");
        let gone: Vec<_> = Walk::new(&root.path().join("gone")).collect();
        assert!(matches!(gone[..], [Found::Unreadable { .. }]), "{gone:?}");
    }
}
