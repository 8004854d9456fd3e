use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::Stream;
use http_body::{Body, Frame, SizeHint};

/// The pieces of a body that is made while it is sent.
pub(in crate::http) type BoxBody = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// The body of a request on its way out.
pub(in crate::http) enum Outgoing {
    Empty,
    Whole(Bytes),
    /// Its pieces, and how much is left if that is known.
    Pieces(BoxBody, Option<u64>),
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Pieces(pieces, left) => {
                let piece = ready!(pieces.as_mut().poll_next(cx)).transpose()?;
                if let Some(left) = left {
                    let n = piece.as_ref().map_or(0, |piece| piece.len() as u64);
                    // A peer that was promised more, or less, would take the next request for the rest of this one.
                    match left.checked_sub(n) {
                        Some(rest) if piece.is_some() || rest == 0 => *left = rest,
                        _ => {
                            return Poll::Ready(Some(Err(io::Error::other(WrongLength {
                                left: *left,
                                got: n,
                            }))));
                        }
                    }
                }
                Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Pieces(_, left) => *left == Some(0),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Pieces(_, Some(left)) => SizeHint::with_exact(*left),
            Self::Pieces(_, None) => SizeHint::default(),
        }
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Whole(bytes) => f.debug_tuple("Whole").field(&bytes.len()).finish(),
            Self::Pieces(_, left) => f.debug_tuple("Pieces").field(left).finish(),
        }
    }
}

/// A body is not as long as was said.
#[derive(Debug, thiserror::Error)]
#[error("the request's body is not as long as was said: {left} bytes were to come, and {got} came")]
struct WrongLength {
    left: u64,
    got: u64,
}
