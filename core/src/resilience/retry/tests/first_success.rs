//! Law 7: what a first success costs.

use super::{SECOND, retry};
use crate::{
    resilience::{Budget, budget},
    rt::{counting, yield_now},
    testing::run,
    time::Deadline,
};

#[test]
fn a_first_success_reads_no_clock() {
    run(1, |inner| async move {
        let (rt, asked) = counting(inner);
        let retry = retry(&rt, 3);
        let answer = retry.run(|_| async {
            yield_now().await;
            Ok::<_, ()>(7)
        });
        assert_eq!((answer.await.unwrap(), asked.clock_reads(), asked.timers()), (7, 0, 0));

        let budget = Budget::new(&rt, budget::Config::default()).unwrap();
        let before = asked.clock_reads();
        retry.clone().budget(budget).run(|_| async { Ok::<_, ()>(7) }).await.unwrap();
        assert_eq!(asked.clock_reads(), before, "a budget looks at the clock only for retries");

        let within = retry.deadline(Deadline::after(&rt, "request", SECOND));
        within.run(|_| async { Ok::<_, ()>(7) }).await.unwrap();
        assert_eq!(asked.timers(), 0, "a deadline needs a timer only if there is something to wait for");
    });
}
