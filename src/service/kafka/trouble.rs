//! What the client complains of, told apart: login, TLS, permission, absence, no answer. With what to do.

use std::fmt;

use rdkafka::error::RDKafkaErrorCode;

/// One complaint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub code: RDKafkaErrorCode,
    /// librdkafka's own words.
    pub reason: String,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Nobody listens there, or the way is closed. Another broker of the list may answer.
    Unreachable,
    /// No broker of the list can be reached.
    NoBroker,
    /// The host's name is not known.
    UnknownHost,
    /// The two sides do not agree on TLS.
    Tls,
    /// The name, the secret or the mechanism is not accepted.
    Login,
    TopicForbidden,
    GroupForbidden,
    NoTopic,
    Other,
}

impl Cause {
    /// Whether waiting may mend it.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::Unreachable | Self::UnknownHost | Self::Other)
    }
}

impl Trouble {
    pub fn cause(&self) -> Cause {
        use RDKafkaErrorCode as Code;
        match self.code {
            Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState => Cause::Login,
            Code::SSL => Cause::Tls,
            Code::Resolve => Cause::UnknownHost,
            Code::AllBrokersDown => Cause::NoBroker,
            Code::BrokerTransportFailure | Code::OperationTimedOut => match self.is_about_tls() {
                true => Cause::Tls,
                false => Cause::Unreachable,
            },
            Code::TopicAuthorizationFailed => Cause::TopicForbidden,
            Code::GroupAuthorizationFailed => Cause::GroupForbidden,
            Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
                Cause::NoTopic
            }
            _ => Cause::Other,
        }
    }

    /// What a person reads about it. `certificate` says what is wrong with the broker's, as far as that is known.
    pub(super) fn told(&self, topic: &str, group: &str, certificate: Option<String>) -> String {
        match (self.cause(), certificate) {
            (Cause::NoTopic, _) => {
                format!("kafka.topic = {topic:?} does not exist: create it, or correct the name")
            }
            (Cause::TopicForbidden, _) => format!("kafka.topic = {topic:?}: {self}"),
            (Cause::GroupForbidden, _) => format!("kafka.group = {group:?}: {self}"),
            (Cause::Tls, Some(words)) => {
                format!("the broker's certificate is not accepted: {words}; {self}")
            }
            _ => self.to_string(),
        }
    }

    /// The `host:port` that librdkafka names.
    pub(super) fn address(&self) -> Option<&str> {
        let (_, rest) = self.reason.split_once("://")?;
        let (address, _) = rest.split_once('/')?;
        address.contains(':').then_some(address)
    }

    /// A listener of the other kind hangs up, which looks like a broken line.
    fn is_about_tls(&self) -> bool {
        let reason = self.reason.to_lowercase();
        [
            "ssl handshake",
            "ssl_handshake",
            "connecting to a ssl",
            "connecting to a plaintext",
        ]
        .iter()
        .any(|words| reason.contains(words))
    }
}

/// The client's complaints while an answer is awaited.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    last: Option<Trouble>,
}

impl Complaints {
    /// Takes a complaint. If waiting does not mend it, the error is the trouble to tell.
    pub(super) fn hear(&mut self, trouble: Trouble) -> Result<(), Trouble> {
        match trouble.cause() {
            // Says less than what came before it.
            Cause::NoBroker => Err(self.last.take().unwrap_or(trouble)),
            cause if cause.may_pass() => {
                // The same comes as a bare code, too, which does not replace the reason.
                if self.last.is_none() || !trouble.reason.is_empty() {
                    self.last = Some(trouble);
                }
                Ok(())
            }
            _ => Err(trouble),
        }
    }

    /// What waiting did not mend.
    pub(super) fn into_last(self) -> Option<Trouble> {
        self.last
    }
}

