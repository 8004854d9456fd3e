//! Forms with files: `multipart/form-data`, RFC 7578.
//!
//! Names and file names are written as the HTML standard (*multipart/form-data encoding algorithm*) and so all browsers
//! write them: as UTF-8, with `%22`, `%0D` and `%0A` for what would break out of the quotes.

use std::fmt;

use bytes::Bytes;
use http::HeaderValue;
use mime::Mime;

use crate::rt::Rng;

mod search;

/// A form with texts and files, sent as `multipart/form-data` (RFC 7578).
///
/// It keeps the order of its parts, and names may repeat. Contents are sent as they are given, byte for byte, and are
/// not copied. No content can end its part early: the boundary between the parts is drawn anew if it occurs in one.
///
/// The whole form is in memory, so its length is known and the request can be repeated.
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use seaworthy_core::http::Form;
///
/// let form = Form::new()
///     .text("title", "Ahoy")
///     .file("picture", "ship.png", "image/png", vec![0x89, b'P', b'N', b'G'])?
///     .bytes("raw", vec![0; 16]);
/// assert_eq!(form.len(), 3);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Form {
    parts: Vec<Part>,
}

#[derive(Clone)]
struct Part {
    /// The lines that stand above the content, each with its end.
    head: String,
    content: Bytes,
}

/// Why a part could not be added to a [`Form`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormError {
    /// The content type of a file is no media type.
    #[error(
        "`{content_type}` is no content type for the file `{file_name}`; write `type/subtype`, such as `image/png`, or \
         `application/octet-stream` if it is not known"
    )]
    ContentType {
        /// What was given.
        content_type: String,
        /// The file.
        file_name: String,
        /// What is wrong with it.
        source: mime::FromStrError,
    },
}

impl Form {
    /// A form without parts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text. Its line ends are sent as they are.
    #[must_use]
    pub fn text(self, name: impl AsRef<str>, value: impl Into<String>) -> Self {
        let head = disposition(name.as_ref(), None);
        self.with(head, Bytes::from(value.into()))
    }

    /// Adds bytes that are neither a text nor a file, as `application/octet-stream`.
    #[must_use]
    pub fn bytes(self, name: impl AsRef<str>, bytes: impl Into<Bytes>) -> Self {
        let head = disposition(name.as_ref(), None) + "Content-Type: application/octet-stream\r\n";
        self.with(head, bytes.into())
    }

    /// Adds a file. Servers see `file_name` as it is given: leave folders out of it.
    ///
    /// # Errors
    ///
    /// If `content_type` is no media type, such as `text/csv; charset=utf-8`.
    pub fn file(
        self,
        name: impl AsRef<str>,
        file_name: impl AsRef<str>,
        content_type: impl AsRef<str>,
        bytes: impl Into<Bytes>,
    ) -> Result<Self, FormError> {
        let (file_name, content_type) = (file_name.as_ref(), content_type.as_ref());
        let error = |source| FormError::ContentType {
            content_type: content_type.to_owned(),
            file_name: file_name.to_owned(),
            source,
        };
        let content_type: Mime = content_type.parse().map_err(error)?;
        let head = disposition(name.as_ref(), Some(file_name)) + &format!("Content-Type: {content_type}\r\n");
        Ok(self.with(head, bytes.into()))
    }

    /// How many parts it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// If it has no parts. It can be sent nevertheless.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    fn with(mut self, head: String, content: Bytes) -> Self {
        self.parts.push(Part { head, content });
        self
    }

    /// The header and the body, with a boundary from `rng` that occurs in no part.
    pub(super) fn into_body(self, rng: &mut Rng) -> FormBody {
        let boundary = loop {
            let drawn = boundary(rng);
            if !self.parts.iter().any(|part| part.contains(drawn.as_bytes())) {
                break drawn;
            }
        };
        let mut chunks = Vec::with_capacity(2 * self.parts.len() + 1);
        let mut before = String::new();
        for Part { head, content } in self.parts {
            chunks.push(Bytes::from(format!("{before}--{boundary}\r\n{head}\r\n")));
            chunks.push(content);
            "\r\n".clone_into(&mut before);
        }
        chunks.push(Bytes::from(format!("{before}--{boundary}--\r\n")));
        chunks.retain(|chunk| !chunk.is_empty());
        let content_type = HeaderValue::try_from(format!("multipart/form-data; boundary={boundary}"))
            .expect("letters and digits are a header");
        FormBody { content_type, len: chunks.iter().map(|chunk| chunk.len() as u64).sum(), chunks }
    }
}

impl fmt::Debug for Form {
    /// Says nothing of the contents: they may be large, or secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.parts.iter().map(|part| (part.head.trim_end(), part.content.len())))
            .finish()
    }
}

impl Part {
    fn contains(&self, boundary: &[u8]) -> bool {
        search::contains(self.head.as_bytes(), boundary) || search::contains(&self.content, boundary)
    }
}

/// A form that is ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct FormBody {
    /// What the header `Content-Type` says.
    pub(super) content_type: HeaderValue,
    /// The sum of all chunks, in bytes.
    pub(super) len: u64,
    /// None of them is empty; contents are not copied.
    pub(super) chunks: Vec<Bytes>,
}

/// 48 characters that need no quotes; RFC 2046, section 5.1.1, allows 70.
fn boundary(rng: &mut Rng) -> String {
    format!("----seaworthy-{:016x}{:016x}--", rng.next_u64(), rng.next_u64())
}

/// The line `Content-Disposition` with its end.
fn disposition(name: &str, file_name: Option<&str>) -> String {
    // The HTML standard makes all line ends of a name CRLF, but not those of a file name.
    let name = escaped(&name.replace("\r\n", "\n").replace(['\r', '\n'], "\r\n"));
    match file_name.map(escaped) {
        Some(file) => {
            format!("Content-Disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\n")
        }
        None => format!("Content-Disposition: form-data; name=\"{name}\"\r\n"),
    }
}

fn escaped(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests;
