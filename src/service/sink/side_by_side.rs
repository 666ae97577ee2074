//! Requests to a store, and what is made of their answers, several at a time.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use anyhow::anyhow;

/// Also where there are more cores: the service's own work comes first.
const THREADS_MAX: usize = 4;

/// Does something with each, on several threads; what comes of it is in their order. The first error ends it.
pub(super) fn side_by_side<D: Sync, T: Send>(
    all: &[D],
    read: impl Fn(&D) -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let work = || -> anyhow::Result<Vec<(usize, T)>> {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(one) = all.get(at) else {
                return Ok(done);
            };
            match read(one) {
                Ok(one) => done.push((at, one)),
                Err(error) => {
                    // Nobody needs the others any more.
                    next.store(all.len(), Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let others = cores.min(THREADS_MAX).min(all.len()).saturating_sub(1);
    let mut done = thread::scope(|scope| {
        let others: Vec<_> = (0..others).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for other in others {
            let more = other
                .join()
                .unwrap_or_else(|_| Err(anyhow!("reading the tables failed")));
            done = done.and_then(|mut done| {
                done.extend(more?);
                Ok(done)
            });
        }
        done
    })?;
    done.sort_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, one)| one).collect())
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn what_is_done_side_by_side_comes_in_order_and_an_error_ends_it() {
        let all: Vec<usize> = (0..1_000).collect();
        let doubled = side_by_side(&all, |one| Ok(2 * one)).unwrap();
        assert!(doubled.into_iter().eq((0..1_000).map(|one| 2 * one)));
        let failed = side_by_side(&all, |&one| match one {
            500 => bail!("the store is away"),
            one => Ok(one),
        });
        assert_eq!(failed.unwrap_err().to_string(), "the store is away");
        assert!(
            side_by_side(&[] as &[usize], |&one| Ok(one))
                .unwrap()
                .is_empty()
        );
    }
}
