//! The writer: the only owner of the checkpoint chains. Checkpoints in, durable state and files out, then the offsets
//! that are safe. Commits of different partitions overlap ([`commits`](super::commits)). While the store does not answer it
//! asks again, up to a limit; the stages before it wait meanwhile.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use crossbeam_channel::{Receiver, Sender};
use demograph_core::{
    state::{
        self, Chain, Checkpoint, Halt, Objects, OtherKey, Saved, Shard, TopicFolder, TrackKey,
    },
    window::Settings,
};

use super::{
    Meaning,
    assignment::Ticket,
    feed::Resumed,
    tables::{Edition, Tables},
};
use crate::{
    clock,
    config::OtherTrackKey,
    crash,
    metrics::Metrics,
    shutdown::Shutdown,
    sink::{self, Stores},
};

/// How long to wait before asking a store again that did not answer.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What the reader and the fold ask for.
#[derive(Debug)]
pub enum Task {
    /// Find out where these partitions stand; the answer bears the same ticket.
    Recover {
        ticket: Ticket,
        partitions: Vec<i32>,
    },
    Write(Checkpoint),
    /// Answer when everything before is done.
    Drained,
}

/// What the reader learns.
#[derive(Debug)]
pub enum Ack {
    Recovered {
        ticket: Ticket,
        /// By partition; nothing where it was never read.
        recovered: BTreeMap<i32, Option<Resumed>>,
    },
    /// The state up to this offset is durable.
    Durable {
        partition: i32,
        next_offset: i64,
    },
    /// Another instance owns the partition, which was recovered under this ticket.
    Fenced {
        partition: i32,
        ticket: Ticket,
    },
    Drained,
}

/// The writer's parts.
pub(super) struct Writer {
    pub input: Receiver<Task>,
    pub acks: Sender<Ack>,
    pub stores: Stores,
    pub tables: Tables,
    pub meaning: Meaning,
    pub settings: Settings,
    pub track_key: TrackKey,
    pub on_other_track_key: OtherTrackKey,
    /// The longest rolling view, in milliseconds.
    pub history: i64,
    /// How long old checkpoints stay, in milliseconds.
    pub keep_for: i64,
    /// How long the store may fail to answer, in milliseconds.
    pub stall_max: i64,
    /// Random for each start.
    pub writer_id: u64,
    /// How many commits may be under way at once.
    pub overlap: usize,
    pub chains: BTreeMap<i32, Chain>,
    /// The ticket under which each partition was recovered last.
    pub tickets: BTreeMap<i32, Ticket>,
    pub metrics: Metrics,
    pub shutdown: Shutdown,
}

