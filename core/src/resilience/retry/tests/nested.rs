//! Law 6: layers of retries do not multiply.

use super::{super::*, Count, SECOND, retry, steady};
use crate::{testing::run, time::Deadline};

async fn nested(outer: &Retry, middle: &Retry, inner: &Retry) -> (u32, Stop) {
    let calls = &Count::default();
    let failed = outer.run(|attempt| async move {
        let failed = middle.run_in(&attempt, |attempt| async move {
            let failed = inner.run_in(&attempt, |_| async move { Err::<(), _>(calls.add()) });
            failed.await.map_err(|error| error.stop)
        });
        failed.await.map_err(|error| error.last.expect("no deadline"))
    });
    let innermost = failed.await.unwrap_err().last.expect("no deadline");
    (calls.number(), innermost)
}

#[test]
fn three_layers_of_three_attempts_are_three_attempts() {
    run(1, |rt| async move {
        let one = retry(&rt, 3);
        assert_eq!(nested(&one, &one, &one).await, (3, Stop::Nested));
        let many = Retry::new(&rt, Config { nested: Nested::Multiply, ..steady(3) }).unwrap();
        assert_eq!(nested(&many, &many, &many).await, (27, Stop::Attempts));
        assert_eq!(nested(&many, &many, &one).await, (9, Stop::Nested));
    });
}

#[test]
fn the_outermost_that_retries_does() {
    run(1, |rt| async move {
        let (once, thrice) = (retry(&rt, 1), retry(&rt, 3));
        assert_eq!(nested(&once, &thrice, &thrice).await, (3, Stop::Nested));
        assert_eq!(nested(&once, &once, &thrice).await, (3, Stop::Attempts));
        assert_eq!(nested(&thrice, &once, &thrice).await, (3, Stop::Nested));
    });
}

#[test]
fn an_attempt_knows_what_it_is_part_of() {
    run(1, |rt| async move {
        let (outer, inner) = (retry(&rt, 3), retry(&rt, 2));
        let inner = &inner;
        let answer = outer.run(|attempt| async move {
            assert!(attempt.parent().is_none());
            let answer = inner.run_in(&attempt, |attempt| async move {
                let parent = attempt.parent().expect("it has one");
                let numbers =
                    (parent.number(), parent.attempts_max(), attempt.number(), attempt.attempts_max());
                if parent.number() < 2 { Err(()) } else { Ok(numbers) }
            });
            answer.await
        });
        assert_eq!(answer.await.unwrap(), (2, 3, 1, 1));
    });
}

#[test]
fn the_earlier_deadline_of_its_own_and_of_its_parent_holds() {
    run(1, |rt| async move {
        let request = Attempt::within(Deadline::after(&rt, "request", 5 * SECOND));
        for (own, expected) in [(2, 2), (9, 5)] {
            let (start, retry) = (rt.now(), retry(&rt, 3));
            let request =
                Attempt::within(request.deadline().expect("it has one").child("request", 5 * SECOND));
            let retry = retry.deadline(Deadline::after(&rt, "own", own * SECOND));
            let seen = retry.run_in(&request, |attempt| std::future::ready(Ok::<_, ()>(attempt.remaining())));
            assert_eq!(seen.await.unwrap(), Some(SECOND * expected));
            assert_eq!(rt.now(), start);
        }
        let error = retry(&rt, 100).run_in(&request, |_| async { Err::<(), _>(()) }).await.unwrap_err();
        assert_eq!((error.stop, error.ledger.attempts()), (Stop::Deadline, 5));
    });
}
