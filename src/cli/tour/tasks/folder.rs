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
        let (dir, stop, screen) = (cx.options.dir.clone(), cx.stop.clone(), cx.screen.clone());
        let bar = cx.screen.progress(dir.is_none().then_some(FILES));
        let made = cx.rt.spawn_blocking("tour.make_folder", move || {
            // It is removed when this value is dropped: also on an error below, and when nobody takes the result.
            let temporary = tempfile::Builder::new().prefix("seaworthy-").tempdir()?;
            tracing::info!(path = %temporary.path().display(), "temporary folder");
            let endless = temporary.path().join("endless");
            File::create(&endless)?.set_len(ENDLESS_BYTES)?;
            let (folder, files) = match dir {
                Some(dir) => (dir, None),
                None => {
                    let folder = temporary.path().join("files");
                    screen.line(text::scene(format_args!("{} files in {}", count(FILES), folder.display())));
                    fill(&folder, &stop, |number| bar.set_position(number))?;
                    (folder, Some(FILES))
                }
            };
            bar.finish_and_clear();
            io::Result::Ok(Self { temporary, folder, files, endless })
        });
        let made = made.await?;
        if cx.stop.is_cancelled() {
            return Err(Stopped.into());
        }
        let made = made.with_context(|| {
            let parent = std::env::temp_dir();
            format!("a folder below {} cannot be made (TMPDIR names another place)", parent.display())
        })?;
        match made.files {
            Some(_) => cx.fact(time(cx.rt.now() - start), "to make them"),
            None => cx.scene(text::printable(&made.folder.to_string_lossy())),
        }
        Ok(made)
    }

    pub(super) async fn remove(self, cx: &Context) -> anyhow::Result<()> {
        let path = self.temporary.path().to_owned();
        cx.rt
            .spawn_blocking("tour.remove_folder", || self.temporary.close())
            .await?
            .with_context(|| format!("{} cannot be removed; remove it by hand", path.display()))
    }
}

/// Files of up to 8 KiB, now and then one of 256 KiB, no two alike.
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
        let bytes = if number % 500 == 250 { 256 << 10 } else { (number * 7919 % 8192) as usize };
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
