//! The token by which services know the gateway: signed anew now and then, not for each call.

use std::sync::{Mutex, PoisonError};

use http::HeaderValue;
use platform::{
    clock::{Clock, Timestamp},
    service_credential::{Role, ServiceKeys},
};

/// So long it is sent; it is good for a minute.
const SENT_SECONDS: i64 = 10;

/// The token that was signed last.
#[derive(Default)]
pub(crate) struct ServiceToken(Mutex<Option<(Timestamp, HeaderValue)>>);

impl ServiceToken {
    /// The token, as metadata; `None` never happens.
    pub(crate) fn current(&self, keys: &ServiceKeys, clock: &dyn Clock) -> Option<HeaderValue> {
        let now = clock.now();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let age = last.as_ref().map(|(signed, _)| now.as_seconds() - signed.as_seconds());
        if !age.is_some_and(|age| (0..SENT_SECONDS).contains(&age)) {
            let token = HeaderValue::try_from(keys.sign(Role::Gateway, clock)).ok()?;
            *last = Some((now, token));
        }
        last.as_ref().map(|(_, token)| token.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use platform::{secret::Secret, testing::ManualClock};

    use super::*;

    #[test]
    fn it_is_good_whenever_it_is_sent() {
        let clock = ManualClock::new();
        let keys = ServiceKeys::new(vec![Secret::new([7; 32])]).expect("a key");
        let token = ServiceToken::default();
        let current = || token.current(&keys, &clock).expect("a token");
        let is_good = |token: &HeaderValue| keys.verify(token.to_str().expect("ASCII"), &clock).is_some();
        let first = current();
        for (seconds, same) in [(0, true), (9, true), (1, false), (100, false)] {
            clock.advance(Duration::from_secs(seconds));
            let now = current();
            assert!(is_good(&now));
            assert_eq!(now == first, same, "after {seconds} s");
        }
        clock.advance(Duration::from_secs(200));
        assert!(!is_good(&first), "known, but over");
    }
}
