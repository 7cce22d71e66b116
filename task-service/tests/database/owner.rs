//! Whose tasks they are.

use std::sync::Arc;

use platform::{
    clock::Clock as _,
    testing::{ManualClock, TestIssuer},
    verification::{KeyRing, Verifier},
};
use task_service::owner::OwnerId;
use uuid::Uuid;

const ISSUER: &str = "http://issuer.test";

/// There is no other way to an `OwnerId` than a verified token.
pub(crate) async fn owner(subject: Uuid) -> OwnerId {
    let (issuer, clock) = (TestIssuer::new(ISSUER, "key"), Arc::new(ManualClock::new()));
    let token = issuer.token(subject, Uuid::nil(), clock.now());
    let verifier = Verifier::new(ISSUER, Arc::new(KeyRing::new(issuer)), clock);
    OwnerId::of(&verifier.verify(&token).await.expect("the token is good"))
}
