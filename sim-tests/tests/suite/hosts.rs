//! How hosts live and end, and how a run fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
    time::{Duration, SystemTime},
};

use futures::{AsyncReadExt, FutureExt};
use parking_lot::Mutex;
use seaworthy_core::rt::{Rt, yield_now};
use seaworthy_sim::{Cause, Config, Failure, HostResult};

use crate::stage::{PORT, finish, listen, ms, simulation};

fn failure<F>(config: Config, main: impl Fn(Rt) -> F + Send + Sync + 'static) -> Failure
where
    F: Future<Output = HostResult> + Send + 'static,
{
    let mut simulation = simulation(config);
    simulation.client("doomed", main);
    simulation.run().expect_err("the run fails")
}

#[test]
fn a_run_without_a_client_fails() {
    let mut simulation = simulation(Config::default());
    simulation.host("server", async |_| Ok(()));
    let failure = simulation.run().expect_err("nothing says when it is over");
    assert!(matches!(failure.cause, Cause::NoClient), "{failure}");
}

#[test]
fn an_error_of_a_host_fails_the_run_with_its_name_and_time() {
    let failure = failure(Config::seeded(0x1f3a), async |rt| {
        rt.sleep(ms(20)).await;
        Err("no water".into())
    });
    assert_eq!(
        failure.to_string(),
        "seed 0x1f3a, after 21ms of simulated time: host `doomed` failed: no water"
    );
}

#[test]
fn a_panic_of_a_host_fails_the_run() {
    let failure = failure(Config::default(), async |_| panic!("no water"));
    assert!(failure.to_string().ends_with("host `doomed` panicked: no water"), "{failure}");
}

#[test]
fn a_panic_that_nobody_takes_fails_the_run() {
    let failure = failure(Config::default(), async |rt| {
        rt.spawn("pump", async { panic!("no power") }).detach();
        rt.sleep(Duration::from_secs(1)).await;
        Ok(())
    });
    let expected = "task `pump` of host `doomed` panicked and nobody took it: no power";
    assert!(failure.to_string().ends_with(expected), "{failure}");
    assert!(failure.at < ms(10), "{failure}");
}

// Without the flag, tokio keeps such a panic to itself.
#[cfg(tokio_unstable)]
#[test]
fn a_panic_in_a_task_of_tokios_own_fails_the_run() {
    let failure = failure(Config::default(), async |rt| {
        tokio::spawn(async { panic!("unknown to the seam") });
        rt.sleep(Duration::from_secs(1)).await;
        Ok(())
    });
    assert!(matches!(failure.cause, Cause::Simulator(_)), "{failure}");
}

#[test]
fn a_destructor_that_panics_at_the_end_fails_the_run() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("late");
        }
    }
    for server in [false, true] {
        let mut simulation = simulation(Config::default());
        let main = async |rt: Rt| {
            let bomb = Bomb;
            let task = async move {
                let _bomb = bomb;
                std::future::pending::<()>().await;
            };
            rt.spawn("holds it", task).detach();
            rt.sleep(ms(1)).await;
            Ok(())
        };
        // A server is still there when the run is over.
        let endless = async |rt: Rt| {
            let bomb = Bomb;
            std::future::pending::<()>().await;
            drop((rt, bomb));
            Ok(())
        };
        if server {
            simulation.host("server", endless);
            simulation.client("client", async |rt| {
                rt.sleep(ms(5)).await;
                Ok(())
            });
        } else {
            simulation.client("client", main);
        }
        let failure = simulation.run().expect_err("the destructor panics");
        assert!(failure.to_string().ends_with("panicked and nobody took it: late"), "{failure}");
    }
}

#[test]
fn a_run_that_is_not_over_in_time_names_its_clients() {
    let mut simulation = simulation(Config { limit: ms(50), ..Config::default() });
    simulation.client("quick", async |_| Ok(()));
    simulation.client("stuck", async |_| std::future::pending().await);
    simulation.host("server", async |_| std::future::pending().await);
    let failure = simulation.run().expect_err("one client never ends");
    assert_eq!(failure.at, ms(50));
    let Cause::NotOver { clients, .. } = failure.cause else { panic!("{failure}") };
    assert_eq!(clients, ["stuck"]);
}

