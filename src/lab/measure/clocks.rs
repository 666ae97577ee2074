//! CPU time and the processor's name: a figure of speed means little without either.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What the whole program has computed, on all its threads.
pub(crate) fn process_cpu() -> Duration {
    read(ClockId::ProcessCPUTime)
}

/// What the calling thread has computed.
pub(crate) fn thread_cpu() -> Duration {
    read(ClockId::ThreadCPUTime)
}

/// Time that passes evenly.
pub(crate) fn wall() -> Duration {
    read(ClockId::Monotonic)
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    // These clocks begin at 0 and never go back.
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// The instruction sets that decide how fast a net runs, where the processor has them.
const INSTRUCTIONS: [&str; 6] = [
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "amx_bf16",
    "amx_int8",
];

/// Name and instruction sets, as Linux tells them; where it does not, the architecture.
pub fn processor() -> String {
    let facts = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |key: &str| {
        let line = facts.lines().find(|line| line.starts_with(key))?;
        line.split_once(':').map(|(_, value)| value.trim())
    };
    let name = value("model name").unwrap_or(std::env::consts::ARCH);
    let flags: Vec<&str> = value("flags").unwrap_or_default().split(' ').collect();
    let known: Vec<&str> = INSTRUCTIONS
        .into_iter()
        .filter(|flag| flags.contains(flag))
        .collect();
    format!("{name} ({})", known.join(" "))
}
