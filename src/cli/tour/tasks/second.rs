use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use seaworthy::rt::{CancelToken, Rt};

use super::{
    Context,
    hash::{self, Hashed, Meter},
    tally::Passed,
    text::count,
};

/// How long files are read a second time.
const SPAN: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
struct Compared {
    files: u64,
    same: u64,
    /// Written to in between, or gone.
    changed: u64,
    took: Duration,
}

/// Reads a sample of the files again, one after the other on one thread, and compares.
pub(super) async fn compare(cx: &Context, passed: &Passed, folder: &Path) -> anyhow::Result<()> {
    let (rt, stop) = (cx.rt.clone(), cx.stop.clone());
    let (folder, sample) = (folder.to_owned(), passed.sample.files.clone());
    let reader = cx.rt.spawn_blocking("tour.second_pass", move || read_again(&rt, &folder, sample, &stop));
    let Compared { files, same, changed, took } = reader.await?;
    cx.claim(
        same == files,
        format_args!("{} of {}", count(same), count(files)),
        "files of a sample with the same digest when read again, one by one",
        "all",
    );
    if changed > 0 {
        cx.fact(count(changed), "more were changed or removed in between");
    }
    let rate = files as f64 / took.as_secs_f64();
    // Fewer say nothing.
    if files >= 100 {
        let ratio = passed.files_per_second() / rate;
        let lesson = match ratio {
            // The first pass may have read from the disk: no comparison.
            _ if cx.options.dir.is_some() => "they are in the system's cache by now".to_owned(),
            ratio if ratio < 1.0 => "to hash so small a file is quicker than to hand it over".to_owned(),
            ratio => format!("the tasks did {ratio:.1} times as many"),
        };
        cx.fact(count(rate as u64), format_args!("files a second that way: {lesson}"));
    }
    Ok(())
}

fn read_again(rt: &Rt, folder: &Path, sample: Vec<(PathBuf, Hashed)>, stop: &CancelToken) -> Compared {
    let (start, mut compared) = (rt.now(), Compared::default());
    for (path, before) in sample {
        let path = folder.join(path);
        match hash::read(&path, stop, &Meter::default()) {
            Ok(hashed) if hashed.sha256 == before.sha256 => compared.same += 1,
            _ if changed(&path, &before) => {
                compared.changed += 1;
                continue;
            }
            _ => {}
        }
        compared.files += 1;
        compared.took = rt.now() - start;
        if compared.took >= SPAN || stop.is_cancelled() {
            break;
        }
    }
    compared
}

fn changed(path: &Path, before: &Hashed) -> bool {
    fs::symlink_metadata(path)
        .map_or(true, |now| now.modified().ok() != before.modified || now.len() != before.bytes)
}
