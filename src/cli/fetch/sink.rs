use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
};

use seaworthy::rt::{JoinError, Rt};
use sha2::{Digest, Sha256};

use super::part::{Part, Validator};

/// So much is collected before a thread that may block hashes and writes it.
const BUFFER_BYTES: usize = 256 << 10;

/// Where the bytes of one transfer go: into a hash, and into a file if there is one.
pub(super) struct Sink {
    rt: Rt,
    buffer: Vec<u8>,
    /// Gone while a thread has it.
    store: Option<Store>,
    /// Of what is stored and collected.
    len: u64,
}

struct Store {
    hasher: Sha256,
    file: Option<(File, Part)>,
}

impl Sink {
    pub(super) fn of_hash(rt: &Rt) -> Self {
        let store = Store { hasher: Sha256::new(), file: None };
        Self { rt: rt.clone(), buffer: Vec::new(), store: Some(store), len: 0 }
    }

    /// Opens the part; one that is to be kept is read once more, for its hash.
    pub(super) async fn of_file(rt: &Rt, part: Part, keeps: bool) -> io::Result<Self> {
        let opening = rt.spawn_blocking("fetch.open", move || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(!keeps);
            let mut file = options.open(&part.part)?;
            let (mut hasher, mut len) = (Sha256::new(), 0);
            let mut buffer = vec![0; BUFFER_BYTES];
            loop {
                match file.read(&mut buffer)? {
                    0 => break,
                    read => {
                        hasher.update(&buffer[..read]);
                        len += read as u64;
                    }
                }
            }
            Ok((Store { hasher, file: Some((file, part)) }, len))
        });
        let (store, len) = flat(opening.await)?;
        Ok(Self { rt: rt.clone(), buffer: Vec::new(), store: Some(store), len })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) async fn push(&mut self, piece: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(piece);
        self.len += piece.len() as u64;
        if self.buffer.len() >= BUFFER_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Begins anew with bytes of what `validator` says, or goes on if `keeps`.
    pub(super) async fn begin(&mut self, keeps: bool, validator: Validator) -> io::Result<()> {
        self.flush().await?;
        if !keeps {
            self.len = 0;
        }
        self.with(move |store| {
            if !keeps {
                store.hasher = Sha256::new();
            }
            let Some((file, part)) = &mut store.file else { return Ok(()) };
            if !keeps {
                // What is known of the old bytes goes first: bytes of one thing are never said to be of another.
                part.forget()?;
                file.set_len(0)?;
                io::Seek::rewind(file)?;
            }
            part.note(&validator)
        })
        .await
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        if buffer.is_empty() {
            return Ok(());
        }
        self.buffer = self
            .with(move |store| {
                store.hasher.update(&buffer);
                if let Some((file, _)) = &mut store.file {
                    file.write_all(&buffer)?;
                }
                let mut buffer = buffer;
                buffer.clear();
                Ok(buffer)
            })
            .await?;
        Ok(())
    }

    /// All of it is there: the file gets its name.
    pub(super) async fn finish(mut self) -> io::Result<[u8; 32]> {
        self.flush().await?;
        self.with(|store| {
            if let Some((file, part)) = store.file.take() {
                drop(file);
                part.complete()?;
            }
            Ok(std::mem::take(&mut store.hasher).finalize().into())
        })
        .await
    }

    /// With little to do it is done here; a file may block.
    async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Store) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let Some(mut store) = self.store.take() else {
            return Err(io::Error::other("an earlier write failed"));
        };
        let working = self.rt.spawn_blocking("fetch.write", move || {
            let done = work(&mut store)?;
            Ok((store, done))
        });
        let (store, done) = flat(working.await)?;
        self.store = Some(store);
        Ok(done)
    }
}

fn flat<T>(joined: Result<io::Result<T>, JoinError>) -> io::Result<T> {
    joined.unwrap_or_else(|error| Err(io::Error::other(error)))
}
