use std::task::{Poll, Waker};

use super::{Key, Ordered, Place};

/// Waiting futures in order, each of which is handed a grant `G` (a permit, a connection, a turn).
///
/// Whoever has something to give calls [`grant`](Self::grant): it goes to the first in line, **outside** of which that
/// waiter then stands, so that nobody can take it away. A waiter that is dropped [`leave`](Self::leave)s; if it held a
/// grant it gets it back to pass on. So no grant is lost, and nobody overtakes.
///
/// The line is bounded. It lives under its component's lock and wakes nobody itself: it returns wakers, to be woken
/// when the lock is released.
///
/// # Examples
///
/// ```
/// use std::task::{Poll, Waker};
/// use seaworthy_core::wait::{Key, Left, WaitQueue};
///
/// let mut line = WaitQueue::new(100);
/// let first = line.join(Key(0), Waker::noop().clone()).unwrap();
/// let mut second = Some(line.join(Key(0), Waker::noop().clone()).unwrap());
/// line.grant("permit").unwrap().wake();
/// // The first is dropped before it came to take its permit: it goes on to the second.
/// if let Left::Granted(permit) = line.leave(first) {
///     line.grant(permit).unwrap().wake();
/// }
/// assert_eq!(line.poll_with(&mut second, &mut Waker::noop().clone()), Poll::Ready("permit"));
/// ```
#[derive(Debug)]
pub struct WaitQueue<G> {
    line: Ordered<Waiter<G>>,
    waiters_max: usize,
    granted: usize,
}

/// A waiter's claim to its place. It ends by a `Ready` of [`WaitQueue::poll_with`] or by [`WaitQueue::leave`].
#[derive(Debug)]
#[must_use = "a waiter that is forgotten keeps what it is granted"]
pub struct Ticket(Place);

/// Names a waiter to whoever may have to find it out of turn. It is good as long as the [`Ticket`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WaiterId(u32);

impl Ticket {
    /// The name of who waits here.
    pub fn waiter(&self) -> WaiterId {
        WaiterId(self.0.index())
    }
}

/// What a waiter that left had. Drop it when the lock is released.
#[derive(Debug)]
#[must_use = "a grant that comes back belongs to the next in line"]
pub enum Left<G> {
    /// Nothing yet but its waker.
    Waiting(Waker),
    /// A grant it had not come to take.
    Granted(G),
}

/// The line is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{waiters_max} are waiting already and no more may")]
#[non_exhaustive]
pub struct QueueFull {
    /// The bound.
    pub waiters_max: usize,
}

#[derive(Debug)]
enum Waiter<G> {
    Waiting(Waker),
    Granted(G),
}

impl<G> WaitQueue<G> {
    /// An empty line in which at most `waiters_max` wait.
    pub fn new(waiters_max: usize) -> Self {
        Self { line: Ordered::default(), waiters_max, granted: 0 }
    }

