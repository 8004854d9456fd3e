use async_compression::{Level, futures::bufread::BrotliDecoder, zstd::CParameter};

use super::*;

#[test]
fn no_stage_gives_more_than_the_cap() {
    let zeros = vec![0; 3_000_000];
    for coding in ALL {
        let bomb = coded(coding, &zeros);
        let (out, end) = decoded(&[coding], body(&bomb, 1000), 3_000_000);
        end.unwrap();
        assert_eq!(out.len(), 3_000_000, "the cap itself is allowed");
        for max in [0, 1, 65_535, 65_536, 65_537, 2_999_999] {
            let (out, end) = decoded(&[coding], body(&bomb, 1000), max);
            assert!(out.len() as u64 <= max);
            let error = end.unwrap_err();
            assert!(matches!(error, DecodeError::TooLarge { coding: named, decoded_bytes_max }
                    if named == coding && decoded_bytes_max == max));
            assert!(error.to_string().contains("`decoded_bytes_max`"), "{error}");
        }
    }
}

#[test]
fn a_bomb_in_a_bomb_is_stopped_at_the_first() {
    // The inner gzip is 100 KB of empty members, which are nothing in the end.
    let members = coded(Coding::Gzip, b"").repeat(5000);
    let bomb = coded(Coding::Brotli, &members);
    assert!(whole(&[Coding::Gzip, Coding::Brotli], &bomb).is_empty());
    let (out, end) = decoded(&[Coding::Gzip, Coding::Brotli], body(&bomb, 100), 50_000);
    assert!(out.is_empty());
    assert!(matches!(end, Err(DecodeError::TooLarge { coding: Coding::Brotli, .. })));
}

#[test]
fn a_zstd_window_beyond_8_mib_is_refused() {
    let bytes = vec![1; 20_000_000];
    let coded_with = |log: u32| {
        let params = [CParameter::window_log(log), CParameter::content_size_flag(false)];
        read(ZstdEncoder::with_quality_and_params(&bytes[..], Level::Fastest, &params))
    };
    assert_eq!(whole(&[Coding::Zstd], &coded_with(23)).len(), bytes.len());
    let error = failure(&[Coding::Zstd], &coded_with(24));
    assert!(matches!(error, DecodeError::Corrupt { coding: Coding::Zstd, .. }));
    let second = [coded(Coding::Zstd, b"Ahoy"), coded_with(24)].concat();
    let (out, end) = decoded(&[Coding::Zstd], body(&second, 1000), u64::MAX);
    assert_eq!(out, b"Ahoy");
    assert!(end.is_err(), "also in the second frame");
}

#[test]
fn a_large_window_of_brotli_is_refused() {
    // 0x11, six bits that say 30, and two that say that this is all: nothing, with a window of 1 GiB.
    let bytes = [0x11, 0xde];
    assert!(read(BrotliDecoder::new(&bytes[..])).is_empty(), "the decoder itself would take it");
    let error = failure(&[Coding::Brotli], &bytes);
    assert!(matches!(error, DecodeError::Corrupt { coding: Coding::Brotli, .. }));
    assert!(error.to_string().contains("brotli"), "{error}");
}
