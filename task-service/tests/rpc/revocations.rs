//! What auth-service ended is refused, though its token is still good.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::BoxFuture;
use platform::{
    clock::Clock as _,
    entropy::{SystemEntropy, uuid_v4},
    testing::TestIssuer,
    verification::KeySource,
};
use proto::{
    auth::v1::{
        AccountDeleted, AccountEvent, JsonWebKey, KeyRevoked, KeysChanged, SessionEnded, TokensWithdrawn,
        account_event::Event,
    },
    task::v1::ListTasksRequest,
};
use tokio::time::{Instant, sleep};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::world::{Client, ISSUER, World, titled};

impl World {
    /// Told by auth-service now; any token of that time has ended when it is forgotten.
    pub(crate) fn tell(&self, event: Event) {
        self.events.tell(AccountEvent {
            event_time: Some(self.clock.now().into()),
            forget_time: Some(self.clock.now().plus(Duration::from_mins(6)).into()),
            event: Some(event),
        });
    }

    fn token(&self, subject: Uuid, session: Uuid) -> Client {
        self.client(&self.issuer.token(subject, session, self.clock.now()))
    }
}

/// A key set that a test changes.
#[derive(Clone, Default)]
struct Published(Arc<Mutex<Vec<JsonWebKey>>>);

impl Published {
    fn publish(&self, issuers: &[&TestIssuer]) {
        let keys = issuers.iter().map(|issuer| issuer.public_key()).collect();
        *self.0.lock().expect("nothing panicked") = keys;
    }
}

impl KeySource for Published {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<JsonWebKey>, String>> {
        Box::pin(async { Ok(self.0.lock().expect("nothing panicked").clone()) })
    }
}

fn new_id() -> Uuid {
    uuid_v4(&SystemEntropy)
}

async fn list(client: &Client) -> Result<usize, Status> {
    let answer = client.clone().list_tasks(ListTasksRequest::default()).await?;
    Ok(answer.into_inner().tasks.len())
}

/// Waits until it is refused, which must come within a second.
async fn refused(client: &Client) -> String {
    let deadline = Instant::now() + Duration::from_secs(1);
    loop {
        match list(client).await {
            Ok(_) => assert!(Instant::now() < deadline, "it is still accepted"),
            Err(status) => {
                assert_eq!(status.code(), Code::Unauthenticated, "{status}");
                return status
                    .get_error_details()
                    .error_info()
                    .expect("a reason")
                    .reason
                    .clone();
            }
        }
        sleep(Duration::from_millis(2)).await;
    }
}

/// SE-04: also of a token that was verified before.
#[tokio::test]
async fn an_ended_session_is_refused_and_no_other() {
    let world = World::start().await;
    let (subject, session) = (new_id(), new_id());
    let (ended, other) = (world.token(subject, session), world.token(subject, new_id()));
    assert_eq!((list(&ended).await.ok(), list(&other).await.ok()), (Some(0), Some(0)));
    world.tell(Event::SessionEnded(SessionEnded {
        session_id: session.to_string(),
    }));
    assert_eq!(refused(&ended).await, "SESSION_REVOKED");
    // Another token of it, never seen before.
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(refused(&world.token(subject, session)).await, "SESSION_REVOKED");
    assert_eq!(list(&other).await.ok(), Some(0));
}

/// SE-05, SE-08.
#[tokio::test]
async fn withdrawn_tokens_are_refused_and_later_ones_are_not() {
    let world = World::start().await;
    let (ada, ben) = (new_id(), new_id());
    let (of_ada, of_ben) = (world.token(ada, new_id()), world.token(ben, new_id()));
    world.clock.advance(Duration::from_secs(1));
    world.tell(Event::TokensWithdrawn(TokensWithdrawn {
        account_id: ada.to_string(),
    }));
    assert_eq!(refused(&of_ada).await, "SESSION_REVOKED");
    assert_eq!(list(&of_ben).await.ok(), Some(0));
    // What names nobody that there can be withdraws nothing.
    world.tell(Event::TokensWithdrawn(TokensWithdrawn {
        account_id: "rubbish".to_owned(),
    }));
    // A token of the same second may be one that came after.
    assert_eq!(list(&world.token(ada, new_id())).await.ok(), Some(0));
    let later = world.token(ada, new_id());
    world.clock.advance(Duration::from_secs(1));
    world.tell(Event::TokensWithdrawn(TokensWithdrawn::default()));
    assert_eq!(refused(&of_ben).await, "SESSION_REVOKED");
    assert_eq!(refused(&later).await, "SESSION_REVOKED");
    assert_eq!(list(&world.token(ben, new_id())).await.ok(), Some(0));
}

/// TK-15: tokens of a revoked key go with it, though the key set still has it.
#[tokio::test]
async fn a_revoked_key_takes_its_tokens_with_it() {
    let world = World::start().await;
    let client = world.token(new_id(), new_id());
    assert_eq!(list(&client).await.ok(), Some(0));
    let key_id = world.issuer.public_key().kid;
    world.tell(Event::KeyRevoked(KeyRevoked { key_id }));
    assert_eq!(refused(&client).await, "TOKEN_INVALID");
    world.tell(Event::KeysChanged(KeysChanged {}));
    sleep(Duration::from_millis(200)).await;
    assert_eq!(refused(&client).await, "TOKEN_INVALID");
}

/// A token of a brand-new key is accepted as soon as it is told that there is one, whatever was asked before.
#[tokio::test]
async fn a_new_key_is_fetched_when_it_is_told() {
    let keys = Published::default();
    let (old, new) = (TestIssuer::new(ISSUER, "old"), TestIssuer::new(ISSUER, "new"));
    keys.publish(&[&old]);
    let world = World::start_with(new.clone(), Box::new(keys.clone())).await;
    let client = world.token(new_id(), new_id());
    // The set was fetched just now, without the key; it is not asked for again for ten seconds.
    assert_eq!(refused(&client).await, "TOKEN_INVALID");
    keys.publish(&[&old, &new]);
    assert_eq!(refused(&client).await, "TOKEN_INVALID");
    world.tell(Event::KeysChanged(KeysChanged {}));
    let deadline = Instant::now() + Duration::from_secs(1);
    while list(&client).await.is_err() {
        assert!(Instant::now() < deadline, "it is still refused");
        sleep(Duration::from_millis(2)).await;
    }
}

/// LG-05: the tasks go, the acknowledgement comes after, and nothing can be written any more.
#[tokio::test]
async fn a_deleted_account_is_erased_and_acknowledged() {
    let mut world = World::start().await;
    let subject = new_id();
    let (mut ada, mut ben) = (world.person(subject), world.somebody());
    ada.create(titled("Ada's")).await;
    ben.create(titled("Ben's")).await;
    world.tell(Event::AccountDeleted(AccountDeleted {
        account_id: subject.to_string(),
    }));
    assert_eq!(refused(&ada.tasks).await, "SESSION_REVOKED");
    let deadline = Instant::now() + Duration::from_secs(5);
    while world.events.acknowledged() != [subject] {
        assert!(Instant::now() < deadline, "it was not acknowledged");
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(list(&ben.tasks).await.ok(), Some(1));
    // A token from after, as no service would give one out, finds nothing and can write nothing.
    world.clock.advance(Duration::from_mins(10));
    let after = world.token(subject, new_id());
    assert_eq!(list(&after).await.ok(), Some(0));
    // A follower that begins anew hears it again, and says so again.
    world.restart().await;
    while world.events.acknowledged() != [subject, subject] {
        assert!(Instant::now() < deadline, "it was not acknowledged again");
        sleep(Duration::from_millis(5)).await;
    }
}
