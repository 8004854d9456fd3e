use std::{fmt, future::Future};

use crate::{
    resilience::{
        Attempt, Budget, CircuitBreaker, Policy, PolicyError,
        policy::Fallback,
        retry::{Classify, Ledger},
    },
    rt::{BoxFuture, TaskName},
};

/// A task of a plan: its name, what it comes after, what it calls, how urgent it is.
///
/// # Examples
///
/// ```
/// use seaworthy_core::resilience::orchestrator::Node;
///
/// let node = Node::new("import users").after(["create schema"]).calls("database").priority(5);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub(super) name: TaskName,
    pub(super) after: Vec<TaskName>,
    pub(super) calls: Option<TaskName>,
    pub(super) priority: i32,
}

impl Node {
    /// A task with that name, which comes after none, of priority 0.
    pub fn new(name: impl Into<TaskName>) -> Self {
        Self { name: name.into(), after: Vec::new(), calls: None, priority: 0 }
    }

    /// It starts when these have succeeded. They may be added to the plan later.
    #[must_use]
    pub fn after<N: Into<TaskName>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.after.extend(names.into_iter().map(Into::into));
        self
    }

    /// What it calls: a host, a service. All tasks that call the same share its breaker and its retry budget, which take the
    /// place of the policy's own.
    #[must_use]
    pub fn calls(mut self, dependency: impl Into<TaskName>) -> Self {
        self.calls = Some(dependency.into());
        self
    }

    /// Of those that could start, the highest does. Default: 0.
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }
}

impl<N: Into<TaskName>> From<N> for Node {
    fn from(name: N) -> Self {
        Self::new(name)
    }
}

/// Tasks to run, in the order in which they will be reported.
///
/// # Examples
///
/// ```
/// # seaworthy_core::testing::run(1, |rt| async move {
/// use seaworthy_core::resilience::{Policy, orchestrator::{Node, Plan}};
///
/// let once = Policy::new(&rt, "once");
/// let mut plan = Plan::<u32, String>::new();
/// plan.add("left", &once, |_| async { Ok(1) });
/// plan.add("right", &once, |_| async { Ok(2) });
/// plan.add(Node::new("both").after(["left", "right"]), &once, |_| async { Ok(3) });
/// # });
/// ```
pub struct Plan<T, E> {
    pub(super) tasks: Vec<Planned<T, E>>,
}

pub(super) struct Planned<T, E> {
    pub(super) node: Node,
    pub(super) start: Start<T, E>,
}

/// What tasks that call the same dependency share.
pub(super) type Dependency = (CircuitBreaker, Budget);

/// Makes the future of a task, given what it shares and the attempt it is part of.
pub(super) type Start<T, E> =
    Box<dyn FnOnce(Option<Dependency>, Option<Attempt>) -> BoxFuture<'static, Ran<T, E>> + Send>;

/// What a policy made of a task.
pub(super) type Ran<T, E> = Result<(T, Ledger), PolicyError<E>>;

impl<T, E> Plan<T, E> {
    /// A plan without tasks.
    pub fn new() -> Self {
        Self { tasks: Vec::new() }
    }

    /// Adds a task: `operation`, called through `policy`, once for each attempt.
    pub fn add<C, F, Op, Fut>(
        &mut self,
        node: impl Into<Node>,
        policy: &Policy<C, F>,
        operation: Op,
    ) -> &mut Self
    where
        T: Send + 'static,
        E: Send + 'static,
        C: Classify<T, E> + Clone + Send + Sync + 'static,
        F: Fallback<T, E, Answer: Send> + Clone + Send + Sync + 'static,
        Op: FnMut(Attempt) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        let node = node.into();
        let mut policy = policy.clone();
        policy.layers.name = node.name.clone();
        let start: Start<T, E> = Box::new(move |dependency, parent| {
            if let Some((breaker, budget)) = dependency {
                (policy.layers.breaker, policy.layers.retry.budget) = (Some(breaker), Some(budget));
            }
            Box::pin(async move { policy.drive(parent.as_ref(), None, operation).await })
        });
        self.tasks.push(Planned { node, start });
        self
    }

    /// How many tasks it has.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

impl<T, E> Default for Plan<T, E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, E> fmt::Debug for Plan<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.tasks.iter().map(|task| &task.node)).finish()
    }
}
