//! Threads that the runtime does not know, and tasks that leave no time to others.

use std::time::Duration;

use futures::{AsyncReadExt, AsyncWriteExt, channel::oneshot, executor::block_on};

use super::{
    Case,
    pair::{address, ask, listen, pair},
};
use crate::rt::{Rt, Task, yield_now};

pub(super) const CASES: &[Case] = &[
    case!(a_foreign_thread_can_spawn, ForeignThreads),
    case!(a_foreign_thread_can_wake_a_task, ForeignThreads),
    case!(a_timer_ends_on_a_foreign_thread, ForeignThreads),
    case!(a_connection_works_on_a_foreign_thread, ForeignThreads),
    case!(busy_tasks_starve_no_timer, RealTime),
    case!(busy_tasks_starve_no_connection, RealTime),
];

/// Runs `work` on a thread of its own; fails if it panics.
async fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, is_done) = oneshot::channel();
    #[expect(
        clippy::disallowed_methods,
        reason = "a thread that the runtime does not know is what these cases need"
    )]
    let thread = std::thread::spawn(move || drop(done.send(work())));
    let value = is_done.await.expect("the foreign thread ends well");
    thread.join().expect("the foreign thread ends well");
    value
}

async fn a_foreign_thread_can_spawn(rt: Rt) {
    let spawner = rt.clone();
    let task = elsewhere(move || {
        spawner.spawn("from elsewhere", async {
            yield_now().await;
            5
        })
    });
    assert_eq!(task.await.await.expect("it ends well"), 5);
    let spawner = rt.clone();
    let job = elsewhere(move || spawner.spawn_blocking("from elsewhere", || 6));
    assert_eq!(job.await.await.expect("it ends well"), 6);
    let joiner = rt.spawn("joined elsewhere", async { 7 });
    assert_eq!(elsewhere(move || block_on(joiner)).await.expect("it ends well"), 7);
}

async fn a_foreign_thread_can_wake_a_task(rt: Rt) {
    for _ in 0..50 {
        let (send, receive) = oneshot::channel();
        let task = rt.spawn("waits", receive);
        elsewhere(move || send.send(5)).await.expect("the task waits");
        assert_eq!(task.await.expect("no panic"), Ok(5));
    }
}

async fn a_timer_ends_on_a_foreign_thread(rt: Rt) {
    let inner = rt.clone();
    let (at, ended) = elsewhere(move || {
        let at = inner.now() + Duration::from_millis(2);
        block_on(inner.sleep_until(at));
        let mut timer = inner.sleep(Duration::from_secs(3600));
        timer.reset(inner.now() + Duration::from_millis(1));
        block_on(timer);
        assert!(block_on(inner.timeout(Duration::from_millis(1), std::future::pending::<()>())).is_err());
        (at, inner.now())
    })
    .await;
    assert!(ended >= at + Duration::from_millis(2), "three waits of 4 ms in all");
}

async fn a_connection_works_on_a_foreign_thread(rt: Rt) {
    let mut listener = listen(&rt).await;
    let to = address(&listener);
    let server = rt.spawn("echo", async move {
        let (reader, mut writer) = listener.accept().await?.0.split();
        futures::io::copy(reader, &mut writer).await
    });
    let inner = rt.clone();
    elsewhere(move || {
        block_on(async {
            let mut client = inner.connect(to).await.expect("it connects");
            client.write_all(b"ahoy").await.expect("writing works");
            client.close().await.expect("closing works");
            let mut echo = String::new();
            client.read_to_string(&mut echo).await.expect("the echo comes");
            assert_eq!(echo, "ahoy");
            let mut listener = listen(&inner).await;
            assert!(inner.timeout(Duration::from_millis(1), listener.accept()).await.is_err());
        });
    })
    .await;
    assert_eq!(server.await.expect("no panic").expect("it echoes"), 4);
}

/// More tasks than there are threads, none of which ever waits.
fn keep_busy(rt: &Rt) -> Vec<Task<()>> {
    let busy = || async {
        loop {
            yield_now().await;
        }
    };
    (0..64).map(|_| rt.spawn("busy", busy())).collect()
}

async fn busy_tasks_starve_no_timer(rt: Rt) {
    let busy = keep_busy(&rt);
    let sleeper = rt.clone();
    let task = rt.spawn("sleeper", async move {
        for _ in 0..3 {
            sleeper.sleep(Duration::from_millis(1)).await;
        }
    });
    task.await.expect("its timers end");
    drop(busy);
}

async fn busy_tasks_starve_no_connection(rt: Rt) {
    let busy = keep_busy(&rt);
    let inner = rt.clone();
    let task = rt.spawn("talks", async move {
        let (mut client, server) = pair(&inner).await;
        ask(&inner, &mut client, server).await;
    });
    task.await.expect("its connection gets its turn");
    drop(busy);
}
