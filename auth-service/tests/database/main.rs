//! What is asked of the database, and by which index it is found.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

mod plans;
mod upgrade;

use auth_service::{
    audit::{Act, AuditKeys, NewAuditRecord},
    sessions::Client,
};
use aws_lc_rs::hmac;
use platform::clock::Timestamp;

/// What the audit log is to say of an act at that time; which act it is does not matter.
fn record(time: Timestamp) -> NewAuditRecord {
    keys().record(Act::SignedIn, &Client::default(), time)
}

fn keys() -> AuditKeys {
    AuditKeys::new(vec![(0, hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]))]).unwrap()
}
