//! Bytes to text, by the charset the other side names.
//!
//! A byte order mark counts first, then the parameter `charset` of the content type, then it is UTF-8: the order of the
//! *decode* algorithm of the WHATWG Encoding Standard, section 6.
#![cfg_attr(not(test), expect(dead_code, reason = "the client that reads bodies comes next"))]

use encoding_rs::{Decoder, Encoding, UTF_8};
use http::HeaderValue;

/// What may be decoded at once by a [`TextDecoder`] without its buffer being moved.
const RESERVED_MIN: usize = 64;

/// Why a body is not text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(super) enum TextError {
    /// Nobody knows the charset it names, or it is refused as dangerous.
    #[error("the body's charset `{charset}` is not known; read it as bytes, or lossily as UTF-8")]
    UnknownCharset {
        /// As the content type has it.
        charset: String,
    },
    /// Some bytes mean nothing in the charset.
    #[error("the body is not valid {charset}; read it as bytes, or lossily")]
    Malformed {
        /// The charset, by the name the standard gives it.
        charset: &'static str,
    },
}

/// The text of a body. What means nothing in its charset, and an unknown charset's bytes beyond ASCII, may become U+FFFD.
/// A byte order mark is not part of the text.
pub(super) fn decode(bytes: &[u8], content_type: Option<&HeaderValue>) -> String {
    named(content_type).unwrap_or(UTF_8).decode(bytes).0.into_owned()
}

/// The same, but it refuses what it does not understand.
///
/// # Errors
///
/// If the charset is not known, or the bytes are not valid in it.
pub(super) fn decode_strict(bytes: &[u8], content_type: Option<&HeaderValue>) -> Result<String, TextError> {
    let (encoding, mark_bytes) = match (Encoding::for_bom(bytes), content_type.and_then(charset)) {
        (Some(marked), _) => marked,
        (None, Some(label)) => match Encoding::for_label_no_replacement(&label) {
            Some(encoding) => (encoding, 0),
            None => {
                let charset = String::from_utf8_lossy(&label).into_owned();
                return Err(TextError::UnknownCharset { charset });
            }
        },
        (None, None) => (UTF_8, 0),
    };
    encoding
        .decode_without_bom_handling_and_without_replacement(&bytes[mark_bytes..])
        .map(std::borrow::Cow::into_owned)
        .ok_or(TextError::Malformed { charset: encoding.name() })
}

/// [`decode`] for a body that comes in chunks, which may cut characters in two.
pub(super) struct TextDecoder {
    decoder: Decoder,
}

impl TextDecoder {
    pub(super) fn new(content_type: Option<&HeaderValue>) -> Self {
        Self { decoder: named(content_type).unwrap_or(UTF_8).new_decoder() }
    }

    /// The text that is complete with this chunk.
    pub(super) fn push(&mut self, chunk: &[u8]) -> String {
        self.decode(chunk, false)
    }

    /// What is left at the end: U+FFFD for a character that was cut off, or nothing. It must not be used after that.
    pub(super) fn finish(mut self) -> String {
        self.decode(&[], true)
    }

    fn decode(&mut self, mut bytes: &[u8], is_last: bool) -> String {
        let mut text = String::new();
        loop {
            text.reserve(
                self.decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len()).max(RESERVED_MIN),
            );
            let (result, read, _had_errors) = self.decoder.decode_to_string(bytes, &mut text, is_last);
            bytes = &bytes[read..];
            if result == encoding_rs::CoderResult::InputEmpty {
                return text;
            }
        }
    }
}

/// The encoding a content type names, if it is known. `replacement`, which stands for charsets that let scripts through
/// filters, is not.
fn named(content_type: Option<&HeaderValue>) -> Option<&'static Encoding> {
    Encoding::for_label_no_replacement(&content_type.and_then(charset)?)
}

/// The first parameter `charset` (RFC 9110, sections 5.6.6 and 8.3.1): its name without case, its value perhaps quoted.
fn charset(content_type: &HeaderValue) -> Option<Vec<u8>> {
    let mut rest = content_type.as_bytes();
    rest = &rest[rest.iter().position(|byte| *byte == b';')?..];
    while let Some(parameter) = rest.strip_prefix(b";") {
        let name_end =
            parameter.iter().position(|byte| matches!(byte, b'=' | b';')).unwrap_or(parameter.len());
        let (name, after) = parameter.split_at(name_end);
        let Some(after) = after.strip_prefix(b"=") else {
            rest = after;
            continue;
        };
        let (value, after) = value(after);
        if name.trim_ascii().eq_ignore_ascii_case(b"charset") {
            return Some(value);
        }
        rest = after;
    }
    None
}

