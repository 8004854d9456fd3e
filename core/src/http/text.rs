//! Bytes to text, by the charset the other side names.
