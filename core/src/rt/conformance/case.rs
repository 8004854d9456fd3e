use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use futures::FutureExt;
use parking_lot::Mutex;

use super::Feature;
use crate::rt::{BoxFuture, Panic, Rt};

/// What a launch runs: start the runtime, give it this, drive the returned future to its end, end the runtime, return.
pub type Body = Box<dyn FnOnce(Rt) -> BoxFuture<'static, ()> + Send>;

/// One law: its name, what the runtime must have for it, and the check.
#[derive(Clone, Copy)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) needs: &'static [Feature],
    pub(super) law: fn(Rt, After) -> BoxFuture<'static, ()>,
}

/// A [`Case`] from an `async fn(Rt)` of the same name.
macro_rules! case {
    ($law:ident $(, $needs:ident)*) => {
        $crate::rt::conformance::Case {
            name: stringify!($law),
            needs: &[$($crate::rt::conformance::Feature::$needs),*],
            law: |rt, _| Box::pin($law(rt)),
        }
    };
}

/// A [`Case`] from an `async fn(Rt, After)`, which looks again after the run.
macro_rules! case_with_after {
    ($law:ident $(, $needs:ident)*) => {
        $crate::rt::conformance::Case {
            name: stringify!($law),
            needs: &[$($crate::rt::conformance::Feature::$needs),*],
            law: |rt, after| Box::pin($law(rt, after)),
        }
    };
}

/// What a case checks once the run has returned.
#[derive(Clone, Default)]
pub(super) struct After(Arc<Mutex<Vec<Check>>>);

type Check = Box<dyn FnOnce() + Send>;

impl After {
    pub(super) fn check(&self, check: impl FnOnce() + Send + 'static) {
        self.0.lock().push(Box::new(check));
    }
}

impl Case {
    /// Runs the case in a launch of its own.
    pub(super) fn launch(&self, launch: &dyn Fn(Body), limit: Duration) -> Result<(), String> {
        let ended = Arc::new(Mutex::new(None));
        let after = After::default();
        let body = self.body(&ended, &after, limit);
        let returned = catch_unwind(AssertUnwindSafe(|| launch(body)));
        match (ended.lock().take(), returned) {
            (Some(Err(failure)), _) => return Err(failure),
            (_, Err(payload)) => return Err(format!("the run panicked: {}", self.message(payload))),
            (None, Ok(())) => return Err("the run returned before its body had ended".to_owned()),
            (Some(Ok(())), Ok(())) => {}
        }
        let checks = mem::take(&mut *after.0.lock());
        let checked = catch_unwind(AssertUnwindSafe(|| checks.into_iter().for_each(|check| check())));
        checked.map_err(|payload| format!("after the run: {}", self.message(payload)))
    }

    fn body(&self, ended: &Arc<Mutex<Option<Result<(), String>>>>, after: &After, limit: Duration) -> Body {
        let (case, ended, after) = (*self, Arc::clone(ended), after.clone());
        Box::new(move |rt| {
            Box::pin(async move {
                let law = AssertUnwindSafe((case.law)(rt.clone(), after)).catch_unwind();
                let verdict = match rt.timeout(limit, law).await {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(payload)) => Err(case.message(payload)),
                    Err(_) => Err(format!("hangs: not ended after {limit:?} of the runtime's time")),
                };
                *ended.lock() = Some(verdict);
            })
        })
    }

    fn message(&self, payload: Box<dyn std::any::Any + Send>) -> String {
        Panic::new(self.name, payload).message()
    }
}