    /// How many wait and were granted nothing yet.
    pub fn len(&self) -> usize {
        self.line.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// How many were granted something that they have not come to take.
    pub fn granted(&self) -> usize {
        self.granted
    }

    /// Takes a place in line.
    ///
    /// # Errors
    ///
    /// If as many wait as may.
    pub fn join(&mut self, key: Key, waker: Waker) -> Result<Ticket, QueueFull> {
        if self.line.len() >= self.waiters_max {
            return Err(QueueFull { waiters_max: self.waiters_max });
        }
        Ok(Ticket(self.line.insert(key, Waiter::Waiting(waker))))
    }

    /// Takes the grant, and with it the ticket; or keeps what is in `waker` for when it comes. `Pending` for a ticket that is
    /// `None`.
    ///
    /// What is in `waker` afterwards is the one that is not needed. It is the code of others, and the last waker of a task
    /// may run the destructor of its future: clone it before the lock is taken, and drop what is left when it is released.
    pub fn poll_with(&mut self, ticket: &mut Option<Ticket>, waker: &mut Waker) -> Poll<G> {
        let Some(Ticket(place)) = ticket.take() else { return Poll::Pending };
        if let Some(Waiter::Waiting(known)) = self.line.get_mut(&place) {
            std::mem::swap(known, waker);
            *ticket = Some(Ticket(place));
            return Poll::Pending;
        }
        match self.leave(Ticket(place)) {
            Left::Granted(grant) => Poll::Ready(grant),
            Left::Waiting(_) => Poll::Pending,
        }
    }

    /// Hands `grant` to the first in line and returns its waker, or gives it back if nobody waits.
    pub fn grant(&mut self, grant: G) -> Result<Waker, G> {
        match self.line.advance() {
            Some(place) => self.grant_at(&place, grant),
            None => Err(grant),
        }
    }

    /// Hands `grant` to that waiter out of turn, to tell it that it need not wait any longer for instance, and returns its
    /// waker; or gives it back if that one does not wait.
    pub fn grant_to(&mut self, waiter: WaiterId, grant: G) -> Result<Waker, G> {
        let place = Place::at(waiter.0);
        if !self.line.withdraw(&place) {
            return Err(grant);
        }
        self.grant_at(&place, grant)
    }

    fn grant_at(&mut self, place: &Place, grant: G) -> Result<Waker, G> {
        let Some(waiter) = self.line.get_mut(place) else { return Err(grant) };
        let before = std::mem::replace(waiter, Waiter::Granted(grant));
        self.granted += 1;
        match before {
            Waiter::Waiting(waker) => Ok(waker),
            // Only those who wait are in line.
            Waiter::Granted(_) => Ok(Waker::noop().clone()),
        }
    }

    /// Gives up a place. A grant that was not taken comes back, to be passed on to the next.
    pub fn leave(&mut self, ticket: Ticket) -> Left<G> {
        match self.line.remove(ticket.0) {
            Some(Waiter::Granted(grant)) => {
                self.granted -= 1;
                Left::Granted(grant)
            }
            Some(Waiter::Waiting(waker)) => Left::Waiting(waker),
            // A ticket has its place until it is used up.
            None => Left::Waiting(Waker::noop().clone()),
        }
    }

    /// Takes the wakers of all who wait, to tell them that the line is closed. Each keeps its place until it leaves.
    pub fn wakers(&mut self) -> Vec<Waker> {
        let waiting = |waiter: &mut Waiter<G>| match waiter {
            // Who was woken looks, and leaves a new waker if it goes on waiting.
            Waiter::Waiting(waker) => Some(std::mem::replace(waker, Waker::noop().clone())),
            Waiter::Granted(_) => None,
        };
        self.line.iter_mut().filter_map(waiting).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn noop() -> Waker {
        Waker::noop().clone()
    }

    #[test]
    fn wakers_are_exchanged_and_none_is_cloned_or_dropped() {
        let (old, new) = (Arc::new(Counter::default()), Arc::new(Counter::default()));
        let mut line = WaitQueue::new(9);
        let mut ticket = Some(line.join(Key(0), old.clone().into()).expect("room"));
        let mut waker = Waker::from(new.clone());
        assert_eq!(line.poll_with(&mut ticket, &mut waker), Poll::Pending);
        assert!(waker.will_wake(&old.clone().into()));
        assert_eq!((Arc::strong_count(&old), Arc::strong_count(&new)), (2, 2));
        line.grant('a').expect("a waiter").wake();
        assert_eq!((old.0.load(Ordering::Relaxed), new.0.load(Ordering::Relaxed)), (0, 1));
        assert_eq!(line.poll_with(&mut ticket, &mut waker), Poll::Ready('a'));
        assert!(ticket.is_none(), "the ticket is used up");
    }

    #[test]
    fn a_grant_goes_to_the_least_key_then_to_the_first_come() {
        let mut line = WaitQueue::new(9);
        let mut tickets: Vec<_> =
            [2, 1, 2, 1].map(|key| Some(line.join(Key(key), noop()).expect("room"))).into();
        let mut order = Vec::new();
        while line.grant(()).is_ok() {
            let served = (0..4).filter(|i| line.poll_with(&mut tickets[*i], &mut noop()).is_ready());
            order.extend(served.collect::<Vec<_>>());
        }
        assert_eq!(order, [1, 3, 0, 2]);
        assert_eq!((line.len(), line.granted()), (0, 0));
    }

    #[test]
    fn a_dropped_waiter_gives_its_grant_to_the_next() {
        let mut line = WaitQueue::new(9);
        let first = line.join(Key(0), noop()).expect("room");
        let mut second = Some(line.join(Key(0), noop()).expect("room"));
        line.grant('a').expect("a waiter").wake();
        assert_eq!((line.len(), line.granted()), (1, 1));
        let Left::Granted(back) = line.leave(first) else { panic!("the grant it never took") };
        line.grant(back).expect("a waiter").wake();
        assert_eq!(line.poll_with(&mut second, &mut noop()), Poll::Ready('a'));
        assert!(second.is_none(), "the ticket is used up");
        assert_eq!(line.grant('b').err(), Some('b'), "nobody waits");
    }

    #[test]
    fn a_grant_out_of_turn_goes_to_whom_it_is_meant_for() {
        let mut line = WaitQueue::new(9);
        let mut first = Some(line.join(Key(0), noop()).expect("room"));
        let mut second = Some(line.join(Key(0), noop()).expect("room"));
        let waiter = second.as_ref().expect("it waits").waiter();
        line.grant_to(waiter, 'b').expect("it waits").wake();
        assert_eq!(line.grant_to(waiter, 'c').err(), Some('c'), "it waits no longer");
        line.grant('a').expect("a waiter").wake();
        assert_eq!(line.poll_with(&mut second, &mut noop()), Poll::Ready('b'));
        assert_eq!(line.poll_with(&mut first, &mut noop()), Poll::Ready('a'));
        assert_eq!((line.len(), line.granted()), (0, 0));
    }

    #[test]
    fn a_waiter_that_leaves_takes_nobodys_place() {
        let mut line = WaitQueue::<()>::new(2);
        let first = line.join(Key(0), noop()).expect("room");
        let _second = line.join(Key(0), noop()).expect("room");
        assert_eq!(line.join(Key(0), noop()).unwrap_err(), QueueFull { waiters_max: 2 });
        assert!(matches!(line.leave(first), Left::Waiting(_)));
        assert!(line.join(Key(0), noop()).is_ok(), "there is room again");
    }

    #[test]
    fn the_waker_of_the_last_poll_is_woken() {
        let (old, new) = (Arc::new(Counter::default()), Arc::new(Counter::default()));
        let mut line = WaitQueue::new(9);
        let mut ticket = Some(line.join(Key(0), old.clone().into()).expect("room"));
        for woken in [1, 2] {
            assert_eq!(line.poll_with(&mut ticket, &mut new.clone().into()), Poll::Pending);
            line.wakers().into_iter().for_each(Waker::wake);
            assert_eq!(new.0.load(Ordering::Relaxed), woken);
        }
        assert_eq!(line.poll_with(&mut ticket, &mut new.clone().into()), Poll::Pending);
        line.grant(()).expect("a waiter").wake();
        assert_eq!((old.0.load(Ordering::Relaxed), new.0.load(Ordering::Relaxed)), (0, 3));
    }

    #[test]
    fn whoever_was_told_that_the_line_is_closed_may_still_be_granted_something() {
        let mut line = WaitQueue::new(9);
        let mut ticket = Some(line.join(Key(0), noop()).expect("room"));
        assert_eq!(line.wakers().len(), 1);
        line.grant('a').expect("it waits, and has been woken").wake();
        assert_eq!(line.poll_with(&mut ticket, &mut noop()), Poll::Ready('a'));
    }
}
