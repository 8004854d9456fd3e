//! Bytes between two hosts: all of them, in order, and within bounds.

use std::time::Duration;

use futures::{AsyncReadExt, AsyncWriteExt};
use seaworthy_core::rt::Rng;

use crate::stage::{echo, fill, ms, two};

#[test]
fn bytes_arrive_intact_and_in_order() {
    for seed in 0..10 {
        two(
            seed,
            async |_, connection| Ok(echo(connection).await.map(drop)?),
            async |_, connection| {
                let mut sent = vec![0; 1 << 20];
                Rng::from_seed(1).fill(&mut sent);
                let (mut reader, mut writer) = connection.split();
                let mut received = Vec::new();
                let sending = async {
                    writer.write_all(&sent).await?;
                    writer.close().await
                };
                let receiving = reader.read_to_end(&mut received);
                futures::future::try_join(sending, receiving).await?;
                assert!(received == sent);
                Ok(())
            },
        );
    }
}

#[test]
fn a_writer_is_ahead_of_its_reader_by_a_window_at_most() {
    two(
        1,
        async |rt, mut connection| {
            rt.sleep(ms(500)).await;
            let mut received = Vec::new();
            connection.read_to_end(&mut received).await?;
            assert_eq!(received.len(), 64 << 10);
            Ok(())
        },
        async |rt, mut connection| {
            assert_eq!(fill(&rt, &mut connection, &[0; 100_000]).await?, 64 << 10);
            Ok(())
        },
    );
}

#[test]
fn the_end_of_a_stream_passes_a_full_queue() {
    // Byte by byte, it is the number of segments that is full first.
    two(
        1,
        async |rt, mut connection| {
            rt.sleep(ms(500)).await;
            let mut received = Vec::new();
            connection.read_to_end(&mut received).await?;
            assert_eq!(received.len(), 1024);
            Ok(())
        },
        async |rt, mut connection| {
            assert_eq!(fill(&rt, &mut connection, b"x").await?, 1024);
            connection.close().await?;
            rt.sleep(Duration::from_secs(1)).await;
            Ok(())
        },
    );
}
