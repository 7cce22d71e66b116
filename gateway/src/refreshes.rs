//! Refreshes of browser sessions, one at a time for each: twenty tabs that wake with an ended access token need one.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use tokio::time::Instant;

use crate::{cookies::Tokens, problem::Problem};

/// So long after a refresh began, its tokens are given to requests that were sent before its answer was there. Shorter
/// than the 30 seconds in which auth-service itself repeats them, which is what makes several gateways agree.
const KEPT: Duration = Duration::from_secs(10);
/// More sessions are refreshed without regard to one another.
const MAX_KEPT: usize = 100_000;

type Refreshed = Result<Tokens, Problem>;

/// What is being refreshed, and what was a moment ago.
#[derive(Default)]
pub(crate) struct Refreshes(Mutex<Flights>);

#[derive(Default)]
struct Flights {
    by_token: HashMap<String, Flight>,
    tidied: Option<Instant>,
}

struct Flight {
    refreshed: Shared<BoxFuture<'static, Refreshed>>,
    began: Instant,
}

impl Refreshes {
    /// What came of the refresh of a token. It is called if nobody does or just did, and goes on when who asked first is
    /// gone.
    pub(crate) async fn refresh(&self, token: &str, call: impl FnOnce() -> BoxFuture<'static, Refreshed>) -> Refreshed {
        let now = Instant::now();
        let flight = {
            let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            flights.tidy(now);
            match flights.by_token.get(token).filter(|flight| flight.is_good(now)) {
                Some(flight) => flight.refreshed.clone(),
                None => flights.begin(token, call(), now),
            }
        };
        flight.await
    }
}

impl Flights {
    fn begin(
        &mut self,
        token: &str,
        call: BoxFuture<'static, Refreshed>,
        now: Instant,
    ) -> Shared<BoxFuture<'static, Refreshed>> {
        let call = tokio::spawn(call);
        let refreshed = async { call.await.unwrap_or_else(|_| Err(Problem::internal())) };
        let refreshed = refreshed.boxed().shared();
        if self.by_token.len() < MAX_KEPT {
            let flight = Flight {
                refreshed: refreshed.clone(),
                began: now,
            };
            self.by_token.insert(token.to_owned(), flight);
        }
        refreshed
    }

    /// Forgets what is over; once a second, because it looks at all.
    fn tidy(&mut self, now: Instant) {
        if self.tidied.is_none_or(|tidied| now > tidied + Duration::from_secs(1)) {
            self.by_token.retain(|_, flight| flight.is_good(now));
            self.tidied = Some(now);
        }
    }
}

impl Flight {
    /// Whether it serves who asks now: it is under way, or succeeded a moment ago.
    fn is_good(&self, now: Instant) -> bool {
        match self.refreshed.peek() {
            None => true,
            Some(Ok(_)) => now < self.began + KEPT,
            Some(Err(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    };

    use futures_util::future::join_all;
    use tokio::time::{advance, sleep};
    use zeroize::Zeroizing;

    use super::*;

    #[derive(Clone, Default)]
    struct Service {
        calls: Arc<AtomicUsize>,
        is_down: bool,
    }

    impl Service {
        fn call(&self) -> BoxFuture<'static, Refreshed> {
            let service = self.clone();
            async move {
                let number = service.calls.fetch_add(1, Relaxed);
                sleep(Duration::from_millis(5)).await;
                if service.is_down {
                    return Err(Problem::new("UNAVAILABLE", "away"));
                }
                Ok(Tokens {
                    access: Zeroizing::new(format!("access {number}")),
                    refresh: Zeroizing::new(format!("refresh {number}")),
                    access_seconds: 300,
                    refresh_seconds: 3000,
                })
            }
            .boxed()
        }

        fn calls(&self) -> usize {
            self.calls.load(Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn br_07_twenty_tabs_need_one_refresh() {
        let (refreshes, service) = (Refreshes::default(), Service::default());
        let tabs = join_all((0..20).map(|_| refreshes.refresh("a", || service.call()))).await;
        for tab in tabs {
            assert_eq!(&**tab.expect("tokens").access, "access 0");
        }
        let late = refreshes.refresh("a", || service.call()).await;
        assert_eq!(
            &**late.expect("tokens").access,
            "access 0",
            "sent before it knew the answer"
        );
        refreshes.refresh("b", || service.call()).await.expect("tokens");
        assert_eq!(service.calls(), 2, "another session has its own");
        advance(KEPT).await;
        refreshes.refresh("a", || service.call()).await.expect("tokens");
        assert_eq!(service.calls(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_tried_again() {
        let (refreshes, mut service) = (Refreshes::default(), Service::default());
        service.is_down = true;
        let tabs = join_all((0..20).map(|_| refreshes.refresh("a", || service.call()))).await;
        assert!(tabs.iter().all(Result::is_err));
        service.is_down = false;
        refreshes.refresh("a", || service.call()).await.expect("tokens");
        assert_eq!(service.calls(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn it_goes_on_without_who_asked_first() {
        let (refreshes, service) = (Refreshes::default(), Service::default());
        assert!(refreshes.refresh("a", || service.call()).now_or_never().is_none());
        let other = refreshes.refresh("a", || service.call()).await;
        assert_eq!(&**other.expect("tokens").access, "access 0");
        assert_eq!(service.calls(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_over_is_forgotten() {
        let (refreshes, service) = (Refreshes::default(), Service::default());
        for number in 0..100 {
            let token = number.to_string();
            refreshes.refresh(&token, || service.call()).await.expect("tokens");
        }
        advance(KEPT).await;
        refreshes.refresh("one more", || service.call()).await.expect("tokens");
        assert_eq!(refreshes.0.lock().expect("no panic").by_token.len(), 1);
    }
}
