//! The instances of the service, and who looks after them: what ends by itself is noted and started again.

use std::{
    os::unix::process::ExitStatusExt,
    process::ExitStatus,
    time::{Duration, Instant},
};

use super::clock;
use crate::world::{Launched, launch};

/// How long an instance may take to leave.
const LEAVE_MAX: Duration = Duration::from_secs(60);

/// The instances of one group.
pub struct Fleet {
    config: String,
    running: Vec<Instance>,
    leaving: Vec<Instance>,
    started: usize,
    /// What ended without having been asked to, or otherwise than asked.
    pub exits: Vec<Exit>,
    /// The logs of all that have ended, for whoever looks into a failure.
    pub logs: Vec<(usize, String)>,
}

struct Instance {
    number: usize,
    process: Launched,
    /// When a frozen one goes on.
    thaws: Option<Instant>,
    /// When one that leaves must have left.
    gone_by: Option<Instant>,
}

/// An instance's end that nobody ordered.
#[derive(Debug)]
pub struct Exit {
    pub instance: usize,
    pub status: String,
    /// The last thing that it logged.
    pub cause: String,
}

impl Fleet {
    pub fn start(config: String, instances: usize) -> Self {
        let mut fleet = Self {
            config,
            running: Vec::new(),
            leaving: Vec::new(),
            started: 0,
            exits: Vec::new(),
            logs: Vec::new(),
        };
        for _ in 0..instances {
            fleet.join();
        }
        fleet
    }

    pub fn config(&self) -> &str {
        &self.config
    }

    pub fn join(&mut self) {
        self.started += 1;
        self.running.push(Instance {
            number: self.started,
            process: launch(&self.config, &[]),
            thaws: None,
            gone_by: None,
        });
    }

    /// SIGKILL, and another one.
    pub fn kill(&mut self, pick: usize) {
        let instance = self.take(pick);
        // It may have ended by itself since the last look.
        self.logs.push(instance.log());
        drop(instance);
        self.join();
    }

    /// SIGSTOP for a while.
    pub fn freeze(&mut self, pick: usize, milliseconds: u64) {
        let thaws = clock::now() + Duration::from_millis(milliseconds);
        let index = pick % self.running.len();
        let instance = &mut self.running[index];
        if instance.ended().is_none() {
            instance.process.process.signal("STOP");
            instance.thaws = instance.thaws.max(Some(thaws));
        }
    }

    /// SIGTERM; a frozen one hears it when it goes on.
    pub fn leave(&mut self, pick: usize) {
        let mut instance = self.take(pick);
        if instance.ended().is_none() {
            instance.process.process.terminate();
        }
        instance.gone_by = Some(instance.thaws.unwrap_or_else(clock::now) + LEAVE_MAX);
        self.leaving.push(instance);
    }

    fn take(&mut self, pick: usize) -> Instance {
        self.running.remove(pick % self.running.len())
    }

    /// What a supervisor does all the time: thaws, notes ends, starts again.
    pub fn look_after(&mut self) {
        let now = clock::now();
        let all = self.running.iter_mut().chain(&mut self.leaving);
        for instance in all.filter(|instance| instance.thaws.is_some_and(|at| at <= now)) {
            instance.thaw();
        }
        let (ended, running) = split(std::mem::take(&mut self.running));
        self.running = running;
        for (instance, status) in ended {
            self.note(&instance, status);
            self.join();
        }
        let (ended, leaving) = split(std::mem::take(&mut self.leaving));
        self.leaving = leaving;
        for (instance, status) in ended {
            match status.success() {
                true => self.logs.push(instance.log()),
                false => self.note(&instance, status),
            }
        }
        for instance in &self.leaving {
            let is_overdue = instance.gone_by.is_some_and(|at| at <= now);
            assert!(!is_overdue, "has not left in time: {:?}", instance.log());
        }
    }

    fn note(&mut self, instance: &Instance, status: ExitStatus) {
        let (number, log) = instance.log();
        let cause = log.lines().next_back().unwrap_or_default();
        self.exits.push(Exit {
            instance: number,
            status: match (status.code(), status.signal()) {
                (Some(code), _) => format!("exit {code}"),
                (None, signal) => format!("signal {signal:?}"),
            },
            cause: cause.chars().take(300).collect(),
        });
        self.logs.push((number, log));
    }

    /// Wakes everybody.
    pub fn thaw(&mut self) {
        for instance in self.running.iter_mut().chain(&mut self.leaving) {
            instance.thaw();
        }
    }

    /// Everybody leaves.
    pub fn stop(&mut self) {
        while !self.running.is_empty() {
            self.leave(0);
        }
        while !self.leaving.is_empty() {
            self.look_after();
            clock::pause(50);
        }
    }

    /// The logs of all instances that there were, as far as they are known.
    pub fn all_logs(&self) -> Vec<(usize, String)> {
        let alive = self.running.iter().chain(&self.leaving);
        let mut logs: Vec<_> = self.logs.clone();
        logs.extend(alive.map(Instance::log));
        logs.sort();
        logs
    }

    /// How often any instance logged this.
    pub fn said(&self, words: &str) -> usize {
        let logs = self.all_logs();
        logs.iter().map(|(_, log)| log.matches(words).count()).sum()
    }

    pub fn started(&self) -> usize {
        self.started
    }
}

impl Instance {
    fn ended(&mut self) -> Option<ExitStatus> {
        self.process.process.ended()
    }

    fn thaw(&mut self) {
        if self.thaws.take().is_some() && self.ended().is_none() {
            self.process.process.signal("CONT");
        }
    }

    fn log(&self) -> (usize, String) {
        (self.number, self.process.process.stderr())
    }
}

/// Those that have ended, and the others.
fn split(instances: Vec<Instance>) -> (Vec<(Instance, ExitStatus)>, Vec<Instance>) {
    let (mut ended, mut running) = (Vec::new(), Vec::new());
    for mut instance in instances {
        match instance.ended() {
            Some(status) => ended.push((instance, status)),
            None => running.push(instance),
        }
    }
    (ended, running)
}
