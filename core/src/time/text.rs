//! Durations as text in configs: `500ms`, `1m 30s`. For `#[serde(with = "seaworthy_core::time::text")]`.

use std::{borrow::Cow, time::Duration};

use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// Writes a duration as text.
///
/// # Errors
///
/// The serialiser's.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_duration(*duration))
}

/// Reads a duration from text.
///
/// # Errors
///
/// If it is no duration, with what is wrong and what it should look like.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    parse(&text)
}

/// The same for a duration that may be missing: `null` is `None`.
pub mod option {
    use std::{borrow::Cow, time::Duration};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes a duration as text, `None` as null.
    ///
    /// # Errors
    ///
    /// The serialiser's.
    pub fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        duration.map(|duration| humantime::format_duration(duration).to_string()).serialize(serializer)
    }

    /// Reads a duration from text, `None` from null.
    ///
    /// # Errors
    ///
    /// If it is no duration, with what is wrong and what it should look like.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let text = Option::<Cow<'de, str>>::deserialize(deserializer)?;
        text.map(|text| super::parse(&text)).transpose()
    }
}

fn parse<E: Error>(text: &str) -> Result<Duration, E> {
    humantime::parse_duration(text)
        .map_err(|error| E::custom(format!("`{text}` is no duration like `500ms` or `1m 30s`: {error}")))
}
