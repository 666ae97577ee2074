//! The partitions that this instance has, how far each one is, and the writer's answers about them. Pure.
//!
//! Promises: every assignment has a ticket, and an answer counts only for the assignment that asked for it; an answer
//! that comes while another one is awaited is kept; a partition that is assigned and not read is seen to wait.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use demograph_core::record::EventTime;

use super::{feed::Resumed, write::Ack};

/// The number of an assignment.
pub type Ticket = u64;

/// What the reader has to do about an answer of the writer.
#[derive(Debug)]
pub(super) enum Answer {
    /// Read these partitions.
    Begin(BTreeMap<i32, Option<Resumed>>),
    /// Commit this offset.
    Commit { partition: i32, next_offset: i64 },
    /// Join the group anew: another instance owns this partition.
    Rejoin(i32),
    /// Nothing: the assignment that asked is gone.
    Nothing,
}

/// The partitions that the group has assigned.
#[derive(Debug, Default)]
pub(super) struct Assignment {
    last_ticket: Ticket,
    /// Asked for: the writer looks where they begin.
    asked: BTreeMap<Ticket, BTreeSet<i32>>,
    /// Begun, by partition.
    begun: BTreeMap<i32, Ticket>,
    /// Nothing was heard of them yet, neither a record nor the end of the log.
    unread: BTreeMap<i32, EventTime>,
}

impl Assignment {
    /// The group has assigned these partitions. The ticket stands for them until the writer answers.
    pub(super) fn expect(&mut self, partitions: &[i32], now: EventTime) -> Ticket {
        self.last_ticket += 1;
        let partitions = partitions.iter().copied();
        self.unread
            .extend(partitions.clone().map(|partition| (partition, now)));
        self.asked.insert(self.last_ticket, partitions.collect());
        self.last_ticket
    }

    /// Takes an answer of the writer.
    pub(super) fn hear(&mut self, ack: Ack) -> Answer {
        match ack {
            Ack::Durable {
                partition,
                next_offset,
            } => Answer::Commit {
                partition,
                next_offset,
            },
            Ack::Recovered {
                ticket,
                mut recovered,
            } => match self.begin(ticket) {
                Some(wanted) => {
                    recovered.retain(|partition, _| wanted.contains(partition));
                    Answer::Begin(recovered)
                }
                None => Answer::Nothing,
            },
            Ack::Fenced { partition, ticket } if self.holds(partition, ticket) => {
                Answer::Rejoin(partition)
            }
            Ack::Fenced { .. } | Ack::Drained => Answer::Nothing,
        }
    }

    /// The writer has answered: which of the ticket's partitions are to be begun. `None` if all of them are gone, or
    /// were assigned anew, which is another ticket.
    fn begin(&mut self, ticket: Ticket) -> Option<BTreeSet<i32>> {
        let partitions = self.asked.remove(&ticket)?;
        self.begun
            .extend(partitions.iter().map(|&partition| (partition, ticket)));
        Some(partitions)
    }

    /// Something was heard of the partition.
    pub(super) fn heard_of(&mut self, partition: i32) {
        self.unread.remove(&partition);
    }

    /// Whether the partition is read under this ticket.
    fn holds(&self, partition: i32, ticket: Ticket) -> bool {
        self.begun.get(&partition) == Some(&ticket)
    }

    /// The partitions go away. Returns those that were begun.
    pub(super) fn release(&mut self, partitions: &[i32]) -> Vec<i32> {
        self.asked.retain(|_, asked| {
            let before = asked.len();
            asked.retain(|partition| !partitions.contains(partition));
            // Nothing is left of what was asked for: the answer does not matter.
            asked.len() == before || !asked.is_empty()
        });
        for partition in partitions {
            self.unread.remove(partition);
        }
        let mut gone = partitions.to_vec();
        gone.retain(|partition| self.begun.remove(partition).is_some());
        gone
    }

