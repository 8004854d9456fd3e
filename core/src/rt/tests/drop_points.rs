//! Every async function of the seam, dropped at each of its polls.

use std::{future::pending, sync::Arc};

use futures::{AsyncReadExt, AsyncWriteExt};
use parking_lot::Mutex;

use super::*;
use crate::{
    rt::{BoxListener, CancelToken, Coop, Interval, Scope, Shield, Task, yield_now},
    testing::{DropPoints, for_each_drop_point},
    time::Deadline,
};

const SEEDS: std::ops::Range<u64> = 0..10;

/// For state that is moved into an operation by value.
type Shared<T> = Arc<Mutex<Option<T>>>;

fn shared<T>(value: T) -> Shared<T> {
    Arc::new(Mutex::new(Some(value)))
}

fn take<T>(shared: &Shared<T>) -> T {
    shared.lock().take().expect("taken once")
}

/// Gives the value back when it is dropped, so that it is there for the check wherever the operation was dropped.
struct Lent<T>(Shared<T>, Option<T>);

fn lend<T>(shared: &Shared<T>) -> Lent<T> {
    let value = take(shared);
    Lent(Arc::clone(shared), Some(value))
}

impl<T> Lent<T> {
    fn get(&mut self) -> &mut T {
        self.1.as_mut().expect("there until the drop")
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        *self.0.lock() = self.1.take();
    }
}

#[test]
fn a_dropped_tick_is_not_lost() {
    let points = for_each_drop_point(
        SEEDS,
        |rt| async move {
            let mut interval: Interval = rt.interval(secs(10));
            let first = interval.tick().await;
            (first, shared(interval))
        },
        |_rt, (first, interval)| async move {
            let mut interval = lend(&interval);
            assert_eq!(interval.get().tick().await - first, secs(10));
            // It has had its tick: back to where the check expects it.
            let again = first + secs(10);
            interval.get().reset(again);
        },
        |_rt, (first, interval)| async move {
            let tick = take(&interval).tick().await;
            assert_eq!(tick - first, secs(10));
        },
    );
    assert!(points >= 30, "{points}");
}

#[test]
fn a_dropped_join_or_cancel_of_a_scope_leaves_it_to_be_joined_again() {
    let setup = |rt: Rt| async move {
        let scope = Arc::new(Scope::new(&rt));
        for seconds in [1, 2] {
            let inner = rt.clone();
            scope.spawn("child", async move { inner.sleep(secs(seconds)).await });
        }
        scope
    };
    let check = |_rt: Rt, scope: Arc<Scope>| async move {
        scope.join().await.expect("no panic");
        assert!(scope.is_empty());
    };
    let joined = for_each_drop_point(SEEDS, setup, |_, scope| async move { scope.join().await }, check);
    let cancelled = for_each_drop_point(SEEDS, setup, |_, scope| async move { scope.cancel().await }, check);
    assert!(joined >= 30 && cancelled >= 20, "{joined} {cancelled}");
}

#[test]
fn a_dropped_accept_loses_no_connection() {
    let points = for_each_drop_point(
        SEEDS,
        |rt| async move {
            let listener: BoxListener = rt.listen(([127, 0, 0, 1], 7)).await.expect("free");
            let client = rt.spawn("client", {
                let rt = rt.clone();
                async move {
                    let mut connection = rt.connect(([127, 0, 0, 1], 7)).await.expect("accepted");
                    connection.write_all(b"ahoy").await.expect("open");
                    connection.close().await.expect("open");
                    // Kept until the server has read.
                    connection.read_to_end(&mut Vec::new()).await
                }
            });
            client.detach();
            (shared(listener), Arc::new(Mutex::new(None)))
        },
        |_rt, (listener, accepted)| async move {
            let mut listener = lend(&listener);
            let (connection, _) = listener.get().accept().await.expect("a connection");
            *accepted.lock() = Some(connection);
        },
        |_rt, (listener, accepted)| async move {
            let before = accepted.lock().take();
            let mut connection = match before {
                Some(connection) => connection,
                None => take(&listener).accept().await.expect("the connection").0,
            };
            let mut text = String::new();
            connection.read_to_string(&mut text).await.expect("open");
            assert_eq!(text, "ahoy");
        },
    );
    assert!(points >= 30, "{points}");
}

#[test]
fn a_dropped_connect_leaves_a_listener_that_works() {
    let points = for_each_drop_point(
        SEEDS,
        |rt| async move { shared(rt.listen(([127, 0, 0, 1], 7)).await.expect("free")) },
        |rt, _listener| async move { rt.connect(("localhost", 7)).await.map(drop) },
        |rt, listener| async move {
            let mut listener = take(&listener);
            let client = rt.spawn("client", {
                let rt = rt.clone();
                async move {
                    let mut connection = rt.connect(([127, 0, 0, 1], 7)).await?;
                    connection.write_all(b"!").await
                }
            });
            // What was dropped may be in the queue still, ended or reset.
            let served = async {
                loop {
                    let (mut connection, _) = listener.accept().await.expect("open");
                    let mut byte = [0];
                    if matches!(connection.read(&mut byte).await, Ok(1)) {
                        return byte[0];
                    }
                }
            };
            assert_eq!(rt.timeout(secs(60), served).await, Ok(b'!'));
            client.await.expect("no panic").expect("connected");
        },
    );
    assert!(points >= 30, "{points}");
}

