use std::collections::BTreeSet;

/// No longer than this, so that a number and `.part.json` go after it on any file system.
const BYTES_MAX: usize = 180;

/// Gives each URL a file name that is safe, and that no other of the same run has.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// In lower case: some file systems do not tell the difference.
    taken: BTreeSet<String>,
}

impl Names {
    /// The last segment of the path and the query; the host if there is none. A name that is taken gets a number.
    pub(super) fn of(&mut self, url: &str) -> String {
        let wanted = safe(&wanted(url));
        let (stem, extension) = match wanted.rfind('.') {
            Some(dot) if dot > 0 && wanted.len() - dot <= 10 => wanted.split_at(dot),
            _ => (wanted.as_str(), ""),
        };
        let mut name = wanted.clone();
        let mut number = 1;
        while !self.taken.insert(name.to_lowercase()) {
            number += 1;
            name = format!("{stem}-{number}{extension}");
        }
        name
    }
}

fn wanted(url: &str) -> String {
    let url = url.split('#').next().unwrap_or_default();
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (host, path) = before.split_once('/').unwrap_or((before, ""));
    // A password is no part of a name.
    let host = host.rsplit('@').next().unwrap_or_default();
    let last = decoded(path.rsplit('/').next().unwrap_or_default());
    let name = if last.is_empty() { format!("{host}.html") } else { last };
    if query.is_empty() { name } else { format!("{name}_{}", decoded(query)) }
}

/// With `%2F` as what it stands for; what is no UTF-8 then is replaced.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| byte == b'%') {
            Some(decoded) => {
                out.push(decoded);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// One segment of a path on any system: no separator, no control character, no name with a meaning.
fn safe(name: &str) -> String {
    let replaced: String = name
        .chars()
        .map(|char| match char {
            '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '%' => '_',
            char if char.is_control() || is_invisible(char) => '_',
            char => char,
        })
        .collect();
    let trimmed = replaced.trim_start_matches(['.', ' ']).trim_end_matches(['.', ' ']);
    let mut name = cut(trimmed);
    let stem = name.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let is_device = matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
        || stem.len() == 4 && (stem.starts_with("COM") || stem.starts_with("LPT"));
    if name.is_empty() || is_device {
        name.insert(0, '_');
    }
    // These are ours.
    let lower = name.to_ascii_lowercase();
    if lower.ends_with(".part") || lower.ends_with(".part.json") {
        name.push('_');
    }
    name
}

/// Marks that turn the direction of text, or show nothing.
fn is_invisible(char: char) -> bool {
    matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// At most so many bytes, with the extension kept.
fn cut(name: &str) -> String {
    if name.len() <= BYTES_MAX {
        return name.to_owned();
    }
    let extension = name.rfind('.').map_or("", |dot| &name[dot..]);
    let extension = if extension.len() > 10 { "" } else { extension };
    let end = (0..=BYTES_MAX - extension.len()).rev().find(|end| name.is_char_boundary(*end));
    format!("{}{extension}", &name[..end.unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_the_last_of_the_path_with_its_query_or_the_host() {
        let name = |url| Names::default().of(url);
        assert_eq!(name("https://example.org/a/b.tar.gz"), "b.tar.gz");
        assert_eq!(name("https://example.org/a/b?id=7#top"), "b_id=7");
        assert_eq!(name("https://user:secret@example.org/"), "example.org.html");
        assert_eq!(name("https://example.org:8080"), "example.org_8080.html");
        assert_eq!(name("https://example.org/caf%C3%A9.txt"), "café.txt");
    }

    #[test]
    fn names_that_would_lead_elsewhere_do_not() {
        let name = |path: &str| Names::default().of(&format!("https://example.org/{path}"));
        assert_eq!(name("..%2F..%2Fetc%2Fpasswd"), "_.._etc_passwd");
        assert_eq!(name(".."), "_");
        assert_eq!(name("%2e%2e"), "_");
        assert_eq!(name("..%5C..%5Cboot.ini"), "_.._boot.ini");
        assert_eq!(name(".bashrc"), "bashrc");
        assert_eq!(name("a%00b%0Ac"), "a_b_c");
        assert_eq!(name("nul.txt"), "_nul.txt");
        assert_eq!(name("a.part"), "a.part_");
        assert_eq!(name("a.PART.json"), "a.PART.json_");
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let mut names = Names::default();
        let urls = ["http://a/x.png", "http://b/x.png", "http://c/X.PNG", "http://a/x-2.png", "http://a/y"];
        assert_eq!(urls.map(|url| names.of(url)), ["x.png", "x-2.png", "X-3.PNG", "x-2-2.png", "y"]);
    }

    proptest! {
        #[test]
        fn every_name_is_one_plain_segment_and_alone(urls in prop::collection::vec("\\PC{0,300}", 1..20)) {
            let mut names = Names::default();
            let mut seen = BTreeSet::new();
            for url in urls {
                let name = names.of(&format!("http://host/{url}"));
                prop_assert!(!name.is_empty() && name.len() <= 200, "{name}");
                prop_assert!(!name.contains(['/', '\\', '\0']) && !name.starts_with('.'), "{name}");
                prop_assert!(seen.insert(name.to_lowercase()));
            }
        }
    }
}