#[test]
fn a_task_that_yields_for_ever_is_found_out_by_name() {
    let config = Config { polls_per_tick_max: 1000, ..Config::default() };
    let failure = failure(config, async |rt| {
        let spinner = rt.spawn("spinner", async {
            loop {
                yield_now().await;
            }
        });
        Ok(spinner.await?)
    });
    let Cause::Livelock { host, task, .. } = &failure.cause else { panic!("{failure}") };
    assert_eq!((host.as_str(), *task), ("doomed", "spinner"));
}

#[test]
fn a_host_that_ends_closes_what_its_tasks_held() {
    let mut simulation = simulation(Config::default());
    simulation.client("server", async |rt| {
        let (mut connection, _) = listen(&rt).await?.accept().await?;
        assert_eq!(connection.read(&mut [0]).await?, 0);
        Ok(())
    });
    simulation.client("client", async |rt| {
        rt.sleep(ms(1)).await;
        let connection = rt.connect(("server", PORT)).await?;
        let task = async move {
            let _connection = connection;
            std::future::pending::<()>().await;
        };
        rt.spawn("holds it", task).detach();
        Ok(())
    });
    finish(simulation);
}

#[test]
fn a_host_lives_again_after_a_crash_with_other_numbers_and_the_same_clock() {
    let mut simulation = simulation(Config::default());
    let lives = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&lives);
    simulation.host("phoenix", move |rt| {
        let noted = Arc::clone(&noted);
        async move {
            noted.lock().push((rt.now(), rt.wall_clock(), rt.rng("life").next_u64()));
            std::future::pending().await
        }
    });
    simulation.client("witness", async |rt| {
        rt.sleep(ms(100)).await;
        Ok(())
    });
    let steps = AtomicUsize::new(0);
    while !simulation.step().expect("nothing fails") {
        match steps.fetch_add(1, Ordering::Relaxed) {
            20 => simulation.crash("phoenix"),
            40 => simulation.bounce("phoenix"),
            _ => {}
        }
    }
    let lives = lives.lock();
    let [first, second] = lives.as_slice() else { panic!("{lives:?}") };
    assert_eq!(second.0 - first.0, ms(41));
    assert_eq!(second.1.duration_since(first.1).expect("it goes on"), ms(41));
    assert_ne!(first.2, second.2);
}

#[test]
fn the_clocks_of_all_hosts_show_the_same_time() {
    let mut simulation = simulation(Config::default());
    let readings = Arc::new(Mutex::new(Vec::new()));
    for host in ["one", "two", "three"] {
        let noted = Arc::clone(&readings);
        simulation.client(host, move |rt| {
            let noted = Arc::clone(&noted);
            async move {
                rt.sleep(ms(33)).await;
                noted.lock().push((rt.now(), rt.wall_clock()));
                Ok(())
            }
        });
    }
    finish(simulation);
    let readings = readings.lock();
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + ms(33);
    assert_eq!(readings.len(), 3);
    assert!(readings.iter().all(|reading| *reading == (readings[0].0, date)), "{readings:?}");
}

#[test]
fn a_timer_that_has_fired_wakes_its_task_when_it_is_used_again() {
    #[derive(Default)]
    struct Wakes(AtomicUsize);
    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    seaworthy_sim::run(1, async |rt| {
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut timer = rt.sleep(ms(5));
        assert!(timer.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
        rt.sleep(ms(10)).await;
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        timer.reset(rt.now() + ms(5));
        rt.sleep(ms(10)).await;
        assert_eq!(wakes.0.load(Ordering::Relaxed), 2, "without another poll");
        timer.reset(rt.now());
        rt.sleep(ms(10)).await;
        assert_eq!(wakes.0.load(Ordering::Relaxed), 3, "also for a time that has come");
    });
}