#[test]
fn a_dropped_listen_leaves_the_port_free_and_a_dropped_lookup_nothing() {
    let listen = |rt: Rt, ()| async move { rt.listen(([127, 0, 0, 1], 7)).await.map(drop) };
    let lookup = |rt: Rt, ()| async move { rt.resolve("localhost", 7).await };
    let check = |rt: Rt, ()| async move {
        rt.listen(([127, 0, 0, 1], 7)).await.expect("free");
        assert!(!rt.resolve("localhost", 7).await.expect("known").is_empty());
    };
    let listened = for_each_drop_point(SEEDS, |_| async {}, listen, check);
    let looked_up = for_each_drop_point(SEEDS, |_| async {}, lookup, check);
    assert!(listened >= 10 && looked_up >= 10, "{listened} {looked_up}");
}

#[test]
fn dropping_a_wait_for_a_task_through_a_reference_loses_nothing() {
    let points = for_each_drop_point(
        SEEDS,
        |rt| async move {
            let inner = rt.clone();
            let task: Task<u8> = rt.spawn("task", async move {
                inner.sleep(secs(1)).await;
                7
            });
            (shared(task), Arc::new(Mutex::new(None)))
        },
        |_rt, (task, result)| async move {
            let mut task = lend(&task);
            let outcome = task.get().await;
            *result.lock() = Some(outcome);
        },
        |_rt, (task, result)| async move {
            let before = result.lock().take();
            let outcome = match before {
                Some(outcome) => outcome,
                None => take(&task).await,
            };
            assert_eq!(outcome.expect("it was not cancelled"), 7);
        },
    );
    assert!(points >= 30, "{points}");
}

#[test]
fn a_dropped_cancel_is_not_revoked_and_a_dropped_shield_runs_on() {
    let gone = |rt: Rt| async move {
        let (flag, inner) = (Arc::new(Mutex::new(false)), rt.clone());
        let ended = OnDrop({
            let flag = flag.clone();
            move || *flag.lock() = true
        });
        let task = rt.spawn("endless", async move {
            let _ended = ended;
            loop {
                inner.sleep(secs(1)).await;
            }
        });
        rt.sleep(secs(1)).await;
        (flag, shared(task))
    };
    let cancelled = for_each_drop_point(
        SEEDS,
        gone,
        |_rt, (_, task)| take::<Task<()>>(&task).cancel(),
        |rt, (flag, _)| async move {
            rt.sleep(secs(2)).await;
            assert!(*flag.lock(), "its destructor has run");
        },
    );
    let shielded = for_each_drop_point(
        SEEDS,
        |rt| async move {
            let (done, inner) = (Arc::new(Mutex::new(false)), rt.clone());
            let flag = done.clone();
            let shield: Shield<()> = rt.shield("audit", secs(60), async move {
                inner.sleep(secs(1)).await;
                *flag.lock() = true;
            });
            (done, shared(shield))
        },
        |_rt, (_, shield)| async move { take(&shield).await },
        |rt, (done, _)| async move {
            rt.sleep(secs(2)).await;
            assert!(*done.lock(), "it had its grace");
        },
    );
    assert!(cancelled >= 20 && shielded >= 20, "{cancelled} {shielded}");
}

#[test]
fn dropping_a_wait_for_a_token_changes_nothing() {
    let setup = |rt: Rt| async move {
        let (token, inner) = (CancelToken::new(), rt.clone());
        let later = token.clone();
        rt.spawn("later", async move {
            inner.sleep(secs(1)).await;
            later.cancel();
        })
        .detach();
        token
    };
    let check = |rt: Rt, token: CancelToken| async move {
        assert_eq!(rt.timeout(secs(2), token.cancelled()).await, Ok(()));
    };
    let waited = for_each_drop_point(SEEDS, setup, |_, token| async move { token.cancelled().await }, check);
    let run = |_, token: CancelToken| async move { token.run_until_cancelled(pending::<()>()).await };
    let ran = for_each_drop_point(SEEDS, setup, run, check);
    assert!(waited >= 30 && ran >= 30, "{waited} {ran}");
}

#[test]
fn a_time_limit_or_a_turn_that_is_dropped_leaves_nothing_behind() {
    let held = |_rt: Rt| async { Arc::new(()) };
    let check = |_rt: Rt, held: Arc<()>| async move { assert_eq!(Arc::strong_count(&held), 1, "it is gone") };
    let timeout = |rt: Rt, held: Arc<()>| async move {
        let work = async move {
            let _held = held;
            pending::<()>().await;
        };
        rt.timeout(secs(1), work).await
    };
    let deadline = |rt: Rt, held: Arc<()>| async move {
        let deadline = Deadline::after(&rt, "test", secs(1));
        let work = async {
            let _held = held;
            let _phase = deadline.phase("waiting");
            pending::<()>().await;
        };
        deadline.run(work).await
    };
    let turns = |_rt: Rt, held: Arc<()>| async move {
        let _held = held;
        let mut coop = Coop::default();
        for _ in 0..300 {
            coop.turn().await;
        }
        yield_now().await;
    };
    let points = [
        DropPoints::new(SEEDS).run(held, timeout, check),
        DropPoints::new(SEEDS).run(held, deadline, check),
        DropPoints::new(SEEDS).run(held, turns, check),
    ];
    assert!(points.iter().all(|points| *points >= 30), "{points:?}");
}
