use std::pin::pin;

use futures::{
    AsyncReadExt, AsyncWriteExt,
    future::{Either, select},
    io::{AsyncRead, AsyncWrite},
};

use crate::rt::BoxConnection;

const PIECE_BYTES: usize = 16 << 10;

/// Why a tunnel is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// One side or both have ended.
    Well,
    /// So many bytes came from the origin.
    Limit,
}

/// Carries bytes both ways until both sides have ended, or only the origin if `with_origin`; at most so many from it.
pub(super) async fn pump(
    client: &mut BoxConnection,
    origin: &mut BoxConnection,
    from_origin_max: u64,
    with_origin: bool,
) -> Ended {
    let (mut client_reader, mut client_writer) = client.split();
    let (mut origin_reader, mut origin_writer) = origin.split();
    let down = pin!(carry(&mut origin_reader, &mut client_writer, from_origin_max));
    let up = pin!(carry(&mut client_reader, &mut origin_writer, u64::MAX));
    match select(down, up).await {
        Either::Left((Ended::Limit, _)) => Ended::Limit,
        Either::Left((Ended::Well, _)) if with_origin => Ended::Well,
        Either::Left((Ended::Well, up)) => up.await,
        Either::Right((_, down)) => down.await,
    }
}

/// To the end of `from`, which becomes the end of `to`; or up to so many bytes.
async fn carry<R, W>(from: &mut R, to: &mut W, bytes_max: u64) -> Ended
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut piece = vec![0; PIECE_BYTES];
    let mut left = bytes_max;
    while left > 0 {
        let Ok(n @ 1..) = from.read(&mut piece).await else {
            drop(to.close().await);
            return Ended::Well;
        };
        let n = usize::try_from(left).map_or(n, |left| left.min(n));
        if to.write_all(&piece[..n]).await.is_err() || to.flush().await.is_err() {
            return Ended::Well;
        }
        left -= n as u64;
    }
    Ended::Limit
}
