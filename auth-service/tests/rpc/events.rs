//! Account events over the wire: who may follow, what they hear, and when the stream ends.

use std::time::Duration;

use platform::service_credential::{METADATA, Role};
use proto::auth::v1::{
    AcknowledgeErasureRequest, DeleteAccountRequest, LogoutRequest, WatchAccountEventsRequest,
    WatchAccountEventsResponse, account_event::Event, account_events_service_client::AccountEventsServiceClient,
};
use tokio::time::timeout;
use tonic::{Code, Request, Status, Streaming, transport::Channel};

use crate::world::{EMAIL, PASSWORD, World, assert_refused, bearer};

fn signed<T>(world: &World, role: Role, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let token = world.service_keys.sign(role, &*world.clock);
    request.metadata_mut().insert(METADATA, token.parse().unwrap());
    request
}

fn events(world: &World) -> AccountEventsServiceClient<Channel> {
    AccountEventsServiceClient::new(world.channel.clone())
}

async fn watch(world: &World, cursor: &str) -> Result<Streaming<WatchAccountEventsResponse>, Status> {
    let request = WatchAccountEventsRequest {
        cursor: cursor.to_owned(),
    };
    let request = signed(world, Role::TaskService, request);
    events(world)
        .watch_account_events(request)
        .await
        .map(tonic::Response::into_inner)
}

async fn next(stream: &mut Streaming<WatchAccountEventsResponse>) -> WatchAccountEventsResponse {
    timeout(Duration::from_secs(10), stream.message())
        .await
        .unwrap()
        .unwrap()
        .unwrap()
}

async fn log_out(world: &World, refresh_token: String) {
    world
        .auth
        .clone()
        .logout(LogoutRequest { refresh_token })
        .await
        .unwrap();
}

/// AP-08.
#[tokio::test]
async fn only_task_service_may_follow() {
    let world = World::new().await;
    let person = world.register(EMAIL).await.tokens.unwrap();
    let request = || WatchAccountEventsRequest::default();
    let nobody = events(&world).watch_account_events(request()).await;
    assert_refused(nobody.map(drop), Code::Unauthenticated, "SERVICE_CREDENTIAL_REQUIRED");
    let person = events(&world)
        .watch_account_events(bearer(&person.access_token, request()))
        .await;
    assert_refused(person.map(drop), Code::Unauthenticated, "SERVICE_CREDENTIAL_REQUIRED");
    let gateway = signed(&world, Role::Gateway, request());
    let gateway = events(&world).watch_account_events(gateway).await;
    assert_refused(gateway.map(drop), Code::PermissionDenied, "SERVICE_ROLE_REQUIRED");
    let acknowledge = signed(&world, Role::Gateway, AcknowledgeErasureRequest::default());
    let gateway = events(&world).acknowledge_erasure(acknowledge).await;
    assert_refused(gateway.map(drop), Code::PermissionDenied, "SERVICE_ROLE_REQUIRED");
}

#[tokio::test]
async fn a_follower_hears_what_was_and_what_comes_and_goes_on_where_it_was() {
    let world = World::new().await;
    let before = world.register(EMAIL).await.tokens.unwrap();
    let session = world.session(&before.access_token).await.unwrap().session.unwrap().id;
    log_out(&world, before.refresh_token).await;
    let mut stream = watch(&world, "").await.unwrap();
    let message = next(&mut stream).await;
    assert!(message.caught_up);
    let [event] = &*message.events else {
        panic!("{message:?}")
    };
    assert!(matches!(&event.event, Some(Event::SessionEnded(ended)) if ended.session_id == session));
    let (from, to) = (event.event_time.unwrap(), event.forget_time.unwrap());
    assert_eq!(
        to.seconds - from.seconds,
        300 + 30 + 60,
        "as long as a token of it may seem good"
    );

    let later = world.login(EMAIL, PASSWORD).await.unwrap().tokens.unwrap();
    log_out(&world, later.refresh_token).await;
    let told = next(&mut stream).await;
    assert_eq!(told.events.len(), 1);
    assert_ne!(told.cursor, message.cursor);
    drop(stream);

    let last = world.login(EMAIL, PASSWORD).await.unwrap().tokens.unwrap();
    log_out(&world, last.refresh_token).await;
    let mut stream = watch(&world, &told.cursor).await.unwrap();
    assert_eq!(next(&mut stream).await.events.len(), 1);
    // A cursor from a database that was since restored from a backup.
    let other_event = format!("{}x", told.cursor);
    for unknown in ["1000-x", "1-x", &other_event] {
        let mut stream = watch(&world, unknown).await.unwrap();
        assert_eq!(next(&mut stream).await.events.len(), 3, "{unknown}");
    }
    for bad in ["x", "1", "-1", "0-x", "9223372036854775808-x"] {
        let refused = watch(&world, bad).await;
        assert_eq!(
            assert_refused(refused.map(drop), Code::InvalidArgument, "FIELD_INVALID"),
            ["cursor"]
        );
    }
}

#[tokio::test]
async fn a_quiet_stream_beats() {
    let world = World::new().await;
    let mut stream = watch(&world, "").await.unwrap();
    for _ in 0..2 {
        let message = next(&mut stream).await;
        assert_eq!(
            (message.events.len(), message.caught_up, &*message.cursor),
            (0, true, "")
        );
    }
}

#[tokio::test]
async fn a_deletion_is_told_until_it_is_acknowledged() {
    let world = World::new().await;
    let registered = world.register(EMAIL).await;
    let account_id = registered.user.unwrap().id;
    let request = DeleteAccountRequest {
        password: PASSWORD.to_owned(),
    };
    let request = bearer(&registered.tokens.unwrap().access_token, request);
    world.auth.clone().delete_account(request).await.unwrap();
    let mut stream = watch(&world, "").await.unwrap();
    let told = next(&mut stream).await.events;
    assert!(matches!(&told[0].event, Some(Event::SessionEnded(_))));
    assert!(matches!(&told[1].event, Some(Event::AccountDeleted(deleted)) if deleted.account_id == account_id));
    for _ in 0..2 {
        let request = AcknowledgeErasureRequest {
            account_id: account_id.clone(),
        };
        let request = signed(&world, Role::TaskService, request);
        events(&world).acknowledge_erasure(request).await.unwrap();
    }
    let malformed = AcknowledgeErasureRequest {
        account_id: "rubbish".to_owned(),
    };
    let malformed = signed(&world, Role::TaskService, malformed);
    let refused = events(&world).acknowledge_erasure(malformed).await;
    assert_eq!(
        assert_refused(refused.map(drop), Code::InvalidArgument, "FIELD_INVALID"),
        ["account_id"]
    );
}

/// An open stream does not hold the shutdown up.
#[tokio::test]
async fn the_stream_ends_with_the_service() {
    let world = World::new().await;
    let mut stream = watch(&world, "").await.unwrap();
    next(&mut stream).await;
    let ending = tokio::spawn(async move {
        loop {
            if let Err(status) = stream.message().await {
                return status;
            }
        }
    });
    let _world = timeout(Duration::from_secs(5), world.restarted()).await.unwrap();
    assert_refused::<()>(Err(ending.await.unwrap()), Code::Unavailable, "UNAVAILABLE");
}
