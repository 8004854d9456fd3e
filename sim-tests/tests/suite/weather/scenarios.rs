//! The faults that a scenario carries out itself.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    task::Poll,
};

use seaworthy_sim::{engine::Engine, fault::FaultKind};

use super::play::{effects, fault, ms, play, until};

#[test]
fn a_scenario_is_told_of_its_faults_while_they_last() {
    for engine in Engine::ALL {
        let kinds = [
            FaultKind::Cancel,
            FaultKind::Panic,
            FaultKind::ErrorReply,
            FaultKind::SlowReply,
            FaultKind::NoReply,
            FaultKind::Resize,
        ];
        for kind in kinds {
            let run = play(*engine, fault(kind, 3), |stage| {
                stage.client("server", move |host| async move {
                    for (at, size) in [(500, None), (1500, Some(3)), (2500, Some(3)), (3500, None)] {
                        until(&host, ms(at)).await;
                        assert_eq!(host.strikes(kind), size);
                    }
                    assert_eq!(host.strikes(FaultKind::Pause), None);
                    Ok(())
                });
            });
            assert_eq!(effects(&run, kind), 2);
        }
    }
}

#[test]
fn a_caller_gives_up_after_a_poll_or_before_the_next() {
    // The point, and how often a future was polled that is ready at its ninth and at its second poll.
    for (point, (ninth, second)) in
        [(1, (1, 1)), (2, (1, 1)), (3, (2, 2)), (4, (2, 2)), (5, (3, 2)), (6, (3, 2))]
    {
        for engine in Engine::ALL {
            let run = play(*engine, fault(FaultKind::Cancel, point), |stage| {
                stage.client("server", move |host| async move {
                    let polls = async |most: u32| {
                        let count = AtomicU32::new(0);
                        let given = host.cancellable(futures::future::poll_fn(|cx| {
                            let polls = count.fetch_add(1, Ordering::Relaxed) + 1;
                            cx.waker().wake_by_ref();
                            if polls >= most { Poll::Ready(()) } else { Poll::Pending }
                        }));
                        (given.await.is_some(), count.load(Ordering::Relaxed))
                    };
                    assert_eq!(polls(9).await, (true, 9));
                    until(&host, ms(1500)).await;
                    assert_eq!(polls(9).await, (false, ninth));
                    assert_eq!(polls(2).await, (point > 2, second));
                    Ok(())
                });
            });
            assert_eq!(effects(&run, FaultKind::Cancel), if point > 2 { 1 } else { 2 });
        }
    }
}
