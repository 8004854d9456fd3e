use proptest::prelude::*;

use super::{search::contains, *};
use crate::rt::Rng;

fn sent(form: Form) -> (String, Vec<u8>) {
    let body = form.into_body(&mut Rng::from_seed(1));
    let bytes = body.chunks.concat();
    assert_eq!(bytes.len() as u64, body.len);
    assert!(body.chunks.iter().all(|chunk| !chunk.is_empty()));
    let header = body.content_type.to_str().unwrap().to_owned();
    (header.strip_prefix("multipart/form-data; boundary=").unwrap().to_owned(), bytes)
}

/// Parts of a body, as RFC 2046, section 5.1.1, has them: a reader of its own.
fn parsed(boundary: &str, body: &[u8]) -> Vec<(String, Vec<u8>)> {
    let delimiter = format!("\r\n--{boundary}");
    let body = [b"\r\n", body].concat();
    let find = |from: usize, what: &[u8]| {
        body[from..].windows(what.len()).position(|window| window == what).map(|at| from + at)
    };
    let mut parts = Vec::new();
    let mut at = find(0, delimiter.as_bytes()).expect("a first delimiter");
    assert_eq!(at, 0);
    loop {
        at += delimiter.len();
        if body[at..].starts_with(b"--") {
            assert_eq!(&body[at..], b"--\r\n");
            return parts;
        }
        assert!(body[at..].starts_with(b"\r\n"));
        let head_end = find(at, b"\r\n\r\n").expect("an empty line");
        let head = String::from_utf8(body[at + 2..head_end + 2].to_vec()).unwrap();
        at = find(head_end + 2, delimiter.as_bytes()).expect("another delimiter");
        parts.push((head, body[head_end + 4..at.max(head_end + 4)].to_vec()));
    }
}

#[test]
fn a_form_is_sent_as_the_rfc_has_it() {
    let form = Form::new()
        .text("title", "Ahoy\nsailor")
        .file("picture", "Schiff ä.png", "image/png", vec![1, 2])
        .unwrap()
        .bytes("raw", &b"\0"[..]);
    let (boundary, body) = sent(form);
    let expected = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nAhoy\nsailor\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"Schiff ä.png\"\r\n\
         Content-Type: image/png\r\n\r\n\u{1}\u{2}\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"raw\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n\0\r\n--{boundary}--\r\n"
    );
    assert_eq!(String::from_utf8(body).unwrap(), expected);
}

#[test]
fn a_form_without_parts_is_a_body_all_the_same() {
    assert!(Form::new().is_empty());
    let (boundary, body) = sent(Form::new());
    assert_eq!(body, format!("--{boundary}--\r\n").as_bytes());
}

#[test]
fn no_name_breaks_out_of_its_quotes() {
    let head = disposition("a\"b\r\nc\rd\ne%22", Some("x\"\r\ny\nz\\"));
    assert_eq!(
        head,
        "Content-Disposition: form-data; name=\"a%22b%0D%0Ac%0D%0Ad%0D%0Ae%22\"; \
         filename=\"x%22%0D%0Ay%0Az\\\"\r\n"
    );
}

#[test]
fn a_content_type_that_is_none_is_refused() {
    for bad in ["", "png", "image/png\r\nX-Evil: 1", "image/\"png", "image/png\n"] {
        let error = Form::new().file("f", "x.png", bad, vec![]).unwrap_err();
        assert!(error.to_string().contains("x.png"), "{error}");
    }
    assert!(Form::new().file("f", "x", "text/csv; charset=utf-8", vec![]).is_ok());
}

#[test]
fn a_boundary_that_occurs_in_a_part_is_drawn_anew() {
    let mut rng = Rng::from_seed(9);
    let (first, second) = (boundary(&mut rng), boundary(&mut rng));
    assert!(first.len() <= 70);
    let drawn = |form: Form| {
        let body = form.into_body(&mut Rng::from_seed(9));
        body.content_type.to_str().unwrap().rsplit_once("boundary=").unwrap().1.to_owned()
    };
    assert_eq!(drawn(Form::new().text("a", "b")), first);
    assert_eq!(drawn(Form::new().text("a", format!("x{first}y"))), second);
    assert_eq!(drawn(Form::new().text("a", "").bytes(&first, vec![])), second, "in a name");
}

#[test]
fn contents_are_not_copied_and_not_shown() {
    let content = Bytes::from(vec![7; 1000]);
    let form = Form::new().bytes("a", content.clone()).text("b", "secret");
    assert!(!format!("{form:?}").contains("secret"));
    assert_eq!(form.len(), 2);
    let body = form.into_body(&mut Rng::from_seed(1));
    assert!(body.chunks.iter().any(|chunk| chunk.as_ptr() == content.as_ptr()));
}

proptest! {
    #[test]
    fn what_is_sent_is_what_was_given(
        texts in prop::collection::vec((any::<String>(), any::<Vec<u8>>()), 0..5),
        file_name in any::<String>(),
        // What looks like the end of a part.
        tail in prop::sample::select(vec!["", "\r\n--", "\r\n------seaworthy-", "\r\n", "--\r\n"]),
    ) {
        let mut form = Form::new();
        for (name, content) in &texts {
            let content = [content, tail.as_bytes()].concat();
            form = form.bytes(name, content.clone());
            form = form.file(name, &file_name, "a/b", content).unwrap();
        }
        let (boundary, body) = sent(form);
        let parts = parsed(&boundary, &body);
        prop_assert_eq!(parts.len(), 2 * texts.len());
        for (pair, (_, content)) in parts.chunks(2).zip(&texts) {
            for (head, sent) in pair {
                prop_assert_eq!(head.lines().count(), 2);
                prop_assert!(!head.replace("\r\n", "").contains(['\r', '\n']));
                prop_assert_eq!(sent, &[content, tail.as_bytes()].concat());
            }
            prop_assert_eq!(pair[0].0.matches('"').count(), 2);
            prop_assert_eq!(pair[1].0.matches('"').count(), 4);
        }
    }

    #[test]
    fn the_search_finds_what_windows_find(
        text in prop::collection::vec(0_u8..3, 0..60),
        needle in prop::collection::vec(0_u8..3, 1..6),
    ) {
        let expected = text.windows(needle.len()).any(|window| window == needle);
        prop_assert_eq!(contains(&text, &needle), expected);
        prop_assert!(contains(&[&text[..], &needle].concat(), &needle));
    }
}