/// The value of a parameter, and what follows it from the next `;`.
fn value(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let end = |text: &[u8]| text.iter().position(|byte| *byte == b';').unwrap_or(text.len());
    let Some(quoted) = text.trim_ascii_start().strip_prefix(b"\"") else {
        let (value, after) = text.split_at(end(text));
        return (value.trim_ascii().to_vec(), after);
    };
    let (mut value, mut bytes) = (Vec::new(), quoted.iter());
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' => value.extend(bytes.next()),
            _ => value.push(*byte),
        }
    }
    let after = bytes.as_slice();
    (value, &after[end(after)..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(content_type: &str) -> HeaderValue {
        HeaderValue::from_str(content_type).unwrap()
    }

    fn text(bytes: &[u8], content_type: &str) -> String {
        decode(bytes, Some(&of(content_type)))
    }

    #[test]
    fn the_mark_counts_before_the_charset_and_the_charset_before_utf_8() {
        assert_eq!(text(b"\xef\xbb\xbf\xc3\xa4", "text/plain; charset=latin1"), "ä");
        assert_eq!(text(b"\xff\xfe\xe4\x00", "text/plain; charset=utf-8"), "ä");
        assert_eq!(text(b"\xfe\xff\x00\xe4", "text/plain"), "ä");
        assert_eq!(text(b"\xe4", "text/plain; charset=ISO-8859-1"), "ä");
        assert_eq!(text(b"\xc3\xa4", "text/plain"), "ä");
        assert_eq!(decode(b"\xc3\xa4", None), "ä");
        assert_eq!(text(b"\xc3\xa4", "text/plain; charset=klingon"), "ä");
        assert_eq!(text(b"\x83\x65", "text/plain; charset=Shift_JIS"), "テ");
    }

    #[test]
    fn a_charset_is_found_however_it_is_written() {
        for content_type in [
            "text/html;charset=latin1",
            "text/html; Charset=\"latin1\"",
            "text/html ; a=b ;\tCHARSET = latin1 ; c=d",
            "text/html; a=\"x; charset=utf-8\"; charset=latin1",
            "text/html; a=\"\\\"; charset=utf-8\"; charset=latin1",
            "text/html; charset=\"lat\\in1\"",
            "text/html;; charset; charset=latin1; charset=utf-8",
            "; charset=latin1",
        ] {
            assert_eq!(text(b"\xe4", content_type), "ä", "{content_type}");
        }
        for content_type in
            ["charset=latin1", "text/html", "text/html; xcharset=latin1", "text/html; charset="]
        {
            assert_eq!(text(b"\xe4", content_type), "\u{fffd}", "{content_type}");
        }
    }

    #[test]
    fn what_means_nothing_is_replaced_or_refused() {
        assert_eq!(decode(b"a\xffb", None), "a\u{fffd}b");
        let malformed = decode_strict(b"a\xffb", None).unwrap_err();
        assert_eq!(malformed, TextError::Malformed { charset: "UTF-8" });
        assert_eq!(malformed.to_string(), "the body is not valid UTF-8; read it as bytes, or lossily");
        let unknown = decode_strict(b"a", Some(&of("text/plain; charset=klingon"))).unwrap_err();
        assert_eq!(unknown, TextError::UnknownCharset { charset: "klingon".into() });
        // A charset that hides scripts from filters: the standard maps it to `replacement`.
        let hidden = of("text/plain; charset=iso-2022-kr");
        assert!(decode_strict(b"a", Some(&hidden)).is_err());
        assert_eq!(decode(b"a", Some(&hidden)), "a");
        assert_eq!(decode_strict(b"\xef\xbb\xbfa", Some(&hidden)).unwrap(), "a");
        assert_eq!(decode_strict(b"\xe4", Some(&of("text/plain; charset=latin1"))).unwrap(), "ä");
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_text_is_the_same(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            size in 1_usize..20,
            label in prop::sample::select(vec!["utf-8", "utf-16", "shift_jis", "gb18030", "latin1", "iso-2022-jp"]),
            mark in prop::sample::select(vec![&b""[..], b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"]),
        ) {
            let bytes = [mark, &bytes].concat();
            let content_type = of(&format!("text/plain; charset={label}"));
            let whole = decode(&bytes, Some(&content_type));
            let mut decoder = TextDecoder::new(Some(&content_type));
            let mut text: String = bytes.chunks(size).map(|chunk| decoder.push(chunk)).collect();
            text += &decoder.finish();
            prop_assert_eq!(&text, &whole);
            if let Ok(strict) = decode_strict(&bytes, Some(&content_type)) {
                prop_assert_eq!(strict, whole);
            }
        }

        #[test]
        fn no_content_type_is_too_strange(content_type in "[ -~]{0,60}", bytes in any::<Vec<u8>>()) {
            decode(&bytes, Some(&of(&content_type)));
        }

        #[test]
        fn utf_8_comes_out_as_it_went_in(text in any::<String>()) {
            let unmarked = text.trim_start_matches('\u{feff}');
            prop_assert_eq!(&decode(unmarked.as_bytes(), None), unmarked);
            let strict = decode_strict(unmarked.as_bytes(), None);
            prop_assert_eq!(strict.as_deref(), Ok(unmarked));
        }
    }
}
