//! Threads on cores of their own: what the process may use is asked once, and a thread keeps to one of them.
//!
//! Promises: no core that the process was not given; where there are fewer cores than threads, none is pinned.

/// A core for each of so many threads; none where there are too few, or the system cannot say.
pub fn one_each(threads: usize) -> Vec<usize> {
    let cores = share_out(&allowed(), threads);
    if cores.is_empty() {
        tracing::warn!(
            threads,
            "inference.pin: fewer cores than workers, so none keeps to a core"
        );
    }
    cores
}

fn share_out(allowed: &[usize], threads: usize) -> Vec<usize> {
    allowed.get(..threads).unwrap_or_default().to_vec()
}

/// The cores that this process may use, by number.
#[cfg(target_os = "linux")]
fn allowed() -> Vec<usize> {
    use rustix::thread::{CpuSet, sched_getaffinity};
    match sched_getaffinity(None) {
        Ok(set) => (0..CpuSet::MAX_CPU)
            .filter(|&core| set.is_set(core))
            .collect(),
        Err(_) => Vec::new(),
    }
}

#[cfg(not(target_os = "linux"))]
fn allowed() -> Vec<usize> {
    Vec::new()
}

/// From now on the calling thread runs on this core only. A system that refuses loses nothing but speed.
#[cfg(target_os = "linux")]
pub fn keep_to(core: usize) {
    use rustix::thread::{CpuSet, sched_setaffinity};
    let mut set = CpuSet::new();
    set.set(core);
    if let Err(error) = sched_setaffinity(None, &set) {
        tracing::warn!(core, %error, "inference.pin: the thread is not kept to its core");
    }
}

#[cfg(not(target_os = "linux"))]
pub fn keep_to(_core: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_gets_a_core_of_its_own_among_those_allowed_or_none_does() {
        assert_eq!(share_out(&[2, 5, 7], 2), [2, 5]);
        assert_eq!(share_out(&[2, 5], 2), [2, 5]);
        assert!(share_out(&[2], 2).is_empty());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_that_keeps_to_a_core_may_use_no_other() {
        let last = *allowed().last().unwrap();
        let kept = std::thread::spawn(move || {
            keep_to(last);
            allowed()
        });
        assert_eq!(kept.join().unwrap(), [last]);
    }
}
