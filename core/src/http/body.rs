use std::{fmt, io, sync::Arc};

use bytes::Bytes;
use futures::{Stream, stream};

use super::{
    redirect,
    wire::{BoxBody, Outgoing},
};

/// The body of a request: nothing, bytes, or a stream that makes it while it is sent.
///
/// Bytes can be sent again, by a retry or a redirect; a stream cannot.
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use futures::stream;
/// use seaworthy_core::http::Body;
///
/// let text = Body::from("ahoy");
/// let pieces = stream::iter(["a", "hoy"]).map(|piece| Ok(Bytes::from(piece)));
/// # use futures::StreamExt;
/// let known = Body::sized(pieces, 4);
/// # let _ = (text, known);
/// ```
pub struct Body(Repr);

enum Repr {
    Empty,
    Whole(Bytes),
    /// Bytes in several pieces, and their sum.
    Chunks(Arc<[Bytes]>, u64),
    /// The stream is gone once it is being sent.
    Pieces(Option<BoxBody>, Option<u64>),
}

impl Body {
    /// Nothing.
    pub fn empty() -> Self {
        Self(Repr::Empty)
    }

    pub(super) fn chunks(chunks: Vec<Bytes>, len: u64) -> Self {
        Self(Repr::Chunks(chunks.into(), len))
    }

    /// What `pieces` yields, as long as it may be. An error of it ends the request.
    pub fn stream(pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self(Repr::Pieces(Some(Box::pin(pieces)), None))
    }

    /// What `pieces` yields, which is `len` bytes. If it is less, or a piece goes beyond, the request fails; further pieces
    /// are not asked for.
    pub fn sized(pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static, len: u64) -> Self {
        Self(Repr::Pieces(Some(Box::pin(pieces)), Some(len)))
    }

    /// How many bytes it has, if that is known.
    pub fn len(&self) -> Option<u64> {
        match &self.0 {
            Repr::Empty => Some(0),
            Repr::Whole(bytes) => Some(bytes.len() as u64),
            Repr::Chunks(_, len) => Some(*len),
            Repr::Pieces(_, len) => *len,
        }
    }

    /// Whether there is certainly nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// The bytes, if it is not a stream or a form with files.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.0 {
            Repr::Whole(bytes) => Some(bytes),
            Repr::Empty | Repr::Chunks(..) | Repr::Pieces(..) => None,
        }
    }

    /// Whether it can still be sent.
    pub(super) fn is_there(&self) -> bool {
        !matches!(self.0, Repr::Pieces(None, _))
    }

    pub(super) fn kind(&self) -> redirect::Body {
        match &self.0 {
            Repr::Empty => redirect::Body::None,
            Repr::Whole(_) | Repr::Chunks(..) => redirect::Body::Repeatable,
            Repr::Pieces(..) => redirect::Body::Once,
        }
    }

    /// What is sent; of a stream there is nothing left then.
    pub(super) fn outgoing(&mut self) -> Outgoing {
        match &mut self.0 {
            Repr::Empty => Outgoing::Empty,
            Repr::Whole(bytes) => Outgoing::Whole(bytes.clone()),
            Repr::Chunks(chunks, len) => {
                let chunks: Vec<_> = chunks.iter().cloned().map(Ok).collect();
                Outgoing::Pieces(Box::pin(stream::iter(chunks)), Some(*len))
            }
            Repr::Pieces(pieces, len) => {
                pieces.take().map_or(Outgoing::Empty, |pieces| Outgoing::Pieces(pieces, *len))
            }
        }
    }

    /// Puts a stream back of which nothing was taken.
    pub(super) fn put_back(&mut self, outgoing: Outgoing) {
        if let (Repr::Pieces(place, _), Outgoing::Pieces(pieces, _)) = (&mut self.0, outgoing) {
            *place = Some(pieces);
        }
    }

    /// A copy, if it is not a stream.
    pub fn try_clone(&self) -> Option<Self> {
        match &self.0 {
            Repr::Empty => Some(Self::empty()),
            Repr::Whole(bytes) => Some(Self(Repr::Whole(bytes.clone()))),
            Repr::Chunks(chunks, len) => Some(Self(Repr::Chunks(Arc::clone(chunks), *len))),
            Repr::Pieces(..) => None,
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(if bytes.is_empty() { Repr::Empty } else { Repr::Whole(bytes) })
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Bytes::from_static(bytes).into()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Repr::Empty => return f.write_str("Body(empty)"),
            Repr::Whole(_) | Repr::Chunks(..) => "bytes",
            Repr::Pieces(..) => "stream",
        };
        f.debug_struct("Body").field("kind", &kind).field("len", &self.len()).finish()
    }
}
