//! What lies in a job. apalis ends a queue's worker at a payload that its codec refuses; a job that another version of
//! Postroad wrote must not do that, so everything that is JSON is taken, and the handler says what it could not read.

use postroad_core::jobs::Job;
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::Error};
use serde_json::Value;

/// The payload of a job, or why it is none.
#[derive(Debug, Clone)]
pub(crate) enum Payload<J> {
    Job(J),
    Unreadable(String),
}

impl<'de, J: Job> Deserialize<'de> for Payload<J> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(J::deserialize(value).map_or_else(|error| Self::Unreadable(error.to_string()), Self::Job))
    }
}

impl<J: Job> Serialize for Payload<J> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Job(job) => job.serialize(serializer),
            Self::Unreadable(why) => Err(S::Error::custom(why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use postroad_core::jobs::{Maintain, WakeLane};

    use super::*;

    #[test]
    fn a_job_of_another_version_is_told_and_not_an_error() {
        let of = |text: &str| serde_json::from_str::<Payload<WakeLane>>(text).expect("it is JSON");
        assert!(matches!(of(r#"{"of":"another version"}"#), Payload::Unreadable(why) if why.contains("missing field")));
        assert!(matches!(of("7"), Payload::Unreadable(_)));
        assert!(serde_json::from_str::<Payload<WakeLane>>("no JSON").is_err());
    }

    #[test]
    fn a_job_is_stored_as_itself() {
        let text = r#"{"task":"prune","slot":1}"#;
        let payload: Payload<Maintain> = serde_json::from_str(text).expect("a job");
        assert_eq!(serde_json::to_string(&payload).expect("a job is JSON"), text);
    }
}
