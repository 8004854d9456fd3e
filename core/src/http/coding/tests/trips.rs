use proptest::prelude::*;

use super::*;

fn chains() -> impl Strategy<Value = Vec<Coding>> {
    prop::collection::vec(prop::sample::select(ALL.to_vec()), 0..=4)
}

/// Some bytes that can be compressed and some that cannot.
fn contents() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..3000),
        (any::<u8>(), 0_usize..300_000).prop_map(|(byte, len)| vec![byte; len]),
        (prop::collection::vec(any::<u8>(), 1..500), 1_usize..300)
            .prop_map(|(bytes, times)| bytes.repeat(times)),
    ]
}

/// Chunks of the given sizes, in turn, which may be empty.
fn cut(bytes: &[u8], sizes: &[usize]) -> Vec<io::Result<Bytes>> {
    let (mut rest, mut chunks) = (bytes, Vec::new());
    for size in sizes.iter().chain([&1]).cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, after) = rest.split_at(rest.len().min(*size));
        chunks.push(Ok(Bytes::copy_from_slice(chunk)));
        rest = after;
    }
    chunks
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn whatever_it_is_cut_into_the_same_comes_out(
        codings in chains(),
        bytes in contents(),
        sizes in prop::collection::vec(0_usize..2000, 1..5),
    ) {
        let chunks = cut(&coded_by(&codings, &bytes), &sizes);
        let (out, end) = decoded(&codings, chunks, bytes.len().max(100_000) as u64 * 2);
        prop_assert!(end.is_ok(), "{:?}", end);
        prop_assert!(out == bytes);
    }

    #[test]
    fn a_body_cut_off_is_an_error_and_what_came_out_is_right(
        codings in prop::collection::vec(prop::sample::select(ALL.to_vec()), 1..=3),
        bytes in contents(),
        at in any::<prop::sample::Index>(),
        size in 1_usize..2000,
    ) {
        let coded = coded_by(&codings, &bytes);
        let at = 1 + at.index(coded.len() - 1).min(coded.len() - 2);
        let (out, end) = decoded(&codings, body(&coded[..at], size), u64::MAX);
        prop_assert!(is_cut_off(&end.expect_err("cut off")));
        prop_assert!(bytes.starts_with(&out));
    }

    #[test]
    fn no_flipped_bit_gives_more_than_the_cap(
        codings in prop::collection::vec(prop::sample::select(ALL.to_vec()), 1..=3),
        bytes in contents(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..4),
        size in 1_usize..2000,
        max in 0_u64..400_000,
    ) {
        let mut coded = coded_by(&codings, &bytes);
        for (at, bit) in flips {
            let at = at.index(coded.len());
            coded[at] ^= 1 << bit;
        }
        let (out, _end) = decoded(&codings, body(&coded, size), max);
        prop_assert!(out.len() as u64 <= max);
    }

    #[test]
    fn no_bytes_are_too_strange(
        coding in prop::sample::select(ALL.to_vec()),
        bytes in prop::collection::vec(any::<u8>(), 0..500),
        is_begun in any::<bool>(),
        size in 1_usize..50,
    ) {
        let begin: &[u8] = match coding {
            _ if !is_begun => b"",
            Coding::Gzip => &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3],
            Coding::Brotli => &[0x1b],
            Coding::Zstd => &[0x28, 0xb5, 0x2f, 0xfd, 0],
            Coding::Deflate => &[0x78, 0x9c],
        };
        let (out, _end) = decoded(&[coding], body(&[begin, &bytes].concat(), size), 10_000);
        prop_assert!(out.len() <= 10_000);
    }
}

#[test]
fn every_truncation_of_a_small_body_is_noticed() {
    for coding in ALL {
        let coded = coded(coding, b"Ahoy, ahoy, ahoy, ahoy");
        for at in 1..coded.len() {
            let (_, end) = decoded(&[coding], body(&coded[..at], 3), 1000);
            assert!(is_cut_off(&end.expect_err("cut off")), "{coding} at {at}");
        }
    }
    let raw = raw_deflate(b"Ahoy, ahoy");
    for at in 1..raw.len() {
        assert!(is_cut_off(&failure(&[Coding::Deflate], &raw[..at])), "at {at}");
    }
}

#[test]
fn deflate_comes_with_zlib_or_without() {
    for bytes in [&b""[..], b"a", b"Ahoy", &[0; 100_000]] {
        assert_eq!(whole(&[Coding::Deflate], &coded(Coding::Deflate, bytes)), bytes);
        assert_eq!(whole(&[Coding::Deflate], &raw_deflate(bytes)), bytes);
    }
}

#[test]
fn an_empty_body_with_a_coding_is_an_empty_body() {
    for coding in ALL {
        assert!(whole(&[coding], b"").is_empty());
        assert!(whole(&[coding, Coding::Gzip], b"").is_empty());
        assert!(whole(&[coding, Coding::Gzip], &coded(Coding::Gzip, b"")).is_empty());
        let (out, end) = decoded(&[coding], vec![Ok(Bytes::new()), Ok(Bytes::new())], 0);
        assert!(out.is_empty() && end.is_ok());
        let (out, end) = decoded(&[coding], body(&coded(coding, b""), 1), 0);
        assert!(out.is_empty() && end.is_ok());
    }
}
