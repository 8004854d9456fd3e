//! URLs of hosts that are known already are read without reading the host again, which is most of the work.

use url::Url;

/// Splits a URL into scheme, host and port, and what follows, if it is written so plainly that what follows can be read by
/// itself.
pub(super) fn split(text: &str) -> Option<(&str, &str)> {
    let host = text.find("://")? + 3;
    let (origin, rest) = text.split_at(host + text[host..].find('/')?);
    // `//` and `/\` would begin another host, and a parser passes over blanks and line breaks.
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    (!rest.starts_with("//") && rest.bytes().all(is_plain)).then_some((origin, rest))
}

/// The URL that has `rest` behind a host, given another one of that host.
pub(super) fn join(of_host: &Url, rest: &str) -> Option<Url> {
    of_host.join(rest).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_could_begin_another_host_is_not_split() {
        for text in [
            "http://a//b",
            "http://a/\\b",
            "http://a/\t/b",
            "http://a/ b",
            "http://a",
            "http://a?b/c",
            "/a",
            "a:b",
            "http:/a/b",
        ] {
            let split = split(text);
            assert!(split.is_none_or(|(origin, _)| origin == "http://a?b"), "{text}: {split:?}");
        }
        assert_eq!(split("http://a:1/b?c=/#d"), Some(("http://a:1", "/b?c=/#d")));
    }

    proptest! {
        #[test]
        fn a_url_reads_the_same_both_ways(text in "https?://(a|b\\.example:81|1\\.2\\.3\\.4|\\[::1\\]:9)[/?#][ -~]{0,40}") {
            let whole = Url::parse(&text);
            if let Some((origin, rest)) = split(&text)
                && let Ok(known) = Url::parse(origin)
            {
                // Only what is written as it is shown is found among those that are known.
                prop_assume!(known.as_str().trim_end_matches('/') == origin);
                prop_assert_eq!(join(&known, rest), whole.ok());
            }
        }
    }
}
