use std::{future::pending, io};

use bytes::Bytes;
use futures::io::{AsyncWrite, AsyncWriteExt};

use super::{reply::Pace, script::Step};
use crate::rt::Rt;

/// Carries a script out.
pub(super) async fn perform<W>(
    rt: &Rt,
    steps: Vec<Step>,
    endless_bytes_max: u64,
    writer: &mut W,
) -> io::Result<()>
where
    W: AsyncWrite + Unpin,
{
    for step in steps {
        match step {
            Step::Pause(pause) => rt.sleep(pause).await,
            Step::Write(bytes) => send(writer, &bytes).await?,
            Step::Trickle(bytes, pace) => trickle(rt, writer, &bytes, pace).await?,
            Step::Endless { piece, pace, bytes } => {
                let mut left = bytes.unwrap_or(u64::MAX).min(endless_bytes_max);
                while left > 0 {
                    let n = usize::try_from(left).map_or(piece.len(), |left| left.min(piece.len()));
                    let part = piece.slice(..n);
                    match pace {
                        Some(pace) => {
                            trickle(rt, writer, &part, pace).await?;
                            rt.sleep(pace.every).await;
                        }
                        None => send(writer, &part).await?,
                    }
                    left -= n as u64;
                }
            }
            Step::Hang => pending().await,
        }
    }
    Ok(())
}

async fn trickle<W: AsyncWrite + Unpin>(
    rt: &Rt,
    writer: &mut W,
    bytes: &Bytes,
    pace: Pace,
) -> io::Result<()> {
    for (index, part) in bytes.chunks(pace.bytes).enumerate() {
        if index > 0 {
            rt.sleep(pace.every).await;
        }
        send(writer, part).await?;
    }
    Ok(())
}

async fn send<W: AsyncWrite + Unpin>(writer: &mut W, bytes: &[u8]) -> io::Result<()> {
    writer.write_all(bytes).await?;
    writer.flush().await
}
