//! `Retry-After`, in seconds or as a date.

use std::time::{Duration, SystemTime};

use http::{
    HeaderMap,
    header::{AGE, DATE, RETRY_AFTER},
};

/// Before 2000 no web server had this clock: one that says so was never set.
const CLOCK_SET: Duration = Duration::from_secs(946_684_800);

/// How long the sender of `headers` asks to be left alone (RFC 9110, section 10.2.3).
///
/// - A number is that many seconds; one too great to count is `u64::MAX` of them. What is too long is for the caller to say.
/// - A date, in any of the three formats of RFC 9110, section 5.6.7, is measured against the clock that wrote it: the
///   response's `Date`, plus its `Age` if a cache held it. A server five minutes ahead of us that says "in ten seconds"
///   would otherwise be asked after five minutes, and one behind us at once. Without a readable `Date`, or with one from
///   before 2000 (a clock never set), it is measured against `now`, our wall clock.
/// - A date that has passed is zero.
/// - What is neither is `None`, as if it was not there. Of several the longest counts.
///
/// # Examples
///
/// ```
/// # use std::time::{Duration, SystemTime};
/// # use seaworthy_core::http::retry_after;
/// let mut headers = http::HeaderMap::new();
/// headers.insert("date", "Sun, 06 Nov 1994 08:49:37 GMT".parse()?);
/// headers.insert("retry-after", "120".parse()?);
/// assert_eq!(retry_after(&headers, SystemTime::UNIX_EPOCH), Some(Duration::from_secs(120)));
/// # Ok::<_, http::header::InvalidHeaderValue>(())
/// ```
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let asked = headers.get_all(RETRY_AFTER).iter();
    asked.filter_map(|value| delay(value.to_str().ok()?.trim(), headers, now)).max()
}

fn delay(text: &str, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    if let Some(seconds) = seconds(text) {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let from = senders_clock(headers).unwrap_or(now);
    Some(until.duration_since(from).unwrap_or_default())
}

/// What the sender's clock says about now.
fn senders_clock(headers: &HeaderMap) -> Option<SystemTime> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?.trim()).ok()?;
    if date < SystemTime::UNIX_EPOCH + CLOCK_SET {
        return None;
    }
    let age = headers.get(AGE).and_then(|age| seconds(age.to_str().ok()?.trim())).unwrap_or(0);
    date.checked_add(Duration::from_secs(age))
}

/// Digits and nothing else: no sign, no fraction.
fn seconds(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT, plus thirty years: Wed, 06 Nov 2024 08:49:37 GMT.
    const NOW: u64 = 1_730_882_977;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn ask(pairs: &[(&'static str, &str)]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        retry_after(&headers, at(NOW))
    }

    fn secs(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    #[test]
    fn seconds_are_seconds_and_a_huge_number_saturates() {
        assert_eq!(ask(&[("retry-after", "0")]), secs(0));
        assert_eq!(ask(&[("retry-after", " 120 ")]), secs(120));
        assert_eq!(ask(&[("retry-after", "00007")]), secs(7));
        assert_eq!(ask(&[("retry-after", "18446744073709551615")]), secs(u64::MAX));
        assert_eq!(ask(&[("retry-after", "99999999999999999999999999")]), secs(u64::MAX));
    }

    #[test]
    fn all_three_date_formats_are_read() {
        for date in
            ["Wed, 06 Nov 2024 08:50:37 GMT", "Wednesday, 06-Nov-24 08:50:37 GMT", "Wed Nov  6 08:50:37 2024"]
        {
            assert_eq!(ask(&[("retry-after", date)]), secs(60), "{date}");
        }
    }

    #[test]
    fn a_past_date_is_zero() {
        assert_eq!(ask(&[("retry-after", "Wed, 06 Nov 2024 08:49:36 GMT")]), secs(0));
        assert_eq!(ask(&[("retry-after", "Thu, 01 Jan 1970 00:00:00 GMT")]), secs(0));
    }

    #[test]
    fn garbage_is_as_if_it_was_not_there() {
        assert_eq!(ask(&[]), None);
        for text in ["", "-1", "+1", "1.5", "1e3", "soon", "120s", "1 2", "Wed, 06 Nov 2024", "０"] {
            assert_eq!(ask(&[("retry-after", text)]), None, "{text}");
        }
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", http::HeaderValue::from_bytes(b"\xff1").unwrap());
        assert_eq!(retry_after(&headers, at(NOW)), None);
    }

    #[test]
    fn of_several_the_longest_counts() {
        assert_eq!(ask(&[("retry-after", "5"), ("retry-after", "soon"), ("retry-after", "9")]), secs(9));
    }

    #[test]
    fn a_date_is_measured_against_the_clock_that_wrote_it() {
        let ahead = ("date", "Wed, 06 Nov 2024 09:49:37 GMT");
        assert_eq!(ask(&[("retry-after", "Wed, 06 Nov 2024 09:49:47 GMT"), ahead]), secs(10));
        let behind = ("date", "Tue, 05 Nov 2024 08:49:37 GMT");
        assert_eq!(ask(&[("retry-after", "Tue, 05 Nov 2024 08:49:47 GMT"), behind]), secs(10));
        assert_eq!(ask(&[("retry-after", "10"), ahead]), secs(10), "seconds need no clock");
    }

    #[test]
    fn a_response_from_a_cache_has_aged() {
        let date = ("date", "Wed, 06 Nov 2024 08:00:00 GMT");
        let until = ("retry-after", "Wed, 06 Nov 2024 08:10:00 GMT");
        assert_eq!(ask(&[until, date]), secs(600));
        assert_eq!(ask(&[until, date, ("age", "540")]), secs(60));
        assert_eq!(ask(&[until, date, ("age", "9999")]), secs(0));
        assert_eq!(ask(&[until, date, ("age", "old")]), secs(600));
    }

    #[test]
    fn a_date_that_cannot_be_true_is_not_believed() {
        let until = ("retry-after", "Wed, 06 Nov 2024 08:50:37 GMT");
        for date in ["Thu, 01 Jan 1970 00:10:00 GMT", "Fri, 31 Dec 1999 23:59:59 GMT", "yesterday", ""] {
            assert_eq!(ask(&[until, ("date", date)]), secs(60), "{date}");
        }
        assert_eq!(ask(&[until, ("date", "Sat, 01 Jan 2000 00:00:00 GMT")]), secs(NOW + 60 - 946_684_800));
        let far = [until, ("date", "Wed, 06 Nov 2024 08:49:37 GMT"), ("age", "99999999999999999999")];
        assert_eq!(ask(&far), secs(60), "an age beyond all dates is no age");
    }

    proptest! {
        #[test]
        fn any_text_has_an_answer(text in "[ -~]{0,40}", date in "[ -~]{0,40}") {
            ask(&[("retry-after", &text), ("date", &date)]);
        }

        #[test]
        fn a_written_date_is_read_again(wait in 0..10_000_000_u64, skew in 0..1_000_000_u64) {
            let written = httpdate::fmt_http_date(at(NOW + skew + wait));
            let date = httpdate::fmt_http_date(at(NOW + skew));
            prop_assert_eq!(ask(&[("retry-after", &written), ("date", &date)]), secs(wait));
            prop_assert_eq!(ask(&[("retry-after", &written)]), secs(wait + skew));
        }
    }
}
