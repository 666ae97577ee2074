//! Bytes into `entry::config`.
#![no_main]

#[allow(dead_code, reason = "each target uses one of them")]
#[path = "../entry.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _outcome = entry::config(bytes);
});
