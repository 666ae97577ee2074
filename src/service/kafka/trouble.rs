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
    }
}