    /// The partitions that are begun.
    pub(super) fn begun(&self) -> Vec<i32> {
        self.begun.keys().copied().collect()
    }

    /// How many assigned partitions have not been heard of yet.
    pub(super) fn waiting(&self) -> usize {
        self.unread.len()
    }

    /// The assigned partitions that have not been heard of for this long.
    pub(super) fn waiting_for(&self, now: EventTime, millis: i64) -> Vec<i32> {
        let long = self
            .unread
            .iter()
            .filter(|(_, since)| since.plus(millis) <= now);
        long.map(|(&partition, _)| partition).collect()
    }
}

/// What is heard from the writer until everything that was sent is durable.
#[derive(Debug, Default)]
pub(super) struct Drain {
    /// The next offset of each partition that is durable.
    pub durable: BTreeMap<i32, i64>,
    /// Answers that have nothing to do with it: for later, in their order.
    later: VecDeque<Ack>,
}

impl Drain {
    /// Takes what the writer says; true when everything is durable.
    pub(super) fn hear(&mut self, ack: Ack) -> bool {
        match ack {
            Ack::Drained => return true,
            Ack::Durable {
                partition,
                next_offset,
            } => drop(self.durable.insert(partition, next_offset)),
            Ack::Recovered { .. } | Ack::Fenced { .. } => self.later.push_back(ack),
        }
        false
    }

