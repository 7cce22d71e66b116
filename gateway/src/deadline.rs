//! How long a request may take: the client's `grpc-timeout`, or 30 seconds.

use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

use crate::problem::Problem;

/// What a request without a `grpc-timeout` gets, and the longest that a body may take to arrive.
pub(crate) const DEFAULT: Duration = Duration::from_secs(30);
/// A longer one would be no deadline.
const LONGEST: Duration = Duration::from_hours(1);

/// When a request must be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    began: Instant,
    end: Instant,
}

impl Deadline {
    /// The deadline of a request that arrives now.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let limit = match headers.get("grpc-timeout") {
            None => DEFAULT,
            Some(value) => value
                .to_str()
                .ok()
                .and_then(parse)
                .ok_or_else(|| Problem::field("grpc-timeout", "must be 1 to 8 digits and a unit (H, M, S, m, u, n)"))?
                .min(LONGEST),
        };
        let began = Instant::now();
        Ok(Self {
            began,
            end: began + limit,
        })
    }

    /// When it passes.
    pub(crate) fn end(self) -> Instant {
        self.end
    }

    /// When a body must have arrived: a long deadline is for the service's work, not for a slow sender.
    pub(crate) fn body_end(self) -> Instant {
        self.end.min(self.began + DEFAULT)
    }

    /// What is left of it.
    pub(crate) fn remaining(self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// Whether it has passed.
    pub(crate) fn has_passed(self) -> bool {
        self.remaining().is_zero()
    }
}

/// The answer when it has passed.
pub(crate) fn exceeded() -> Problem {
    Problem::new("DEADLINE_EXCEEDED", "the deadline passed")
}

/// The `grpc-timeout` header ("Requests" in the gRPC over HTTP/2 specification).
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_digits_and_a_unit() {
        assert_eq!(parse("5S"), Some(Duration::from_secs(5)));
        assert_eq!(parse("99999999n"), Some(Duration::from_nanos(99_999_999)));
        for malformed in ["", "5", "S", "123456789S", "-1S", "1.5S", "5s", "5 S", "5é"] {
            assert_eq!(parse(malformed), None, "{malformed}");
        }
    }
}
