//! What `demo` and `watch` share: threads with a name, places beside a folder, an address that is free.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    thread,
};

use anyhow::Context;

pub(super) fn spawn<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<thread::JoinHandle<anyhow::Result<T>>> {
    let thread = thread::Builder::new().name(name.into()).spawn(body);
    thread.with_context(|| format!("start the thread {name}"))
}

/// The address, or a free port of it if it is taken: a demo should not fail because another one runs.
pub(super) fn free_address(listen: &str) -> anyhow::Result<String> {
    if TcpListener::bind(listen).is_ok() {
        return Ok(listen.to_owned());
    }
    let (host, _) = listen
        .rsplit_once(':')
        .with_context(|| format!("--listen {listen}: write an IP address and a port"))?;
    Ok(format!("{host}:0"))
}

/// A folder beside the tables, such as that of the checkpoints.
pub(super) fn beside(out: &Path, ending: &str) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    out.with_file_name(name)
}
