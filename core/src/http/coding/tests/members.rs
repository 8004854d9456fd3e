use super::*;

#[test]
fn members_and_frames_follow_each_other() {
    for coding in [Coding::Gzip, Coding::Zstd] {
        let parts: [&[u8]; 4] = [b"Ahoy", b"", b", sailor", &[7; 100_000]];
        let coded: Vec<u8> = parts.iter().flat_map(|part| coded(coding, part)).collect();
        for size in [1, 7, 1000, usize::MAX] {
            let (out, end) = decoded(&[coding], body(&coded, size), u64::MAX);
            end.unwrap();
            assert!(out == parts.concat());
        }
        assert_eq!(whole(&[coding, Coding::Brotli], &super::coded(Coding::Brotli, &coded)), parts.concat());
    }
}

#[test]
fn a_zstd_frame_may_be_one_to_skip() {
    let skipped = [0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let frame = coded(Coding::Zstd, b"Ahoy");
    for parts in [[&skipped[..], &frame], [&frame, &skipped]] {
        assert_eq!(whole(&[Coding::Zstd], &parts.concat()), b"Ahoy");
        let cut = &parts.concat()[..parts.concat().len() - 1];
        assert!(is_cut_off(&failure(&[Coding::Zstd], cut)));
    }
}

#[test]
fn another_member_that_is_cut_off_or_damaged_is_an_error() {
    for (coding, least) in [(Coding::Gzip, 1), (Coding::Zstd, 1)] {
        let first = coded(coding, b"Ahoy");
        for at in least..first.len() {
            let bytes = [&first, &first[..at]].concat();
            assert!(is_cut_off(&failure(&[coding], &bytes)), "{coding} at {at}");
        }
    }
    let mut two = coded(Coding::Gzip, b"Ahoy").repeat(2);
    let checksum = two.len() - 8;
    two[checksum] ^= 1;
    let (out, end) = decoded(&[Coding::Gzip], body(&two, 1000), u64::MAX);
    assert_eq!(out, b"Ahoy", "what is known to be wrong is not given");
    assert!(matches!(end, Err(DecodeError::Corrupt { coding: Coding::Gzip, .. })));
}

#[test]
fn what_follows_the_end_is_ignored_up_to_a_bound() {
    for coding in ALL {
        let sound = coded(coding, b"Ahoy");
        for garbage in [&b"\0\0\0\0\0\0"[..], b"x", b"<html>", &[0xff; 64 * 1024]] {
            assert_eq!(whole(&[coding], &[&sound, garbage].concat()), b"Ahoy", "{coding}");
        }
        let error = failure(&[coding], &[&sound[..], &[0; 64 * 1024 + 1]].concat());
        assert!(matches!(error, DecodeError::Corrupt { .. }));
        assert!(!is_cut_off(&error));
    }
    assert_eq!(whole(&[Coding::Deflate], &[&raw_deflate(b"Ahoy")[..], b"xyz"].concat()), b"Ahoy");
    // Also between two stages.
    let inner = [&coded(Coding::Brotli, b"Ahoy")[..], &[1; 1000]].concat();
    assert_eq!(whole(&[Coding::Brotli, Coding::Gzip], &coded(Coding::Gzip, &inner)), b"Ahoy");
}

#[test]
fn what_does_not_begin_as_it_should_is_corrupt() {
    for coding in [Coding::Gzip, Coding::Zstd] {
        for bytes in [&b"<"[..], b"<html>", b"\0\0\0\0\0\0\0\0\0\0\0\0"] {
            let error = failure(&[coding], bytes);
            assert!(matches!(&error, DecodeError::Corrupt { coding: named, .. } if *named == coding));
            assert!(!is_cut_off(&error));
        }
    }
}
