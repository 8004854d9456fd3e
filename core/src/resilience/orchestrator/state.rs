use super::{Mode, graph::Graph};

/// Which tasks start, and which never will: pure.
#[derive(Debug)]
pub(super) struct Machine {
    graph: Graph,
    mode: Mode,
    tasks: Vec<Task>,
    succeeded: usize,
    /// Those that will not succeed.
    lost: usize,
    stopped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    /// For so many others.
    Waits(usize),
    Started,
    Ended,
}

/// What follows from the end of a task.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Steps {
    /// Tasks to start, in the order of the plan.
    pub(super) start: Vec<usize>,
    /// Tasks that have ended without a start, because the task that ended failed.
    pub(super) skip: Vec<usize>,
    /// Tasks that have ended without a start, because the run is over; those started are to be cancelled.
    pub(super) stop: Option<Vec<usize>>,
}

impl Machine {
    /// With what to start first.
    pub(super) fn new(graph: Graph, mode: Mode) -> (Self, Vec<usize>) {
        let tasks = graph.predecessors.iter().map(|count| Task::Waits(*count)).collect();
        let mut machine = Self { graph, mode, tasks, succeeded: 0, lost: 0, stopped: false };
        let first: Vec<_> =
            (0..machine.tasks.len()).filter(|number| machine.tasks[*number] == Task::Waits(0)).collect();
        first.iter().for_each(|number| machine.tasks[*number] = Task::Started);
        (machine, first)
    }

    /// A task that was started has ended.
    pub(super) fn ended(&mut self, number: usize, succeeded: bool) -> Steps {
        self.tasks[number] = Task::Ended;
        let mut steps = Steps::default();
        if succeeded {
            self.succeeded += 1;
        } else {
            self.lost += 1;
        }
        if self.stopped {
            return steps;
        }
        if succeeded {
            for follower in std::mem::take(&mut self.graph.followers[number]) {
                match &mut self.tasks[follower] {
                    Task::Waits(1) => {
                        self.tasks[follower] = Task::Started;
                        steps.start.push(follower);
                    }
                    Task::Waits(others) => *others -= 1,
                    // It was skipped because of another.
                    Task::Started | Task::Ended => {}
                }
            }
        } else {
            steps.skip = self.skip_followers(number);
        }
        if self.is_over(succeeded) {
            self.stopped = true;
            steps.start.drain(..).for_each(|number| self.tasks[number] = Task::Waits(0));
            let never = |number: &usize| matches!(self.tasks[*number], Task::Waits(_));
            let never: Vec<_> = (0..self.tasks.len()).filter(never).collect();
            never.iter().for_each(|number| self.tasks[*number] = Task::Ended);
            self.lost += never.len();
            steps.stop = Some(never);
        }
        steps
    }

    /// How many have succeeded, and whether that is what was asked for.
    pub(super) fn is_met(&self) -> bool {
        match self.mode {
            Mode::CollectAll | Mode::FailFast => self.succeeded == self.tasks.len(),
            Mode::Quorum(quorum) => self.succeeded >= quorum,
        }
    }

    fn is_over(&self, succeeded: bool) -> bool {
        match self.mode {
            Mode::CollectAll => false,
            Mode::FailFast => !succeeded,
            Mode::Quorum(quorum) => self.succeeded >= quorum || self.tasks.len() - self.lost < quorum,
        }
    }

    /// Ends all that come after a task, directly or not.
    fn skip_followers(&mut self, number: usize) -> Vec<usize> {
        let mut skipped = Vec::new();
        let mut next = vec![number];
        while let Some(number) = next.pop() {
            for follower in std::mem::take(&mut self.graph.followers[number]) {
                if self.tasks[follower] != Task::Ended {
                    self.tasks[follower] = Task::Ended;
                    skipped.push(follower);
                    next.push(follower);
                }
            }
        }
        self.lost += skipped.len();
        skipped.sort_unstable();
        skipped
    }
}
