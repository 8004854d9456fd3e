use http::{HeaderMap, HeaderValue, header::CONTENT_ENCODING};

use super::{
    super::{accept_encoding, codings},
    *,
};

fn of(lines: &[&'static str]) -> HeaderMap {
    lines.iter().map(|line| (CONTENT_ENCODING, HeaderValue::from_static(line))).collect()
}

fn chain(lines: &[&'static str]) -> Option<Vec<Coding>> {
    codings(&of(lines)).unwrap()
}

#[test]
fn the_chain_is_in_the_order_of_application() {
    use Coding::{Brotli, Deflate, Gzip, Zstd};
    assert_eq!(chain(&[]), Some(vec![]));
    assert_eq!(chain(&["gzip"]), Some(vec![Gzip]));
    assert_eq!(chain(&["deflate, GZIP"]), Some(vec![Deflate, Gzip]));
    assert_eq!(chain(&["br", "zstd ,\tx-gzip"]), Some(vec![Brotli, Zstd, Gzip]));
    assert_eq!(chain(&[", identity, ,gzip,"]), Some(vec![Gzip]));
    assert_eq!(chain(&["Identity"]), Some(vec![]));
}

#[test]
fn one_unknown_coding_leaves_the_body_as_it_is() {
    assert_eq!(chain(&["gzip, compress"]), None);
    assert_eq!(chain(&["gzip gzip"]), None);
    assert_eq!(chain(&["gzip;q=1"]), None);
    assert_eq!(chain(&["gzip,gzip,gzip,gzip,gzip", "dcb"]), None);
    let bytes = HeaderValue::from_bytes(b"gz\xffip").unwrap();
    assert_eq!(codings(&HeaderMap::from_iter([(CONTENT_ENCODING, bytes)])).unwrap(), None);
}

#[test]
fn a_chain_has_a_bound() {
    assert_eq!(chain(&["gzip,gzip,gzip,gzip, identity"]).unwrap().len(), 4);
    let error = codings(&of(&["gzip,gzip,gzip,gzip,br"])).unwrap_err();
    assert!(matches!(error, DecodeError::TooManyCodings { codings: 5 }));
    assert!(error.to_string().contains("5 codings, and at most 4"), "{error}");
}

#[test]
fn what_is_accepted_can_be_undone() {
    let accepted = HeaderMap::from_iter([(CONTENT_ENCODING, accept_encoding())]);
    let mut known = codings(&accepted).unwrap().unwrap();
    known.sort_by_key(|coding| ALL.iter().position(|other| other == coding));
    assert_eq!(known, ALL);
}
