use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use seaworthy::rt::{CancelToken, JoinError, Rt};
use sha2::{Digest, Sha256};

use super::text;

/// What is known of a file that was read to its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hashed {
    pub(super) sha256: [u8; 32],
    pub(super) bytes: u64,
    /// When it was last written, as known when it was opened.
    pub(super) modified: Option<SystemTime>,
}

/// Why a file has no hash.
#[derive(Debug, thiserror::Error)]
pub(super) enum HashError {
    #[error(transparent)]
    Read(#[from] io::Error),
    #[error(transparent)]
    Reader(#[from] JoinError),
}

/// What all readers of a pass add to.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// Bytes read so far, also of files that are not at their end.
    pub(super) bytes: AtomicU64,
    /// Files opened, or tried to.
    pub(super) opened: AtomicU64,
    tasks: AtomicUsize,
    /// How many tasks held a slot at once, at most.
    pub(super) tasks_peak: AtomicUsize,
}

/// A task that is between its first poll and the drop of its future.
struct Slot(Arc<Meter>);

impl Slot {
    fn take(meter: &Arc<Meter>) -> Self {
        let tasks = meter.tasks.fetch_add(1, Ordering::AcqRel) + 1;
        meter.tasks_peak.fetch_max(tasks, Ordering::AcqRel);
        Self(Arc::clone(meter))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.tasks.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Hashes a file on the blocking pool. Dropped before its end, it stops the reader at its next block.
pub(super) fn file(
    rt: &Rt,
    path: std::path::PathBuf,
    meter: &Arc<Meter>,
) -> impl Future<Output = Result<Hashed, HashError>> + Send + 'static {
    let (rt, meter) = (rt.clone(), Arc::clone(meter));
    async move {
        let _slot = Slot::take(&meter);
        let stop = CancelToken::new();
        let reader = {
            let (stop, meter) = (stop.clone(), Arc::clone(&meter));
            rt.spawn_blocking("tour.read", move || read(&path, &stop, &meter))
        };
        let _stop = stop.drop_guard();
        Ok(reader.await??)
    }
}

const BLOCK: usize = 64 << 10;

/// Hashes a file with a block of memory, however long it is.
pub(super) fn read(path: &Path, stop: &CancelToken, meter: &Meter) -> io::Result<Hashed> {
    meter.opened.fetch_add(1, Ordering::Relaxed);
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    // Room for one byte more than a small file has, so that the second read sees its end.
    let block = usize::try_from(metadata.len()).unwrap_or(BLOCK).saturating_add(1).clamp(512, BLOCK);
    let (mut block, mut sha256, mut bytes) = (vec![0; block], Sha256::new(), 0);
    loop {
        if stop.is_cancelled() {
            return Err(io::Error::other("the reader was told to stop"));
        }
        let read = match file.read(&mut block) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        sha256.update(&block[..read]);
        bytes += read as u64;
        meter.bytes.fetch_add(read as u64, Ordering::Relaxed);
    }
    Ok(Hashed { sha256: sha256.finalize().into(), bytes, modified: metadata.modified().ok() })
}

/// One hash for all files, in the order of their names, that anyone can check:
/// `find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum -z | sha256sum`.
#[derive(Debug, Default)]
pub(super) struct Root(Sha256);

impl Root {
    pub(super) fn add(&mut self, path: &Path, hashed: &Hashed) {
        self.0.update(text::hex(&hashed.sha256));
        self.0.update("  ./");
        self.0.update(path.as_os_str().as_encoded_bytes());
        self.0.update("\0");
    }

    pub(super) fn hex(self) -> String {
        text::hex(&self.0.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_hashed_to_its_end_whatever_its_size_is_to_the_block() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for bytes in [0, 1, 511, 512, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
            let content = vec![7; bytes];
            std::fs::write(&path, &content).unwrap();
            let hashed = read(&path, &CancelToken::new(), &Meter::default()).unwrap();
            assert_eq!((hashed.bytes, hashed.sha256), (bytes as u64, Sha256::digest(&content).into()));
        }
    }

    #[test]
    fn a_reader_that_is_told_to_stop_reads_no_further() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, [7; 100]).unwrap();
        let (stop, meter) = (CancelToken::new(), Meter::default());
        stop.cancel();
        assert!(read(&path, &stop, &meter).is_err());
        assert_eq!(meter.bytes.into_inner(), 0);
    }
}
