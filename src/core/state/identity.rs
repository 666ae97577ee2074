//! Which log a chain is about. A topic that was deleted and made anew has the same name and other records; so has a
//! topic of the same name in another cluster.

use crate::hex::hex;

/// A topic of a cluster. What is not known contradicts nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogIdentity {
    /// Given by the brokers when the topic was made; old brokers give none.
    pub topic_id: Option<[u8; 16]>,
    pub cluster: Option<String>,
}

/// Why records of one log do not go on where those of another ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OtherLog {
    #[error("the topic was made anew: its id was {was}, and is {is}")]
    Topic { was: String, is: String },
    #[error("the checkpoints are of another cluster: its id was {was:?}, and is {is:?}")]
    Cluster { was: String, is: String },
}

impl LogIdentity {
    /// Whether what is read now may be the log that was read before.
    pub fn check(&self, now: &Self) -> Result<(), OtherLog> {
        if let (Some(was), Some(is)) = (&self.topic_id, &now.topic_id)
            && was != is
        {
            let [was, is] = [was, is].map(|id| hex(id));
            return Err(OtherLog::Topic { was, is });
        }
        if let (Some(was), Some(is)) = (&self.cluster, &now.cluster)
            && was != is
        {
            let (was, is) = (was.clone(), is.clone());
            return Err(OtherLog::Cluster { was, is });
        }
        Ok(())
    }

    /// The topic's id as text.
    pub fn topic(&self) -> Option<String> {
        self.topic_id.as_ref().map(|id| hex(id))
    }

    /// What was known, and what has become known since.
    pub fn or(self, now: Self) -> Self {
        Self {
            topic_id: self.topic_id.or(now.topic_id),
            cluster: self.cluster.or(now.cluster),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(topic: Option<u8>, cluster: Option<&str>) -> LogIdentity {
        LogIdentity {
            topic_id: topic.map(|byte| [byte; 16]),
            cluster: cluster.map(str::to_owned),
        }
    }

    #[test]
    fn another_topic_and_another_cluster_are_other_logs() {
        let known = log(Some(1), Some("a"));
        assert_eq!(known.check(&known), Ok(()));
        let anew = known.check(&log(Some(2), Some("a"))).unwrap_err();
        assert!(anew.to_string().contains("made anew"), "{anew}");
        let elsewhere = known.check(&log(Some(1), Some("b"))).unwrap_err();
        assert!(
            elsewhere.to_string().contains("another cluster"),
            "{elsewhere}"
        );
    }

    #[test]
    fn what_is_not_known_contradicts_nothing_and_is_adopted_once() {
        let known = log(Some(1), None);
        assert_eq!(known.check(&log(None, Some("a"))), Ok(()));
        let adopted = known.or(log(Some(2), Some("a")));
        assert_eq!(adopted, log(Some(1), Some("a")));
        assert!(adopted.check(&log(Some(1), Some("b"))).is_err());
    }
}