impl fmt::Display for Trouble {
    /// What is wrong and what to do, then librdkafka's own words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.cause() {
            Cause::Unreachable | Cause::NoBroker => {
                "no broker can be reached: check kafka.brokers (host and port), the network between, and that the \
                 broker runs"
            }
            Cause::UnknownHost => {
                "the name of a broker cannot be resolved: check the host in kafka.brokers, and what the brokers \
                 call themselves (advertised.listeners)"
            }
            Cause::Tls => {
                "the TLS connection is refused: check security.protocol (SSL or SASL_SSL for a listener with TLS), \
                 ssl.ca.location, the certificate's name and date, and the client's own certificate"
            }
            Cause::Login => {
                "the broker refuses the login: check sasl.mechanism, sasl.username and sasl.password"
            }
            Cause::TopicForbidden => {
                "not authorised for the topic: allow READ and DESCRIBE on it (brokers do not say whether a topic exists to a client that may not see it)"
            }
            Cause::GroupForbidden => "not authorised for the group: allow READ on it",
            Cause::NoTopic => "the topic does not exist: create it, or correct kafka.topic",
            Cause::Other => "the broker answers with an error",
        };
        match self.reason.as_str() {
            "" => write!(f, "{words} ({})", self.code),
            reason => write!(f, "{words} ({reason})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(code: RDKafkaErrorCode, reason: &str) -> Cause {
        let reason = reason.to_owned();
        Trouble { code, reason }.cause()
    }

    #[test]
    fn causes_are_told_apart() {
        use RDKafkaErrorCode as Code;
        let refused =
            "127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused";
        let plain =
            "SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?";
        let verify = "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed";
        let hung_up = "Disconnected (after 5ms in state SSL_HANDSHAKE)";
        for (code, reason, expected) in [
            (Code::BrokerTransportFailure, refused, Cause::Unreachable),
            (Code::BrokerTransportFailure, hung_up, Cause::Tls),
            (Code::BrokerTransportFailure, plain, Cause::Tls),
            (Code::SSL, verify, Cause::Tls),
            (
                Code::Authentication,
                "SASL authentication error",
                Cause::Login,
            ),
            (
                Code::Resolve,
                "Failed to resolve 'kafka:9092'",
                Cause::UnknownHost,
            ),
            // Each of the words that tell of TLS, alone.
            (
                Code::BrokerTransportFailure,
                "SSL handshake failed",
                Cause::Tls,
            ),
            (
                Code::BrokerTransportFailure,
                "Disconnected: connecting to a SSL listener?",
                Cause::Tls,
            ),
            (
                Code::OperationTimedOut,
                "Disconnected: connecting to a PLAINTEXT broker listener?",
                Cause::Tls,
            ),
            (Code::OperationTimedOut, "", Cause::Unreachable),
            (
                Code::AllBrokersDown,
                "2/2 brokers are down",
                Cause::NoBroker,
            ),
            (Code::SaslAuthenticationFailed, "", Cause::Login),
            (Code::UnsupportedSASLMechanism, "", Cause::Login),
            (Code::IllegalSASLState, "", Cause::Login),
            (Code::UnknownTopic, "", Cause::NoTopic),
            (Code::UnknownPartition, "", Cause::NoTopic),
            (Code::NotCoordinator, "", Cause::Other),
            (Code::TopicAuthorizationFailed, "", Cause::TopicForbidden),
            (Code::GroupAuthorizationFailed, "", Cause::GroupForbidden),
            (Code::UnknownTopicOrPartition, "", Cause::NoTopic),
        ] {
            assert_eq!(cause(code, reason), expected, "{reason}");
        }
    }

    #[test]
    fn the_broker_s_address_is_found_in_the_report() {
        let trouble = |reason: &str| Trouble {
            code: RDKafkaErrorCode::SSL,
            reason: reason.into(),
        };
        let named = trouble("sasl_ssl://kafka-1:9093/bootstrap: SSL handshake failed");
        assert_eq!(named.address(), Some("kafka-1:9093"));
        assert_eq!(trouble("SSL handshake failed").address(), None);
        assert_eq!(trouble("ssl://kafka-1/bootstrap: failed").address(), None);
    }

    fn trouble(code: RDKafkaErrorCode, reason: &str) -> Trouble {
        Trouble {
            code,
            reason: reason.into(),
        }
    }

    #[test]
    fn each_cause_is_told_with_its_own_remedy() {
        use RDKafkaErrorCode as Code;
        for (code, remedy) in [
            (
                Code::BrokerTransportFailure,
                "check kafka.brokers (host and port)",
            ),
            (Code::AllBrokersDown, "check kafka.brokers (host and port)"),
            (Code::Resolve, "advertised.listeners"),
            (Code::SSL, "ssl.ca.location"),
            (Code::Authentication, "sasl.password"),
            (
                Code::TopicAuthorizationFailed,
                "kafka.topic = \"faces\": not authorised for the topic",
            ),
            (
                Code::GroupAuthorizationFailed,
                "kafka.group = \"g\": not authorised for the group",
            ),
            (Code::UnknownTopic, "kafka.topic = \"faces\" does not exist"),
            (Code::NotCoordinator, "the broker answers with an error"),
        ] {
            let told = |reason| trouble(code, reason).told("faces", "g", None);
            assert!(told("").contains(remedy), "{}", told(""));
            if code != Code::UnknownTopic {
                assert!(
                    told("own words").ends_with("(own words)"),
                    "{}",
                    told("own words")
                );
                assert!(told("").ends_with(&format!("({code})")), "{}", told(""));
            }
        }
        // What OpenSSL says is of interest only where TLS is the cause.
        let expired = || Some("certificate has expired".to_owned());
        let tls = trouble(Code::SSL, "verify failed").told("faces", "g", expired());
        assert!(
            tls.starts_with("the broker's certificate is not accepted: certificate has expired; ")
        );
        let login = trouble(Code::Authentication, "").told("faces", "g", expired());
        assert!(!login.contains("expired"), "{login}");
    }

    #[test]
    fn complaints_that_may_pass_are_kept_and_others_are_told_at_once() {
        use RDKafkaErrorCode as Code;
        let mut heard = Complaints::default();
        let refused = trouble(Code::BrokerTransportFailure, "Connection refused");
        heard.hear(refused.clone()).unwrap();
        // The same without its reason.
        heard
            .hear(trouble(Code::BrokerTransportFailure, ""))
            .unwrap();
        assert_eq!(heard.last.as_ref(), Some(&refused));
        let unknown = trouble(Code::Resolve, "Failed to resolve");
        heard.hear(unknown.clone()).unwrap();
        heard.hear(trouble(Code::NotCoordinator, "")).unwrap();
        assert_eq!(heard.last.as_ref(), Some(&unknown));
        for code in [
            Code::SSL,
            Code::Authentication,
            Code::TopicAuthorizationFailed,
            Code::GroupAuthorizationFailed,
            Code::UnknownTopic,
        ] {
            let other = trouble(code, "now");
            assert_eq!(heard.hear(other.clone()), Err(other));
        }
        // That no broker is left is told by what came before.
        let down = trouble(Code::AllBrokersDown, "1/1 brokers are down");
        assert_eq!(heard.hear(down.clone()), Err(unknown.clone()));
        assert_eq!(Complaints::default().hear(down.clone()), Err(down));
        let mut silent = Complaints::default();
        silent.hear(unknown.clone()).unwrap();
        assert_eq!(silent.into_last(), Some(unknown));
        assert_eq!(Complaints::default().into_last(), None);
    }
}
