use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::PathBuf,
};

use futures::{Stream, StreamExt, stream};
use seaworthy::rt::Rt;

use super::{Options, name::Names};
use crate::cli::Failure;

/// A longer line is no URL.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// Something to fetch.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) index: u64,
    pub(super) url: Result<String, String>,
    /// Where to.
    pub(super) path: Option<PathBuf>,
}

type Reader = Box<dyn BufRead + Send>;

/// The URLs: those of the command line, then those of the file, read line by line as they are needed.
pub(super) struct List {
    rt: Rt,
    urls: Vec<String>,
    reader: Option<Reader>,
    folder: Option<PathBuf>,
    len: Option<u64>,
}

impl List {
    pub(super) fn open(rt: &Rt, options: &Options) -> Result<Self, Failure> {
        let mut len = Some(options.urls.len() as u64);
        let reader: Option<Reader> = match options.input.as_deref() {
            None => None,
            Some(path) if path.as_os_str() == "-" => {
                len = None;
                Some(Box::new(BufReader::new(io::stdin())))
            }
            Some(path) => {
                let refused = |error: io::Error| {
                    let what = format!("the list `{}` cannot be read", path.display());
                    Failure::usage(
                        what,
                        error,
                        "give -i a file with a URL in each line, or - for standard input",
                    )
                };
                let file = File::open(path).map_err(refused)?;
                let metadata = file.metadata().map_err(refused)?;
                if metadata.is_dir() {
                    return Err(refused(io::ErrorKind::IsADirectory.into()));
                }
                if metadata.is_file() {
                    let lines = BufReader::new(File::open(path).map_err(refused)?).split(b'\n');
                    let urls =
                        lines.map_while(Result::ok).filter(|line| is_url(&String::from_utf8_lossy(line)));
                    len = len.map(|len| len + urls.count() as u64);
                } else {
                    len = None;
                }
                Some(Box::new(BufReader::new(file)))
            }
        };
        Ok(Self { rt: rt.clone(), urls: options.urls.clone(), reader, folder: options.output.clone(), len })
    }

    /// How many there are, if that is known.
    pub(super) fn len(&self) -> Option<u64> {
        self.len
    }

    pub(super) fn targets(self) -> impl Stream<Item = Target> + Send + 'static {
        let Self { rt, urls, reader, folder, .. } = self;
        let lines = stream::unfold(reader, move |reader| next_line(rt.clone(), reader));
        let mut names = Names::default();
        let mut index = 0;
        stream::iter(urls.into_iter().map(Ok)).chain(lines).map(move |url| {
            let path = url.as_ref().ok().zip(folder.as_ref()).map(|(url, folder)| folder.join(names.of(url)));
            index += 1;
            Target { index: index - 1, url, path }
        })
    }
}

fn is_url(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

/// Reads on a thread where that may take its time. The list ends where it cannot be read any more.
async fn next_line(rt: Rt, reader: Option<Reader>) -> Option<(Result<String, String>, Option<Reader>)> {
    let mut reader = reader?;
    let read = rt.spawn_blocking("fetch.list", move || {
        loop {
            let mut line = Vec::new();
            let read = (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
            match read {
                Ok(0) => return None,
                Ok(read) if read as u64 == LINE_BYTES_MAX => {
                    return Some((
                        Err(format!("a line of the list has more than {LINE_BYTES_MAX} bytes")),
                        None,
                    ));
                }
                Ok(_) => {
                    let line = String::from_utf8_lossy(&line);
                    if is_url(&line) {
                        return Some((Ok(line.trim().to_owned()), Some(reader)));
                    }
                }
                Err(error) => {
                    return Some((Err(format!("the list cannot be read any further: {error}")), None));
                }
            }
        }
    });
    match read.await {
        Ok(next) => next,
        Err(error) => Some((Err(format!("the list cannot be read any further: {error}")), None)),
    }
}