impl Writer {
    /// Writes until the input ends.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        let mut next = None;
        while let Some(task) = next.take().or_else(|| self.input.recv().ok()) {
            let acks = match task {
                Task::Recover { ticket, partitions } => {
                    self.tickets
                        .extend(partitions.iter().map(|&partition| (partition, ticket)));
                    let found = partitions
                        .into_iter()
                        .map(|partition| Ok((partition, self.recover(partition)?)));
                    let recovered = found.collect::<anyhow::Result<_>>()?;
                    crash::at("recovered");
                    vec![Ack::Recovered { ticket, recovered }]
                }
                Task::Write(checkpoint) => {
                    let (batch, after) = self.gather(checkpoint);
                    next = after;
                    self.write(batch)?
                }
                Task::Drained => vec![Ack::Drained],
            };
            for ack in acks {
                if self.acks.send(ack).is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Takes up a partition's chain; nothing where the partition was never read.
    fn recover(&mut self, partition: i32) -> anyhow::Result<Option<Resumed>> {
        loop {
            let topic = TopicFolder::new(&self.tables.group, &self.tables.topic);
            let mut chain = Chain::new(topic.chain(partition), self.writer_id);
            let saved = self.insist(|stores| chain.recover(stores))?;
            if let Some(saved) = &saved {
                self.publish_head(partition, &chain, saved)?;
            }
            self.chains.insert(partition, chain);
            let Some(saved) = saved else {
                self.refuse_to_count_again(partition)?;
                return Ok(None);
            };
            let goes_on = self.knows_tracks(partition, &saved)? && self.has_these_terms(&saved);
            let resumed = match goes_on {
                true => Some(self.resumed(partition, saved)?),
                // Nothing if somebody else was faster: look again what is there.
                false => self.settled(partition, saved)?,
            };
            if resumed.is_some() {
                return Ok(resumed);
            }
        }
    }

    /// Whether the tracks of the open panes are known again. If not, somebody has to say that these panes may be cut.
    fn knows_tracks(&self, partition: i32, saved: &Saved) -> anyhow::Result<bool> {
        let Err(other) = self.track_key.check(saved.track_key) else {
            return Ok(true);
        };
        if self.on_other_track_key == OtherTrackKey::Stop {
            bail!("partition {partition}: {other}: {}", OtherKey::WHAT_TO_DO);
        }
        tracing::warn!(
            partition,
            "{other}: open panes are cut, and a track that goes on votes once more"
        );
        Ok(false)
    }

    fn has_these_terms(&self, saved: &Saved) -> bool {
        let has = saved.terms == *self.meaning.terms;
        if !has {
            tracing::info!(
                from_model = saved.terms.model,
                from_policy = saved.terms.policy,
                "the model, the policy or the windows changed: open panes are cut"
            );
        }
        has
    }

    /// A partition without a chain whose rows are in the tables lost its state, or its group has another name.
    fn refuse_to_count_again(&self, partition: i32) -> anyhow::Result<()> {
        let topic = self.tables.topic.as_str();
        let left = self.insist(|stores| {
            let left = sink::remains(&self.stores.tables, topic, partition)?;
            // Another instance may have begun the chain just now.
            let folder = TopicFolder::new(&self.tables.group, topic).chain(partition);
            let is_begun = left.is_some() && !folder.own(stores.list(folder.path())?).is_empty();
            Ok(left.filter(|_| !is_begun))
        })?;
        let Some(left) = left else { return Ok(()) };
        bail!(
            "partition {partition} of {topic:?} has no checkpoint for the group {:?} in {}, but {} files in {} hold rows of \
             it, such as {}: its records would be counted twice. If the checkpoints lie elsewhere or the group was renamed, \
             correct state.url or kafka.group. If they are lost: `demograph state adopt` goes on behind what the tables hold. \
             To count again: another output.url, or `demograph state reset`",
            self.tables.group,
            self.stores.state.place(),
            left.files,
            self.stores.tables.place(),
            left.example
        );
    }

    /// Publishes what the head's outbox was to publish, as far as that was not done.
    fn publish_head(&self, partition: i32, chain: &Chain, saved: &Saved) -> anyhow::Result<()> {
        let Some(head) = chain.head().filter(|_| saved.publish) else {
            return Ok(());
        };
        let edition = Edition {
            partition,
            seq: head.seq,
            origin: head.origin(),
            terms: Arc::new(saved.terms.clone()),
        };
        for written in self.tables.files(&saved.publication(), &edition)? {
            self.insist(|stores| state::publish(stores, &written.file, &edition.origin))?;
        }
        Ok(())
    }

    /// The state, and the windows that the rolling views had before.
    fn resumed(&self, partition: i32, saved: Saved) -> anyhow::Result<Resumed> {
        let chain = &self.chains[&partition];
        let since = clock::now().minus(self.history);
        let mut history =
            self.insist(|stores| chain.history(stores, &self.meaning.terms, since))?;
        if !saved.publish {
            history.extend(saved.outbox.iter().cloned());
        }
        Ok(Resumed {
            partition,
            saved,
            history,
        })
    }

    /// Writes the end of what was counted on other terms, or with another key; the rest goes on, on those of today.
    fn settled(&mut self, partition: i32, saved: Saved) -> anyhow::Result<Option<Resumed>> {
        let (settings, key) = (&self.settings, &self.track_key);
        let today = &self.meaning.terms;
        let cut = Shard::settle(partition, saved, settings, key, today, clock::now());
        let saved = Saved::decode(&cut.saved).context("a state that was just encoded")?;
        if cut.publication.is_some() && !matches!(self.write(vec![cut])?[..], [Ack::Durable { .. }])
        {
            return Ok(None);
        }
        Ok(Some(Resumed {
            partition,
            saved: Saved {
                terms: (*self.meaning.terms).clone(),
                ..saved.once_published()
            },
            history: Vec::new(),
        }))
    }

    /// Asks the store until it answers, but not for ever.
    pub(super) fn insist<T>(
        &self,
        mut ask: impl FnMut(&dyn Objects) -> Result<T, Halt>,
    ) -> anyhow::Result<T> {
        let deadline = clock::now().plus(self.stall_max);
        let mut is_first = true;
        loop {
            let error = match ask(&self.stores) {
                Ok(answer) => {
                    if !is_first {
                        tracing::info!("the store answers again");
                    }
                    return Ok(answer);
                }
                Err(Halt::Store(error)) => error,
                Err(other) => bail!(other),
            };
            self.metrics.store_errors.inc();
            if std::mem::take(&mut is_first) {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "the store does not answer: reading waits, and asking goes on"
                );
            }
            if clock::now() >= deadline {
                return Err(
                    error.context("the store failed for longer than limits.store_stall_max")
                );
            }
            if self.shutdown.has_failed() {
                bail!("another stage failed");
            }
            clock::pause(ASK_AGAIN);
        }
    }
}

#[cfg(test)]
mod tests;
