//! RFC 6265, section 5.1.1.

use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::super::date::parse;

fn seconds(text: &str) -> Option<u64> {
    parse(text).map(|date| date.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs())
}

#[test]
fn dates_are_read_however_they_are_written() {
    for text in [
        "Wed, 06 Nov 2024 08:49:37 GMT",
        "Wednesday, 06-Nov-24 08:49:37 GMT",
        "Wed Nov  6 08:49:37 2024",
        "Wed, 06-Nov-2024 08:49:37 UTC",
        "06 NOVEMBER 2024 8:49:37",
        "2024/nov/6 08:49:37",
        "08:49:37 6th Nov 2024",
        "08:49:37:12 6 Nov 2024AD",
        "Wed,06,Nov,2024,08:49:37",
        "\tWed; 06 Nov 2024  08:49:37 GMT (a fine day)",
        "06 Nov 2024 08:49:37 GMT 07 Dec 2025 01:01:01",
    ] {
        assert_eq!(seconds(text), Some(1_730_882_977), "{text}");
    }
}

#[test]
fn two_digit_years_are_of_1970_to_2069() {
    let year = |year| seconds(&format!("01 Jan {year} 00:00:00"));
    assert_eq!(year("70"), Some(0));
    assert_eq!(year("99"), year("1999"));
    assert_eq!(year("00"), year("2000"));
    assert_eq!(year("69"), year("2069"));
    assert_eq!(year("1969"), Some(0), "what is before 1970 has passed all the same");
    assert_eq!(year("1601"), Some(0));
    assert_eq!(year("1600"), None);
    assert_eq!(year("9999"), Some(253_370_764_800));
}

#[test]
fn what_is_no_date_is_none() {
    for text in [
        "",
        "soon",
        "06 Nov 2024",
        "Nov 2024 08:49:37",
        "06 2024 08:49:37",
        "06 Nov 08:49:37",
        "00 Nov 2024 08:49:37",
        "31 Nov 2024 08:49:37",
        "32 Dec 2024 08:49:37",
        "29 Feb 2023 08:49:37",
        "29 Feb 2100 08:49:37",
        "06 Nov 2024 24:00:00",
        "06 Nov 2024 08:60:00",
        "06 Nov 2024 08:49:60",
        "06 Nov 2024 08:49",
        "06 Nov 2024 008:49:37",
        "06 Nov 20240 08:49:37",
        "006 Nov 2024 08:49:37",
        "06 No 2024 08:49:37",
        "06 Növ 2024 08:49:37",
        "2024-11-06T08:49:37Z",
    ] {
        assert_eq!(seconds(text), None, "{text}");
    }
    assert!(seconds("29 Feb 2000 08:49:37").is_some());
    assert!(seconds("29 Feb 2024 08:49:37").is_some());
}

proptest! {
    #[test]
    fn every_second_is_read_as_others_write_it(since in 0..253_402_300_800_u64) {
        let written = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(since));
        prop_assert_eq!(seconds(&written), Some(since), "{}", written);
    }

    #[test]
    fn no_text_harms(text in "\\PC{0,60}") {
        parse(&text);
    }
}
