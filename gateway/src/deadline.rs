//! How long a request may take: the client's `grpc-timeout`, or 30 seconds, and more for an upload. An answer that streams has begun by
//! then, and may last for as long as the client's own `grpc-timeout` lets it.

use std::time::Duration;

use http::HeaderMap;
use platform::serving::{MalformedTimeout, TIMEOUT_FORM, grpc_timeout};
use tokio::time::Instant;

use crate::problem::Problem;

/// What a request without a `grpc-timeout` gets, and the longest that a body may take to arrive.
pub(crate) const DEFAULT: Duration = Duration::from_secs(30);
/// The service should be the one to say that the deadline passed; this is how much longer it is waited for.
pub(crate) const MARGIN: Duration = Duration::from_millis(500);
/// A longer one would be no deadline.
const LONGEST: Duration = Duration::from_hours(1);

/// An upload has a second more for each of these: who sends less than 64 KiB a second is too slow.
const UPLOAD_BYTES_A_SECOND: usize = 64 * 1024;

/// When a request must be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    began: Instant,
    end: Instant,
    asked: Option<Instant>,
}

impl Default for Deadline {
    /// Of a request that says nothing of it, and arrives now.
    fn default() -> Self {
        Self::new(None)
    }
}

impl Deadline {
    /// The deadline of a request that arrives now.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let asked = grpc_timeout(headers).map_err(|MalformedTimeout| Problem::field("grpc-timeout", TIMEOUT_FORM))?;
        Ok(Self::new(asked))
    }

    fn new(asked: Option<Duration>) -> Self {
        let limit = asked.map_or(DEFAULT, |asked| asked.min(LONGEST));
        let began = Instant::now();
        Self {
            began,
            end: began + limit,
            asked: asked.map(|asked| began + asked),
        }
    }

    /// The same for a request that may bring so many bytes while it is answered; the client's own still holds.
    pub(crate) fn for_upload(self, bytes: usize) -> Self {
        let more = Duration::from_secs((bytes / UPLOAD_BYTES_A_SECOND) as u64);
        Self {
            end: match self.asked {
                Some(_) => self.end,
                None => self.end + more.min(LONGEST),
            },
            ..self
        }
    }

    /// When it passes.
    pub(crate) fn end(self) -> Instant {
        self.end
    }

    /// When an answer that streams must have ended, if the client set an end.
    pub(crate) fn stream_end(self) -> Option<Instant> {
        self.asked
    }

    /// When a body must have arrived: a long deadline is for the service's work, not for a slow sender.
    pub(crate) fn body_end(self) -> Instant {
        self.end.min(self.began + DEFAULT)
    }

    /// What is left of it.
    pub(crate) fn remaining(self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }
}

/// The answer when it has passed.
pub(crate) fn exceeded() -> Problem {
    Problem::new("DEADLINE_EXCEEDED", "the deadline passed")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stream_has_no_end_but_the_clients() {
        let limits = |asked: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(asked) = asked {
                headers.insert("grpc-timeout", HeaderValue::from_static(asked));
            }
            let deadline = Deadline::of(&headers).expect("well-formed");
            let after = |end: Instant| end.duration_since(Instant::now()).as_secs();
            (after(deadline.end()), deadline.stream_end().map(after))
        };
        assert_eq!(limits(None), (30, None));
        assert_eq!(limits(Some("5S")), (5, Some(5)));
        assert_eq!(limits(Some("2H")), (3600, Some(7200)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_has_time_by_its_size() {
        let limit = |asked: Option<&'static str>, bytes: usize| {
            let mut headers = HeaderMap::new();
            if let Some(asked) = asked {
                headers.insert("grpc-timeout", HeaderValue::from_static(asked));
            }
            let deadline = Deadline::of(&headers).expect("well-formed").for_upload(bytes);
            deadline.remaining().as_secs()
        };
        assert_eq!(limit(None, 2 * 1024 * 1024), 30 + 32);
        assert_eq!(limit(None, 20 * 1024 * 1024), 30 + 320);
        assert_eq!(limit(None, usize::MAX), 30 + 3600);
        assert_eq!(limit(Some("5S"), 20 * 1024 * 1024), 5);
        assert_eq!(limit(Some("1H"), 20 * 1024 * 1024), 3600);
    }
}