    /// What is left to be heard: what was kept, before what came after the drain.
    pub(super) fn rest(mut self, mut after: VecDeque<Ack>) -> VecDeque<Ack> {
        self.later.append(&mut after);
        self.later
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: EventTime = EventTime(0);

    fn durable(partition: i32, next_offset: i64) -> Ack {
        Ack::Durable {
            partition,
            next_offset,
        }
    }

    fn begun(assignment: &mut Assignment, ticket: Ticket) -> Vec<i32> {
        let partitions = assignment.begin(ticket);
        partitions.into_iter().flatten().collect()
    }

    #[test]
    fn an_answer_counts_only_for_the_assignment_that_asked() {
        let mut assignment = Assignment::default();
        let first = assignment.expect(&[0, 1], NOW);
        assert_eq!(assignment.release(&[0]), Vec::<i32>::new());
        // Another instance had it meanwhile and wrote: the first answer is out of date.
        let second = assignment.expect(&[0], NOW);
        assert_eq!(begun(&mut assignment, first), [1]);
        assert!(!assignment.holds(0, first));
        assert_eq!(begun(&mut assignment, second), [0]);
        assert!(assignment.holds(0, second) && !assignment.holds(0, first));
    }

    #[test]
    fn an_answer_whose_partitions_are_gone_begins_nothing() {
        let mut assignment = Assignment::default();
        let gone = assignment.expect(&[0], NOW);
        assignment.release(&[0]);
        assert_eq!(assignment.begin(gone), None);
        // An assignment of no partition wants an answer, too.
        let empty = assignment.expect(&[], NOW);
        assignment.release(&[0]);
        assert_eq!(assignment.begin(empty), Some(BTreeSet::new()));
        assert_eq!(assignment.begin(empty), None);
    }

    #[test]
    fn a_partition_waits_until_something_is_heard_of_it() {
        let mut assignment = Assignment::default();
        let ticket = assignment.expect(&[0, 1], NOW);
        assert_eq!(assignment.waiting_for(EventTime(60_000), 60_000), [0, 1]);
        assignment.begin(ticket);
        // Begun is not read: its leader may be away.
        assert_eq!(assignment.waiting(), 2);
        assignment.heard_of(0);
        assert_eq!(assignment.waiting_for(EventTime(60_000), 60_000), [1]);
        assert!(assignment.waiting_for(EventTime(59_999), 60_000).is_empty());
        assignment.release(&[1]);
        assert_eq!(assignment.waiting(), 0);
    }

    #[test]
    fn what_is_said_while_a_partition_drains_is_kept_for_later() {
        let mut drain = Drain::default();
        let fenced = Ack::Fenced {
            partition: 2,
            ticket: 1,
        };
        let recovered = Ack::Recovered {
            ticket: 2,
            recovered: BTreeMap::new(),
        };
        for ack in [
            durable(0, 7),
            fenced,
            durable(1, 3),
            recovered,
            durable(0, 9),
        ] {
            assert!(!drain.hear(ack));
        }
        assert!(drain.hear(Ack::Drained));
        assert_eq!(drain.durable, BTreeMap::from([(0, 9), (1, 3)]));
        let mut rest = drain.rest(VecDeque::from([durable(0, 10)]));
        assert!(matches!(
            rest.make_contiguous(),
            [
                Ack::Fenced { partition: 2, .. },
                Ack::Recovered { ticket: 2, .. },
                Ack::Durable {
                    next_offset: 10,
                    ..
                }
            ]
        ));
    }

    #[test]
    fn an_answer_is_heard_by_the_assignment_that_asked_and_by_no_other() {
        let mut assignment = Assignment::default();
        let recovered = |ticket, partitions: &[i32]| Ack::Recovered {
            ticket,
            recovered: partitions
                .iter()
                .map(|&partition| (partition, None))
                .collect(),
        };
        let fenced = |partition, ticket| Ack::Fenced { partition, ticket };
        let first = assignment.expect(&[0, 1], NOW);
        // It is not begun yet.
        assert!(matches!(assignment.hear(fenced(0, first)), Answer::Nothing));
        assignment.release(&[1]);
        let second = assignment.expect(&[1], NOW);
        let Answer::Begin(begun) = assignment.hear(recovered(first, &[0, 1])) else {
            panic!("it was asked for");
        };
        assert_eq!(begun.into_keys().collect::<Vec<_>>(), [0]);
        assert!(matches!(
            assignment.hear(recovered(first, &[0, 1])),
            Answer::Nothing
        ));
        assert!(matches!(
            assignment.hear(recovered(second, &[1])),
            Answer::Begin(_)
        ));
        assert!(matches!(
            assignment.hear(fenced(0, second)),
            Answer::Nothing
        ));
        assert!(matches!(assignment.hear(fenced(1, first)), Answer::Nothing));
        assert!(matches!(
            assignment.hear(fenced(1, second)),
            Answer::Rejoin(1)
        ));
        assert!(matches!(
            assignment.hear(durable(0, 7)),
            Answer::Commit {
                partition: 0,
                next_offset: 7
            }
        ));
        assert!(matches!(assignment.hear(Ack::Drained), Answer::Nothing));
    }

    /// One thing that happens.
    #[derive(Debug, Clone)]
    enum Event {
        Assigned(i32),
        Revoked(i32),
        /// The writer answers the oldest question that is open.
        Answered,
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (0..4).prop_map(Event::Assigned),
            (0..4).prop_map(Event::Revoked),
            Just(Event::Answered),
        ]
    }

    proptest! {
        #[test]
        fn once_every_question_is_answered_what_is_assigned_is_begun_by_its_last_ticket(
            events in prop::collection::vec(event(), 0..40)
        ) {
            let mut assignment = Assignment::default();
            let (mut questions, mut assigned) = (VecDeque::new(), BTreeMap::new());
            for event in events {
                match event {
                    Event::Assigned(partition) if !assigned.contains_key(&partition) => {
                        let ticket = assignment.expect(&[partition], NOW);
                        assigned.insert(partition, ticket);
                        questions.push_back(ticket);
                    }
                    Event::Assigned(_) => {}
                    Event::Revoked(partition) => {
                        assignment.release(&[partition]);
                        assigned.remove(&partition);
                    }
                    Event::Answered => drop(questions.pop_front().map(|ticket| assignment.begin(ticket))),
                }
            }
            for ticket in questions {
                assignment.begin(ticket);
            }
            prop_assert_eq!(&assignment.begun, &assigned);
            prop_assert_eq!(assignment.waiting(), assigned.len());
        }
    }
}
