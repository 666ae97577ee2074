//! What decoded crops may take at most, against what the process may have: for `demograph check`.
//!
//! Promises: an upper bound of crops and payloads, computed from the config alone; the model, its batches and the windows come
//! on top. No limit that can be read, no warning.

use std::{fs, path::Path};

use crate::config::Config;

/// Samples of a pixel, at most.
const BYTES_A_PIXEL: usize = 3;
/// Batches that wait as payloads for each thread.
const BATCHES_QUEUED: usize = 2;

/// One line about memory; it begins with `warning` where crops alone may exceed the limit.
pub fn line(config: &Config, workers: usize) -> String {
    say(config, workers, limit())
}

fn say(config: &Config, workers: usize, limit: Option<usize>) -> String {
    let batch = config.inference.batch();
    let side = config.limits.image_side_max as usize;
    let crops = [workers, batch, side, side, BYTES_A_PIXEL];
    let payloads = [
        workers,
        batch,
        BATCHES_QUEUED + 1,
        config.limits.payload_bytes_max,
    ];
    let [crops, payloads] = [&crops[..], &payloads[..]]
        .map(|factors| factors.iter().fold(1usize, |a, &b| a.saturating_mul(b)));
    let most = crops.saturating_add(payloads);
    let facts = format!(
        "{workers} threads with {batch} crops of {side} x {side} pixels and their payloads take at most {}",
        mebibytes(most)
    );
    match limit {
        Some(limit) if most > limit => format!(
            "warning memory: {facts}, more than the {} that this process may have: lower limits.image_side_max, \
             inference.batch_max or limits.payload_bytes_max",
            mebibytes(limit)
        ),
        Some(limit) => format!("note   memory: {facts}, of {}", mebibytes(limit)),
        None => format!("note   memory: {facts}"),
    }
}

fn mebibytes(bytes: usize) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

/// The least of what the control group and the machine allow.
fn limit() -> Option<usize> {
    let machine = fs::read_to_string("/proc/meminfo").ok();
    let machine = machine.as_deref().and_then(total);
    // The group's own folder; inside of a container it is the root.
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"));
    let groups = Path::new("/sys/fs/cgroup").join(own.unwrap_or_default());
    let groups = groups.ancestors().map(|group| group.join("memory.max"));
    let group = groups
        .filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok())
        .min();
    [machine, group].into_iter().flatten().min()
}

/// Of `/proc/meminfo`.
fn total(text: &str) -> Option<usize> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let text = include_str!("../../../deploy/demograph.toml");
        let mut config = Config::parse(text).unwrap();
        config.inference.batch_max = 16;
        config.limits.image_side_max = 2048;
        config.limits.payload_bytes_max = 512 << 10;
        config
    }

    #[test]
    fn crops_that_exceed_the_limit_are_warned_of() {
        // 4 x 16 x 2048 x 2048 x 3 bytes are 768 MiB; 4 x 16 x 3 payloads of half a MiB are 96 MiB.
        let say = |limit| say(&config(), 4, limit);
        let enough = say(Some(864 << 20));
        assert!(
            enough.starts_with("note") && enough.contains("864 MiB, of 864 MiB"),
            "{enough}"
        );
        let little = say(Some(512 << 20));
        assert!(
            little.starts_with("warning memory: ") && little.contains("512 MiB"),
            "{little}"
        );
        assert!(little.contains("limits.image_side_max"), "{little}");
        assert!(say(None).starts_with("note"));
    }

    #[test]
    fn the_machine_s_memory_is_read() {
        assert_eq!(
            total("MemTotal:       16 kB\nMemFree: 1 kB\n"),
            Some(16_384)
        );
        assert_eq!(total("nothing"), None);
    }
}
