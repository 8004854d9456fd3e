use std::collections::BTreeMap;

use super::{Node, PlanError};
use crate::rt::TaskName;

/// Which task comes after which, by their numbers in the plan: checked, so it has no cycle.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Graph {
    /// Who comes after each.
    pub(super) followers: Vec<Vec<usize>>,
    /// After how many each comes.
    pub(super) predecessors: Vec<usize>,
}

impl Graph {
    pub(super) fn new<'a>(nodes: impl Iterator<Item = &'a Node> + Clone) -> Result<Self, PlanError> {
        let mut numbers = BTreeMap::new();
        for (number, node) in nodes.clone().enumerate() {
            if numbers.insert(&node.name, number).is_some() {
                return Err(PlanError::Duplicate { name: node.name.clone() });
            }
        }
        let mut after = Vec::with_capacity(numbers.len());
        for node in nodes.clone() {
            let number = |after: &'a TaskName| {
                let unknown = || PlanError::Unknown { task: node.name.clone(), after: after.clone() };
                numbers.get(after).copied().ok_or_else(unknown)
            };
            let mut known = node.after.iter().map(number).collect::<Result<Vec<_>, _>>()?;
            // To come after one twice is to come after it.
            known.sort_unstable();
            known.dedup();
            after.push(known);
        }
        if let Some(cycle) = cycle(&after) {
            let names: Vec<_> = nodes.map(|node| &node.name).collect();
            return Err(PlanError::Cycle {
                tasks: cycle.into_iter().map(|number| names[number].clone()).collect(),
            });
        }
        let mut followers = vec![Vec::new(); after.len()];
        for (number, after) in after.iter().enumerate() {
            after.iter().for_each(|before| followers[*before].push(number));
        }
        Ok(Self { followers, predecessors: after.iter().map(Vec::len).collect() })
    }
}

/// A cycle, its first member again at the end; found by walking back from each task, without recursion: a chain may be
/// longer than the stack.
fn cycle(after: &[Vec<usize>]) -> Option<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        OnPath,
        Clean,
    }
    let mut marks = vec![Mark::New; after.len()];
    for root in 0..after.len() {
        // The way here, each with how many of its predecessors have been looked at.
        let mut path: Vec<(usize, usize)> = Vec::new();
        if marks[root] == Mark::New {
            marks[root] = Mark::OnPath;
            path.push((root, 0));
        }
        while let Some((task, looked_at)) = path.last_mut() {
            let task = *task;
            let Some(before) = after[task].get(*looked_at).copied() else {
                marks[task] = Mark::Clean;
                path.pop();
                continue;
            };
            *looked_at += 1;
            match marks[before] {
                Mark::Clean => {}
                Mark::New => {
                    marks[before] = Mark::OnPath;
                    path.push((before, 0));
                }
                Mark::OnPath => {
                    let tasks = path.iter().map(|(task, _)| *task);
                    return Some(tasks.skip_while(|task| *task != before).chain([before]).collect());
                }
            }
        }
    }
    None
}
