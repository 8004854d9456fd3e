//! An echo server that ends well: on Ctrl-C it stops accepting, gives its connections a second, and returns when the
//! last of them is gone.
//!
//! `cargo run --example shutdown`, then `nc 127.0.0.1 7007`

use std::{io, time::Duration};

use futures::io::{AsyncReadExt, copy};
use seaworthy::rt::{BoxConnection, Rt, Scope};

fn main() -> anyhow::Result<()> {
    seaworthy::tokio::run(async |rt| serve(&rt).await)
}

async fn serve(rt: &Rt) -> anyhow::Result<()> {
    let mut listener = rt.listen(([127, 0, 0, 1], 7007)).await?;
    println!("echoing on {}; Ctrl-C ends", listener.local_addr()?);
    let connections = Scope::new(rt);
    let signal = seaworthy::tokio::shutdown_signal()?;
    let accepting = async {
        loop {
            // An error concerns one connection only; a pause keeps a lack of descriptors from becoming a busy loop.
            match listener.accept().await {
                Ok((connection, peer)) => connections.spawn("echo", async move {
                    if let Err(error) = echo(connection).await {
                        println!("{peer}: {error}");
                    }
                }),
                Err(error) => {
                    println!("cannot accept: {error}");
                    rt.sleep(Duration::from_millis(100)).await;
                }
            }
        }
    };
    futures::future::select(std::pin::pin!(accepting), signal).await;
    println!("{} connections left", connections.len());
    if rt.timeout(Duration::from_secs(1), connections.join()).await.is_err() {
        connections.cancel().await?;
    }
    Ok(())
}

async fn echo(connection: BoxConnection) -> io::Result<()> {
    let (reader, mut writer) = connection.split();
    copy(reader, &mut writer).await?;
    Ok(())
}
