//! Starts the child so that it ends with the thread that started it, however that ends.

#![expect(
    unsafe_code,
    reason = "between fork and exec the child asks the kernel for a signal"
)]

use std::{
    io::{self, Write},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

use super::command::Settings;

/// A child in a group of its own. The kernel kills it when the calling thread ends, also by a crash.
pub(super) fn spawn(settings: &Settings) -> io::Result<Child> {
    let script = settings.script();
    let mut command = Command::new(&settings.program);
    command
        .args(settings.arguments())
        .stdin(match &script {
            Some(_) => Stdio::piped(),
            None => Stdio::null(),
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // So that its own children end with it.
        .process_group(0);
    let parent = Some(getpid());
    // SAFETY: both are system calls without memory, which is what may be done there.
    unsafe {
        command.pre_exec(move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // It may have ended before.
            match getppid() == parent {
                true => Ok(()),
                false => Err(io::ErrorKind::NotFound.into()),
            }
        });
    }
    let mut child = command.spawn()?;
    if let (Some(script), Some(mut stdin)) = (script, child.stdin.take()) {
        // A pipe has room for it. A program that is gone already says so by its end.
        let _is_gone = stdin.write_all(script.as_bytes());
    }
    Ok(child)
}
