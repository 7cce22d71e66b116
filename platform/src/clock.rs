//! Time, passed in. The ambient clocks are forbidden by `clippy.toml`.

use std::time::Duration;
#[expect(
    clippy::disallowed_types,
    reason = "the one place that reads the system's clock; everything else takes a Clock"
)]
use std::time::SystemTime;

/// A moment in UTC, in microseconds since the Unix epoch: the precision that both database engines keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment that many microseconds after the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down: a JWT's `NumericDate`.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Milliseconds since the Unix epoch, 0 before it: the clock field of a version 7 UUID.
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0.div_euclid(1_000)).unwrap_or(0)
    }

    /// This moment moved into the future; the last representable one at the most.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    /// This moment moved into the past; the first representable one at the least.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl From<Timestamp> for prost_types::Timestamp {
    fn from(timestamp: Timestamp) -> Self {
        let nanos = timestamp.0.rem_euclid(1_000_000) * 1_000;
        Self {
            seconds: timestamp.as_seconds(),
            nanos: i32::try_from(nanos).unwrap_or(0),
        }
    }
}

/// Rounded down to the microsecond; the first or last representable moment where it is beyond them.
impl From<prost_types::Timestamp> for Timestamp {
    fn from(timestamp: prost_types::Timestamp) -> Self {
        let micros = timestamp.seconds.saturating_mul(1_000_000);
        Self(micros.saturating_add(i64::from(timestamp.nanos).div_euclid(1_000)))
    }
}

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The current moment, truncated to the microsecond.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_types, reason = "see the import")]
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        // A machine whose clock stands before 1970 gets 1970.
        Timestamp(since_epoch.map_or(0, micros))
    }
}
