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
        ];
        for kind in kinds {
            let run = play(*engine, fault(kind, 3), |stage| {
                stage.client("server", move |host| async move {
                    for (at, size) in [(500, None), (1500, Some(3)), (2500, Some(3)), (3500, None)] {
                        until(&host, ms(at)).await;
                        assert_eq!(host.strikes(kind), size);
                    }
                    assert_eq!(host.strikes(FaultKind::Resize), None);
                    Ok(())
                });
            });
            assert_eq!(effects(&run, kind), 2);
        }
    }
}

#[test]
fn what_happens_once_waits_until_the_scenario_carries_it_out_once() {
    for engine in Engine::ALL {
        for asks_at in [ms(2000), ms(7000)] {
            let run = play(*engine, fault(FaultKind::Resize, 5), |stage| {
                stage.client("server", move |host| async move {
                    until(&host, asks_at).await;
                    // Not when all faults are over.
                    let expected = (!host.is_healed()).then_some(5);
                    assert_eq!(
                        [host.strikes(FaultKind::Resize), host.strikes(FaultKind::Resize)],
                        [expected, None]
                    );
                    Ok(())
                });
            });
            assert_eq!(effects(&run, FaultKind::Resize), u64::from(asks_at == ms(2000)));
        }
    }
}

#[test]
fn a_caller_gives_up_after_so_many_polls() {
    for engine in Engine::ALL {
        let run = play(*engine, fault(FaultKind::Cancel, 3), |stage| {
            stage.client("server", async |host| {
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
                assert_eq!(polls(9).await, (false, 3));
                assert_eq!(polls(2).await, (true, 2));
                Ok(())
            });
        });
        assert_eq!(effects(&run, FaultKind::Cancel), 1);
    }
}
