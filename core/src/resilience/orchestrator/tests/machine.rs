//! The graph and the machine against a model that looks at everything each time.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::{
    Mode, Node, PlanError,
    graph::Graph,
    state::{Machine, Steps},
};

/// For each task, after which it comes.
type After = Vec<Vec<usize>>;

fn nodes(after: &After) -> Vec<Node> {
    let node = |(number, after): (usize, &Vec<usize>)| {
        Node::new(number.to_string()).after(after.iter().map(ToString::to_string))
    };
    after.iter().enumerate().map(node).collect()
}

/// Tasks that come after earlier ones only, shuffled.
fn any_plan() -> impl Strategy<Value = After> {
    let sized = (1_usize..9).prop_flat_map(|size| {
        let edges = prop::collection::vec(any::<prop::sample::Index>(), 0..size * 2);
        (Just(size), edges, Just((0..size).collect::<Vec<_>>()).prop_shuffle())
    });
    sized.prop_map(|(size, edges, names)| {
        let mut after = vec![Vec::new(); size];
        for pair in edges.chunks_exact(2) {
            let (a, b) = (pair[0].index(size), pair[1].index(size));
            if a != b {
                after[names[a.max(b)]].push(names[a.min(b)]);
            }
        }
        after
    })
}

fn any_edges() -> impl Strategy<Value = After> {
    (1_usize..7).prop_flat_map(|size| prop::collection::vec(prop::collection::vec(0..size, 0..3), size))
}

/// Whether all tasks can be put in a row, by taking away what comes after nothing that is left.
fn can_be_ordered(after: &After) -> bool {
    let mut left: BTreeSet<usize> = (0..after.len()).collect();
    loop {
        let free = left.iter().copied().find(|task| after[*task].iter().all(|before| !left.contains(before)));
        match free {
            Some(task) => left.remove(&task),
            None => return left.is_empty(),
        };
    }
}

proptest! {
    #[test]
    fn a_plan_is_refused_if_and_only_if_it_has_a_cycle_and_the_cycle_is_one(after in any_edges()) {
        match Graph::new(nodes(&after).iter()) {
            Ok(_) => prop_assert!(can_be_ordered(&after)),
            Err(PlanError::Cycle { tasks }) => {
                prop_assert!(!can_be_ordered(&after));
                let cycle: Vec<usize> = tasks.iter().map(|name| name.parse().expect("a number")).collect();
                prop_assert!(cycle.len() > 1 && cycle.first() == cycle.last());
                prop_assert!(cycle.windows(2).all(|pair| after[pair[0]].contains(&pair[1])), "{cycle:?}");
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn tasks_start_once_after_all_they_come_after(
        after in any_plan(),
        mode in prop_oneof![Just(Mode::CollectAll), Just(Mode::FailFast), (1_usize..5).prop_map(Mode::Quorum)],
        ends in prop::collection::vec((any::<prop::sample::Index>(), prop::bool::weighted(0.7)), 9),
    ) {
        let size = after.len();
        let (mut machine, first) = Machine::new(Graph::new(nodes(&after).iter()).expect("no cycle"), mode);
        let mut running: Vec<usize> = first.clone();
        let mut started: BTreeSet<usize> = first.into_iter().collect();
        let (mut succeeded, mut failed, mut never) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut stopped = false;
        for (which, succeeds) in ends {
            if running.is_empty() {
                break;
            }
            let task = running.remove(which.index(running.len()));
            // What is cancelled may still succeed: completion wins.
            let Steps { start, skip, stop } = machine.ended(task, succeeds);
            if succeeds { succeeded.insert(task) } else { failed.insert(task) };
            for task in start {
                prop_assert!(!stopped && started.insert(task) && !never.contains(&task), "law 1");
                running.push(task);
            }
            for task in skip {
                prop_assert!(!stopped && !started.contains(&task) && never.insert(task), "law 2");
            }
            if let Some(stop) = stop {
                prop_assert!(!stopped);
                stopped = true;
                for task in stop {
                    prop_assert!(!started.contains(&task) && never.insert(task));
                }
            }
            // Law 1, and that nobody waits who need not.
            for (task, after) in after.iter().enumerate() {
                let is_ready = after.iter().all(|before| succeeded.contains(before));
                let is_lost =
                    after.iter().any(|before| failed.contains(before) || never.contains(before));
                let is_started = started.contains(&task);
                prop_assert!(!is_started || is_ready);
                prop_assert!(is_started || never.contains(&task) || !is_ready);
                prop_assert!(!is_lost || never.contains(&task));
            }
            let should_stop = match mode {
                Mode::CollectAll => false,
                Mode::FailFast => !failed.is_empty(),
                Mode::Quorum(quorum) => succeeded.len() >= quorum || size - failed.len() - never.len() < quorum,
            };
            prop_assert!(stopped || !should_stop, "law 5");
        }
        if running.is_empty() {
            prop_assert_eq!(succeeded.len() + failed.len() + never.len(), size, "law 6: each has ended");
        }
        let is_met = match mode {
            Mode::Quorum(quorum) => succeeded.len() >= quorum,
            _ => succeeded.len() == size,
        };
        prop_assert_eq!(machine.is_met(), is_met);
    }
}

#[test]
fn a_chain_may_be_longer_than_the_stack() {
    let size = 200_000;
    let mut after: After = (1..=size).map(|next| vec![next]).collect();
    after.push(Vec::new());
    let graph = Graph::new(nodes(&after).iter()).expect("no cycle");
    let (mut machine, first) = Machine::new(graph, Mode::CollectAll);
    assert_eq!(first, [size]);
    assert_eq!(machine.ended(size, false).skip.len(), size);
    after[size].push(0);
    let Err(PlanError::Cycle { tasks }) = Graph::new(nodes(&after).iter()) else { panic!("a cycle") };
    assert_eq!(tasks.len(), size + 2);
}
