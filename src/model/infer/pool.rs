//! Sessions that several workers share: each is lent to one worker at a time, in the order in which they asked.
//!
//! Promises: the one who has waited longest is next. What was lent comes back, also when the borrower panics. Knows no
//! session.

use std::{
    collections::VecDeque,
    mem,
    ops::{Deref, DerefMut},
    sync::{Arc, Condvar, Mutex, PoisonError},
};

/// Things that are lent. Cloning shares them.
pub(super) struct Pool<T>(Arc<Shared<T>>);

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    free: VecDeque<T>,
    /// How many have asked.
    asked: u64,
    /// How many of them were served.
    served: u64,
}

/// One of them, until it is dropped.
pub(super) struct Lent<T> {
    /// Always there, until the end.
    item: Option<T>,
    pool: Pool<T>,
}

impl<T> Clone for Pool<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Pool<T> {
    pub(super) fn new(items: impl IntoIterator<Item = T>) -> Self {
        let state = State {
            free: items.into_iter().collect(),
            asked: 0,
            served: 0,
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }))
    }

    /// What lies free in several, in one.
    pub(super) fn joined<'a>(pools: impl Iterator<Item = &'a Self>) -> Self
    where
        T: 'a,
    {
        let free = pools.flat_map(|pool| {
            let state = pool.0.state.lock();
            mem::take(&mut state.unwrap_or_else(PoisonError::into_inner).free)
        });
        Self::new(free)
    }

    /// The next that is free.
    pub(super) fn take(&self) -> Lent<T> {
        let state = self.0.state.lock();
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        let turn = state.asked;
        state.asked += 1;
        loop {
            if state.served == turn
                && let Some(item) = state.free.pop_front()
            {
                state.served += 1;
                drop(state);
                // Another may be free for the one behind.
                self.0.changed.notify_all();
                return Lent {
                    item: Some(item),
                    pool: self.clone(),
                };
            }
            let woken = self.0.changed.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T> Deref for Lent<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.item.as_ref().expect("it is lent until it is dropped")
    }
}

impl<T> DerefMut for Lent<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.item.as_mut().expect("it is lent until it is dropped")
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        let state = self.pool.0.state.lock();
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.free.extend(self.item.take());
        drop(state);
        self.pool.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc::channel, thread};

    use super::*;

    #[test]
    fn no_more_are_lent_than_there_are_and_the_first_to_ask_is_the_first_served() {
        let pool = Pool::new([1, 2]);
        let (one, two) = (pool.take(), pool.take());
        assert_eq!(*one + *two, 3);
        let (say, said) = channel();
        thread::scope(|scope| {
            for number in 0..8_u64 {
                let (pool, say) = (&pool, say.clone());
                scope.spawn(move || {
                    let item = pool.take();
                    say.send((number, *item)).unwrap();
                });
                // It stands in the line before the next one comes.
                while pool.0.state.lock().unwrap().asked < 3 + number {
                    thread::yield_now();
                }
            }
            assert!(said.try_recv().is_err(), "none is free");
            drop(one);
            let order: Vec<_> = (0..8).map(|_| said.recv().unwrap()).collect();
            let expected: Vec<_> = (0..8).map(|number| (number, 1)).collect();
            assert_eq!(order, expected);
        });
        assert_eq!(*two, 2);
    }

    #[test]
    fn what_a_thread_held_when_it_panicked_is_lent_again() {
        let pool = Pool::new([1]);
        let lent = pool.clone();
        let panicked = thread::spawn(move || {
            let _held = lent.take();
            panic!("on purpose");
        });
        panicked.join().unwrap_err();
        assert_eq!(*pool.take(), 1);
    }
}
