use std::{fs, path::PathBuf, time::Duration};

use seaworthy::{
    http::{self, Method},
    limit::Quota,
};

use crate::cli::{Failure, args};

/// Each transfer takes a connection and perhaps a file, and systems allow 1,024 of both together.
const CONCURRENCY_MAX: usize = 1000;

/// What was asked for, checked.
#[derive(Debug)]
pub(crate) struct Options {
    pub(super) urls: Vec<String>,
    pub(super) input: Option<PathBuf>,
    pub(super) output: Option<PathBuf>,
    pub(super) concurrency: usize,
    pub(super) ordered: bool,
    pub(super) overwrite: bool,
    pub(super) retries: u32,
    pub(super) method: Method,
    pub(super) data: Option<Vec<u8>>,
    headers: Vec<(String, String)>,
    rate: Option<Rate>,
    timeout: Option<Duration>,
}

impl Options {
    pub(crate) fn new(flags: args::Fetch) -> Result<Self, Failure> {
        if let Some(url) = flags.urls.iter().find(|url| !has_scheme(url)) {
            return Err(Failure::usage(
                format!("`{url}` cannot be fetched"),
                "it does not begin with http:// or https://",
                format!("write https://{url}"),
            ));
        }
        let mut headers = Vec::new();
        for header in &flags.headers {
            let Some((name, value)) = header.split_once(':') else {
                return Err(Failure::usage(
                    format!("the header `{header}` is refused"),
                    "there is no colon in it",
                    "write it as `-H 'Name: value'`",
                ));
            };
            headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        let data = flags.data.map(data).transpose()?;
        let has_type = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if data.is_some() && !has_type {
            headers.push(("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
        }
        let method = match flags.method {
            None if data.is_some() => Method::POST,
            None => Method::GET,
            Some(text) => text.parse().map_err(|_| {
                let what = format!("the method `{text}` is refused");
                Failure::usage(what, "it has characters it must not have", "name one like GET or POST")
            })?,
        };
        if let Some(folder) = &flags.output {
            fs::create_dir_all(folder).map_err(|error| {
                let what = format!("the folder `{}` cannot be made", folder.display());
                Failure::usage(what, error, "give -o a folder that you may write to")
            })?;
        }
        Ok(Self {
            urls: flags.urls,
            input: flags.input,
            output: flags.output,
            concurrency: flags.concurrency,
            ordered: flags.ordered,
            overwrite: flags.overwrite,
            retries: flags.retries,
            method,
            data,
            headers,
            rate: flags.rate,
            timeout: flags.timeout,
        })
    }

    pub(super) fn client(&self) -> http::Config {
        let mut config = http::Config {
            headers: self.headers.clone(),
            quota: self.rate.map(|Rate(quota)| quota),
            connections_max: self.concurrency,
            connections_per_host_max: self.concurrency,
            ..http::Config::default()
        };
        config.retry.attempts_max = self.retries.saturating_add(1);
        // A large file may take its time, as long as it comes.
        config.timeouts.total = self.timeout;
        config.timeouts.first_byte = Some(Duration::from_secs(30));
        config
    }

    /// Whether a transfer that broke off can go on where it was.
    pub(super) fn can_resume(&self) -> bool {
        self.method == Method::GET && self.data.is_none()
    }
}

pub(super) fn has_scheme(url: &str) -> bool {
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    lower.starts_with("http://") || lower.starts_with("https://")
}

fn data(text: String) -> Result<Vec<u8>, Failure> {
    let Some(path) = text.strip_prefix('@') else { return Ok(text.into_bytes()) };
    fs::read(path).map_err(|error| {
        let what = format!("the data in `{path}` cannot be read");
        Failure::usage(what, error, "name a readable file after the @, or give the data itself")
    })
}

/// Reads `--concurrency`.
pub(crate) fn concurrency(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=CONCURRENCY_MAX).contains(number));
    number.ok_or_else(|| format!("it takes a whole number from 1 to {CONCURRENCY_MAX}"))
}

/// So many in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate(Quota);

/// Reads `--rate`: `50/s`, `100/m`, `10/h`.
pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit.trim() {
        "s" | "sec" | "second" => 1,
        "m" | "min" | "minute" => 60,
        "h" | "hour" => 3600,
        _ => 0,
    };
    match number.trim().parse() {
        Ok(tokens) if tokens > 0 && seconds > 0 => Ok(Rate(Quota::per(tokens, Duration::from_secs(seconds)))),
        _ => Err("it takes a rate like 50/s, 100/m or 1000/h".to_owned()),
    }
}

/// Reads `--timeout`: `10s`, `500ms`, `2m`, or seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let split = text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let scale = match unit.trim() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => 0.0,
    };
    let seconds = number.parse().map_or(0.0, |number: f64| number * scale);
    let duration = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    if duration.is_zero() {
        return Err("it takes a duration like 10s, 500ms or 2m, more than nothing".to_owned());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_durations_are_read_or_refused() {
        assert_eq!(rate("50/s"), Ok(Rate(Quota::per_second(50))));
        assert_eq!(rate("7"), rate("7/s"));
        assert_eq!(rate("100/m"), Ok(Rate(Quota::per_minute(100))));
        assert!(["", "0/s", "-1/s", "5/year", "x/s", "5/"].iter().all(|text| rate(text).is_err()));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert!(["", "0", "-1s", "s", "5 years", "1e400", "nan"].iter().all(|text| duration(text).is_err()));
    }
}
