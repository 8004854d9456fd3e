//! Where two runs of one seed part ways.

use super::driver::has_digest;
use crate::{event::Event, outcome::Outcome};

/// Where first, in words; `None` if they are the same run.
pub(crate) fn between(first: &Outcome, second: &Outcome) -> Option<String> {
    // Who died has no digest that could be compared.
    if !has_digest(first) || !has_digest(second) {
        let said =
            |outcome: &Outcome| outcome.verdict.to_string().lines().next().unwrap_or_default().to_owned();
        let (one, other) = (first.verdict.signature(), second.verdict.signature());
        return (one != other).then(|| format!("one: {}; and then: {}", said(first), said(second)));
    }
    let checkpoints = first.checkpoints.iter().zip(&second.checkpoints);
    let same_seconds = checkpoints.take_while(|(first, second)| first == second).count();
    let same_length = first.checkpoints.len() == second.checkpoints.len();
    if first.digest != second.digest || !same_length || same_seconds < first.checkpoints.len() {
        let (first, second) = (first.digest, second.digest);
        return Some(format!("first in second {same_seconds}; digests {first} and {second}"));
    }
    let (one, other) = (first.verdict.signature(), second.verdict.signature());
    if one != other {
        return Some(format!("the digests are equal, yet one ended with `{one}` and one with `{other}`"));
    }
    let point = first.points.iter().find(|(point, times)| second.points.get(*point) != Some(times));
    point.map(|(point, _)| format!("the digests are equal, yet the point `{point}` was not reached as often"))
}

/// How many events from the start on are the same.
pub(crate) fn common(first: &[Event], second: &[Event]) -> usize {
    first.iter().zip(second).take_while(|(first, second)| first == second).count()
}

/// The first event that differs, in words, with the one before it.
pub(crate) fn event(first: &[Event], second: &[Event]) -> Option<String> {
    let same = common(first, second);
    if same == first.len() && same == second.len() {
        return None;
    }
    let show = |event: Option<&Event>| event.map_or_else(|| "(it is over)".to_owned(), Event::to_string);
    let before = same.checked_sub(1).and_then(|index| first.get(index));
    let before = before.map_or_else(String::new, |event| format!("\n    both:  {event}"));
    let (one, other) = (show(first.get(same)), show(second.get(same)));
    Some(format!("event {same} differs:{before}\n    one:   {one}\n    other: {other}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{digest::Fingerprint, engine::Engine, event::What, fault::Schedule, outcome::Verdict};

    fn outcome(checkpoints: &[u64], digest: u64) -> Outcome {
        Outcome {
            scenario: String::new(),
            engine: Engine::Testing,
            seed: 0,
            canary: None,
            verdict: Verdict::Passed,
            simulated_ms: 0,
            wall_us: 0,
            digest: Fingerprint(digest),
            checkpoints: checkpoints.iter().copied().map(Fingerprint).collect(),
            events: 0,
            options: Default::default(),
            schedule: Schedule::default(),
            effects: Default::default(),
            points: Default::default(),
        }
    }

    #[test]
    fn the_first_second_that_differs_is_named() {
        let one = outcome(&[1, 2, 3], 4);
        assert_eq!(between(&one, &one), None);
        let says = |other: &Outcome| between(&one, other).unwrap();
        assert!(says(&outcome(&[1, 9, 3], 4)).contains("second 1"));
        assert!(says(&outcome(&[1, 2, 3], 5)).contains("second 3"));
        assert!(says(&outcome(&[1, 2], 4)).contains("second 2"));
        let stuck = Outcome { verdict: Verdict::Stuck { text: String::new() }, ..one.clone() };
        assert!(says(&stuck).contains("`stuck`"));
        let points = [("here".to_owned(), 1)].into();
        assert!(between(&Outcome { points, ..one.clone() }, &one).unwrap().contains("`here`"));
        let dead = Outcome { verdict: Verdict::TimedOut { seconds: 7 }, ..outcome(&[], 0) };
        assert!(says(&dead).contains("after 7 s") && !says(&dead).contains("digest"));
        assert_eq!(between(&dead, &dead), None);
    }

    #[test]
    fn the_first_event_that_differs_is_shown_with_the_one_before() {
        let event = |text: &str| Event { at_ns: 0, host: "a".into(), what: What::Note { text: text.into() } };
        let one = [event("same"), event("left")];
        assert_eq!(super::event(&one, &one), None);
        let text = super::event(&one, &[event("same"), event("right")]).unwrap();
        assert!(text.contains("event 1") && text.contains("left") && text.contains("right"), "{text}");
        assert!(super::event(&one, &one[..1]).unwrap().contains("(it is over)"));
    }
}
