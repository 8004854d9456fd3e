//! Random bytes follow from the seed, on the armed thread only.

use std::{
    collections::{HashMap, HashSet},
    ffi::c_void,
};

use super::{Simulated, armed, c, on_a_thread};

/// The start of SplitMix64's stream of seed 0, as its authors' code gives it, byte by byte.
const STREAM_OF_0: [u8; 16] =
    [0xaf, 0xcd, 0x1d, 0x7b, 0x39, 0xa8, 0x20, 0xe2, 0xf4, 0x65, 0xb9, 0xa1, 0x6a, 0x9e, 0x78, 0x6e];

fn filled() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

fn order() -> Vec<u32> {
    let map: HashMap<u32, ()> = (0..100).map(|key| (key, ())).collect();
    map.into_keys().collect()
}

#[test]
fn the_stream_is_splitmix64() {
    assert_eq!(armed(0, |_| filled()), STREAM_OF_0);
    // Rosetta Code gives these five.
    let numbers = armed(1_234_567, |_| [(); 5].map(|()| getrandom::u64().unwrap()));
    let published: [u64; 5] = [
        6_457_827_717_110_365_317,
        3_203_168_211_198_807_973,
        9_817_491_932_198_370_423,
        4_593_380_528_125_082_431,
        16_408_922_859_458_223_821,
    ];
    assert_eq!(numbers.map(u64::from_le), published);
}

#[test]
fn every_way_to_ask_takes_from_one_stream() {
    let [mut first, mut second, mut third] = [[0; 16]; 3];
    armed(0, |_| assert_eq!(filled(), STREAM_OF_0));
    first = armed(0, move |_| (c::getrandom(&mut first, 0), first)).1;
    second = armed(0, move |_| (c::getentropy(&mut second), second)).1;
    third = armed(0, move |_| (c::syscall_getrandom(&mut third), third)).1;
    assert_eq!([first, second, third], [STREAM_OF_0; 3]);

    armed(0, |_| {
        let [mut head, mut tail] = [[0; 8]; 2];
        assert_eq!(c::syscall_getrandom(&mut head), Ok(8));
        assert_eq!(c::getentropy(&mut tail), Ok(()));
        assert_eq!([head, tail].concat(), STREAM_OF_0);
    });
}

#[test]
fn a_request_takes_whole_steps() {
    armed(0, |_| {
        let mut bytes = [0xee; 12];
        assert_eq!(c::getrandom(&mut bytes[..3], 0), Ok(3));
        assert_eq!(bytes[..3], STREAM_OF_0[..3]);
        assert_eq!(bytes[3..], [0xee; 9], "written past the end");
        assert_eq!(c::getrandom(&mut bytes[..8], 0), Ok(8));
        assert_eq!(bytes[..8], STREAM_OF_0[8..]);
    });
    armed(0, |_| {
        let mut bytes = [0xee; 16];
        assert_eq!(c::getrandom(&mut bytes[..13], 0), Ok(13));
        assert_eq!(bytes[..13], STREAM_OF_0[..13]);
        assert_eq!(bytes[13..], [0xee; 3], "written past the end");
    });
}

#[test]
fn an_empty_request_takes_nothing() {
    armed(0, |_| {
        assert_eq!(c::getrandom(&mut [], 0), Ok(0));
        assert_eq!(c::getentropy(&mut []), Ok(()));
        assert_eq!(c::getrandom_to_null(0), Ok(0));
        assert_eq!(filled(), STREAM_OF_0);
    });
}

#[test]
fn what_libc_refuses_is_refused_and_takes_nothing() {
    fn refused() -> [c::Answer<usize>; 4] {
        let mut bytes = [0; 257];
        [
            c::getrandom_to_null(8),
            c::getrandom(&mut bytes, 0x80),
            c::getrandom(&mut bytes, libc::GRND_RANDOM | libc::GRND_INSECURE),
            c::getentropy(&mut bytes).map(|()| 257),
        ]
    }
    let really = on_a_thread(refused);
    assert_eq!(really, [Err(libc::EFAULT), Err(libc::EINVAL), Err(libc::EINVAL), Err(libc::EIO)]);
    armed(0, move |_| {
        assert_eq!(refused(), really);
        assert_eq!(filled(), STREAM_OF_0);
    });
}

#[test]
fn entropy_is_given_up_to_its_limit() {
    armed(0, |_| {
        let mut bytes = [0; 256];
        assert_eq!(c::getentropy(&mut bytes), Ok(()));
        assert_eq!(bytes[..16], STREAM_OF_0);
    });
}

#[test]
fn other_system_calls_go_through_with_all_their_arguments() {
    let asked = || [c::syscall_mmap(0), c::syscall_mmap(1)];
    assert_eq!(on_a_thread(asked), [Ok(()), Err(libc::EINVAL)]);
    assert_eq!(armed(0, move |_| asked()), [Ok(()), Err(libc::EINVAL)]);
}

#[test]
fn flags_make_no_difference() {
    for flags in [libc::GRND_NONBLOCK, libc::GRND_RANDOM, libc::GRND_INSECURE | libc::GRND_NONBLOCK] {
        armed(0, move |_| {
            let mut bytes = [0; 16];
            assert_eq!(c::getrandom(&mut bytes, flags), Ok(16));
            assert_eq!(bytes, STREAM_OF_0);
        });
    }
}

#[test]
fn a_hash_map_iterates_in_the_order_of_the_seed() {
    assert_eq!(armed(7, |_| order()), armed(7, |_| order()));
    let orders: HashSet<Vec<u32>> = (0..10).map(|seed| armed(seed, |_| order())).collect();
    assert_eq!(orders.len(), 10);
}

#[test]
fn other_threads_keep_the_real_randomness() {
    armed(0, |_| {
        let (bytes, orders) = on_a_thread(|| (filled(), order()));
        assert_ne!(bytes, STREAM_OF_0);
        assert_ne!(bytes, on_a_thread(filled));
        assert_ne!(orders, on_a_thread(order));
        assert_eq!(filled(), STREAM_OF_0, "another thread took from the stream");
    });
}

#[test]
fn disarming_restores_the_real_randomness() {
    on_a_thread(|| {
        let simulated = Simulated::default();
        for _ in 0..2 {
            let armed = simulated.arm(0);
            assert_eq!(filled(), STREAM_OF_0);
            drop(armed);
            assert_ne!(filled(), STREAM_OF_0);
            assert_ne!(filled(), filled());
        }
    });
}

/// So a shared library that the program uses asks here too, and who looks the name up at run time.
#[test]
fn the_symbols_are_those_that_libraries_find() {
    for (found, ours) in [
        c::addresses(c"getrandom", libc::getrandom as *const c_void),
        c::addresses(c"getentropy", libc::getentropy as *const c_void),
        c::addresses(c"syscall", libc::syscall as *const c_void),
        c::addresses(c"clock_gettime", libc::clock_gettime as *const c_void),
        c::addresses(c"gettimeofday", libc::gettimeofday as *const c_void),
    ] {
        assert_eq!(found, ours);
    }
}
