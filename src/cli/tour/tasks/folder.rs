use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use seaworthy::rt::CancelToken;
use tempfile::TempDir;

use super::{
    Context, Stopped,
    text::{self, count, time},
};

/// The folder to hash, and the temporary one that holds what the chapter needs. It goes with this value at the latest.
#[derive(Debug)]
pub(super) struct Workshop {
    temporary: TempDir,
    /// What is hashed.
    pub(super) folder: PathBuf,
    /// How many files are in it, if that is known.
    pub(super) files: Option<u64>,
    /// A file that takes far longer to read than anyone would wait. It takes no place on disk.
    pub(super) endless: PathBuf,
}

const FILES: u64 = 10_000;
const FILES_PER_FOLDER: u64 = 100;
pub(super) const ENDLESS_BYTES: u64 = 4 << 30;

impl Workshop {
    pub(super) async fn make(cx: &Context) -> anyhow::Result<Self> {
        let start = cx.rt.now();
        let own = cx.clone();
        // What nobody takes any more is dropped, and removed with it.
        let made = cx.rt.spawn_blocking("tour.make_folder", move || Self::make_somewhere(&own)).await?;
        if cx.stop.is_cancelled() {
            return Err(Stopped.into());
        }
        let made = made?;
        match made.files {
            Some(_) => cx.fact(time(cx.rt.now() - start), "to make them"),
            None => cx.scene(text::printable(&made.folder.to_string_lossy())),
        }
        Ok(made)
    }

    fn make_somewhere(cx: &Context) -> anyhow::Result<Self> {
        let places = places();
        for (index, place) in places.iter().enumerate() {
            match Self::make_in(place, cx) {
                Ok(made) => return Ok(made),
                // Full, or not for us: the next may be better.
                Err(error) if index + 1 < places.len() && !cx.stop.is_cancelled() => {
                    tracing::info!(place = %place.display(), %error, "no place for a temporary folder");
                }
                Err(error) => {
                    let place = place.display();
                    return Err(error).context(format!("no room in {place}; TMPDIR names another place"));
                }
            }
        }
        Err(Stopped.into())
    }

    fn make_in(place: &Path, cx: &Context) -> io::Result<Self> {
        // It is removed when this value is dropped: on an error below, too.
        let temporary = tempfile::Builder::new().prefix("seaworthy-").tempdir_in(place)?;
        tracing::info!(path = %temporary.path().display(), "temporary folder");
        let endless = temporary.path().join("endless");
        File::create(&endless)?.set_len(ENDLESS_BYTES)?;
        if let Some(folder) = cx.options.dir.clone() {
            return Ok(Self { temporary, folder, files: None, endless });
        }
        let folder = temporary.path().join("files");
        cx.scene(format_args!("{} files in {}", count(FILES), folder.display()));
        let bar = cx.screen.progress(Some(FILES));
        let filled = fill(&folder, &cx.stop, |number| bar.set_position(number));
        bar.finish_and_clear();
        filled?;
        Ok(Self { temporary, folder, files: Some(FILES), endless })
    }

    pub(super) async fn remove(self, cx: &Context) -> anyhow::Result<()> {
        let path = self.temporary.path().to_owned();
        cx.rt
            .spawn_blocking("tour.remove_folder", || self.temporary.close())
            .await?
            .with_context(|| format!("{} cannot be removed; remove it by hand", path.display()))
    }
}

/// Where a temporary folder may be, the best first: where `TMPDIR` says, in memory, where the system keeps them.
fn places() -> Vec<PathBuf> {
    let memory = Path::new("/dev/shm");
    let in_memory = std::env::var_os("TMPDIR").is_none() && memory.is_dir();
    in_memory.then(|| memory.to_owned()).into_iter().chain([std::env::temp_dir()]).collect()
}

/// Files of up to 4 KiB, now and then one of 256 KiB, no two alike.
fn fill(folder: &Path, stop: &CancelToken, mut progress: impl FnMut(u64)) -> io::Result<()> {
    let noise = noise(512 << 10);
    for number in 0..FILES {
        if stop.is_cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let parent = folder.join(format!("{:03}", number / FILES_PER_FOLDER));
        if number % FILES_PER_FOLDER == 0 {
            fs::create_dir_all(&parent)?;
            progress(number);
        }
        let bytes = if number % 500 == 250 { 256 << 10 } else { (number * 7919 % 4096) as usize };
        let start = (number * 24) as usize;
        fs::write(parent.join(format!("{number:05}.dat")), &noise[start..start + bytes])?;
    }
    Ok(())
}

/// The same bytes each time, with nothing in them to compress or repeat: xorshift.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(bytes / 8).flatten().collect()
}
