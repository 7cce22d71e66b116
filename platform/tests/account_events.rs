//! The follower of account events: what it does when the stream breaks off or falls silent.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{
    future::BoxFuture,
    stream::{self, StreamExt as _},
};
use platform::{
    account_events::{EventFollower, EventSource, Messages},
    clock::Clock as _,
    testing::{ManualClock, TestIssuer},
    verification::{KeyRing, Revocations},
};
use proto::auth::v1::{AccountEvent, SessionEnded, WatchAccountEventsResponse, account_event::Event};
use tokio::time::{Instant, sleep};
use tonic::Status;
use uuid::Uuid;

/// Each connection tells of one session and ends as its turn says.
#[derive(Clone)]
struct Streams {
    ends: Arc<[End]>,
    /// With which cursors it was asked, and when.
    asked: Arc<Mutex<Vec<(String, Duration)>>>,
    began: Instant,
    clock: Arc<ManualClock>,
}

#[derive(Clone, Copy)]
enum End {
    Refused,
    Broken,
    Silent,
}

impl EventSource for Streams {
    fn watch(&self, cursor: String) -> BoxFuture<'_, Result<Messages, Status>> {
        let mut asked = self.asked.lock().unwrap();
        let turn = asked.len();
        asked.push((cursor, self.began.elapsed()));
        let end = self.ends.get(turn).copied().unwrap_or(End::Silent);
        let now = self.clock.now();
        Box::pin(async move {
            let told = WatchAccountEventsResponse {
                events: vec![AccountEvent {
                    event_time: Some(now.into()),
                    forget_time: Some(now.plus(Duration::from_hours(1)).into()),
                    event: Some(Event::SessionEnded(SessionEnded {
                        session_id: Uuid::from_u128(turn as u128).to_string(),
                    })),
                }],
                cursor: (turn + 1).to_string(),
                caught_up: true,
            };
            let told = stream::iter([Ok(told)]);
            match end {
                End::Refused => Err(Status::unavailable("away")),
                End::Broken => Ok(told.chain(stream::iter([Err(Status::unavailable("gone"))])).boxed()),
                End::Silent => Ok(told.chain(stream::pending()).boxed()),
            }
        })
    }

    fn acknowledge(&self, _: Uuid) -> BoxFuture<'_, Result<(), Status>> {
        Box::pin(async { Ok(()) })
    }
}

fn follower(ends: &[End]) -> (Arc<EventFollower>, Streams) {
    let clock = Arc::new(ManualClock::new());
    let streams = Streams {
        ends: ends.into(),
        asked: Arc::default(),
        began: Instant::now(),
        clock: clock.clone(),
    };
    let keys = Arc::new(KeyRing::new(TestIssuer::new("https://holdfast.example", "key")));
    let (follower, _) = EventFollower::new(streams.clone(), keys, Arc::<Revocations>::default(), clock);
    (Arc::new(follower), streams)
}

/// A stream that falls silent is told by readiness, and asked for anew from where it was.
#[tokio::test(start_paused = true)]
async fn a_silent_stream_turns_readiness_off_and_is_asked_for_anew() {
    let (follower, streams) = follower(&[End::Silent, End::Refused, End::Silent]);
    assert!(follower.check().is_err(), "nothing was heard yet");
    let following = tokio::spawn({
        let follower = follower.clone();
        async move { follower.follow().await }
    });
    sleep(Duration::from_secs(11)).await;
    follower.check().unwrap();
    assert_eq!(follower.lag().as_secs(), 11);
    // After twelve seconds it is given up; the next connection is refused, and the one after that is heard.
    sleep(Duration::from_millis(1040)).await;
    assert!(follower.check().is_err());
    sleep(Duration::from_secs(2)).await;
    follower.check().unwrap();
    assert!(follower.lag() < Duration::from_secs(2));
    let cursors: Vec<_> = streams
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|(cursor, _)| cursor.clone())
        .collect();
    assert_eq!(cursors, ["", "1", "1"]);
    following.abort();
}

/// Nobody is asked in a loop: the pauses double up to half a second, so that all is heard within a second of a return.
#[tokio::test(start_paused = true)]
async fn who_is_away_is_asked_less_and_less() {
    let (follower, streams) = follower(&[
        End::Broken,
        End::Refused,
        End::Refused,
        End::Refused,
        End::Refused,
        End::Refused,
    ]);
    let following = tokio::spawn(async move { follower.follow().await });
    sleep(Duration::from_secs(6)).await;
    let times: Vec<_> = streams
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|(_, time)| time.as_millis())
        .collect();
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses[..6], [50, 100, 200, 400, 500, 500]);
    following.abort();
}
