//! The audit log: a chain that nobody can change unnoticed, and that only whole days leave.

use std::{collections::HashSet, sync::Arc, time::Duration};

use auth_service::{
    audit::{Act, AuditRecord, KEPT, NewAuditRecord},
    sessions::EndReason,
};
use platform::{
    clock::{Clock as _, SystemClock, Timestamp},
    configuration::DatabaseUrl,
    testing::run_script,
};
use sqlx::{Postgres, Sqlite};
use uuid::Uuid;

use crate::{START, World, audit_keys, client, on_every_engine, record, sign_in};

on_every_engine!(
    the_records_form_a_chain,
    records_written_at_once_form_one_chain,
    what_happens_is_recorded_with_it_and_what_does_not_is_not,
    the_records_of_an_account_are_found,
    no_record_is_changed_or_deleted,
    whole_days_are_deleted_after_400_days,
);

const DAY: Duration = Duration::from_hours(24);

async fn all(world: &World) -> Vec<AuditRecord> {
    world.audit.audit_after(0, None, 10_000).await.unwrap()
}

/// Whether each record is the one that would be written there, from the second on.
fn is_chain(records: &[AuditRecord], rewritten: impl Fn(&AuditRecord) -> NewAuditRecord) -> bool {
    records.windows(2).all(|pair| {
        let again = rewritten(&pair[1]).linked(pair[0].sequence + 1, &pair[0].hash);
        again == pair[1]
    })
}

fn as_it_was(stored: &AuditRecord) -> NewAuditRecord {
    record(stored.time)
        .about(stored.account, stored.session)
        .saying(stored.detail.clone())
}

/// LG-03.
async fn the_records_form_a_chain(world: World) {
    assert_eq!(world.audit.last_audit().await.unwrap(), 0);
    for number in 0..3 {
        let said = record(START).about(Uuid::from_u128(number), Uuid::from_u128(9));
        world.audit.append_audit(said.saying("detail")).await.unwrap();
    }
    let records = all(&world).await;
    assert_eq!(
        records.iter().map(|record| record.sequence).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    let first = &records[0];
    assert_eq!(
        (&*first.act, first.time, &*first.detail),
        ("SIGNED_OUT", START, "detail")
    );
    assert_eq!(
        (&*first.ip_address, &*first.user_agent, &*first.request_id),
        ("192.0.2.1", "test", "request")
    );
    assert_eq!(
        (first.account, first.session),
        (Some(Uuid::nil()), Some(Uuid::from_u128(9)))
    );
    assert_eq!(*first, as_it_was(first).linked(1, &[]));
    assert!(is_chain(&records, as_it_was));
    assert_eq!(world.audit.last_audit().await.unwrap(), 3);
}

async fn records_written_at_once_form_one_chain(world: World) {
    let world = Arc::new(world);
    let writers = (0..50).map(|number| {
        let world = world.clone();
        let said = record(START).about(Uuid::from_u128(number), None);
        tokio::spawn(async move { world.audit.append_audit(said).await.unwrap() })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let records = all(&world).await;
    let accounts: HashSet<_> = records.iter().map(|record| record.account).collect();
    assert_eq!((records.len(), accounts.len()), (50, 50));
    assert!(is_chain(&records, as_it_was));
}

/// LG-01.
async fn what_happens_is_recorded_with_it_and_what_does_not_is_not(world: World) {
    let (ada, first) = world.person("ada@example.com").await;
    let second = crate::session(ada.id);
    let mut said = sign_in(START);
    said.record = said.record.about(ada.id, second.id);
    world.sessions.open_session(second.clone(), 1, said).await.unwrap();
    for _ in 0..2 {
        let ended = world.sessions.end_session(second.id, EndReason::Logout, record(START));
        ended.await.unwrap();
    }
    let records = all(&world).await;
    let what: Vec<_> = records.iter().map(|record| (&*record.act, record.session)).collect();
    assert_eq!(
        what[1..],
        [("SIGNED_IN", Some(second.id)), ("SIGNED_OUT", Some(second.id))]
    );
    assert_eq!(records[2].account, Some(ada.id), "though only the session was named");

    // What is refused leaves no record.
    let before = all(&world).await.len();
    let refused = world
        .accounts
        .change_password(ada.id, 7, "hash", first.id, record(START));
    assert_eq!(refused.await.unwrap(), None);
    let foreign = world
        .sessions
        .end_session_of(Uuid::nil(), first.id, EndReason::Revoked, record(START));
    assert!(!foreign.await.unwrap());
    assert_eq!(all(&world).await.len(), before);
}

async fn the_records_of_an_account_are_found(world: World) {
    let ids = [1, 2, 1, 1, 2].map(Uuid::from_u128);
    for id in ids {
        world.audit.append_audit(record(START).about(id, None)).await.unwrap();
    }
    let found = async |after, limit| {
        let found = world.audit.audit_after(after, Some(ids[0]), limit).await.unwrap();
        found.into_iter().map(|record| record.sequence).collect::<Vec<_>>()
    };
    assert_eq!(found(0, 10).await, [1, 3, 4]);
    assert_eq!(found(1, 1).await, [3]);
}

/// Whether the database takes a statement, which both engines understand.
async fn takes(world: &World, sql: &'static str) -> bool {
    let url = world.url.clone();
    let run = tokio::spawn(async move {
        match url {
            DatabaseUrl::Sqlite(_) => run_script::<Sqlite>(&url, sql.to_owned()).await,
            DatabaseUrl::Postgres(_) => run_script::<Postgres>(&url, sql.to_owned()).await,
        }
    });
    run.await.is_ok()
}

/// LG-03.
async fn no_record_is_changed_or_deleted(world: World) {
    let now = SystemClock.now();
    for _ in 0..3 {
        world.audit.append_audit(record(now)).await.unwrap();
    }
    let before = all(&world).await;
    for refused in [
        "UPDATE audit_records SET act = 'OTHER' WHERE sequence = 2",
        "DELETE FROM audit_records WHERE sequence = 2",
        "DELETE FROM audit_records",
        "INSERT INTO audit_closings SELECT sequence, hash, record_time, 0, hash FROM audit_records WHERE sequence = 3",
        "INSERT INTO audit_records SELECT * FROM audit_records WHERE sequence = 2
         ON CONFLICT (sequence) DO UPDATE SET act = 'OTHER'",
    ] {
        assert!(!takes(&world, refused).await, "{refused}");
    }
    if matches!(world.url, DatabaseUrl::Sqlite(_)) {
        let replace = "INSERT OR REPLACE INTO audit_records SELECT * FROM audit_records WHERE sequence = 2";
        assert!(!takes(&world, replace).await);
    } else {
        assert!(!takes(&world, "TRUNCATE audit_records").await);
    }
    assert_eq!(all(&world).await, before);
    assert!(takes(&world, "SELECT 1").await, "otherwise nothing was tried");
}

async fn whole_days_are_deleted_after_400_days(world: World) {
    let now = SystemClock.now();
    let midnight = Timestamp::from_micros(now.as_micros().div_euclid(86_400_000_000) * 86_400_000_000);
    let oldest = midnight.minus(KEPT + 3 * DAY);
    let times = [
        oldest,
        oldest.plus(DAY / 2),
        oldest.plus(DAY),
        oldest.plus(5 * DAY),
        oldest.plus(DAY),
    ];
    for time in times {
        let said = audit_keys().record(Act::SignedIn, &client(), time);
        world.audit.append_audit(said).await.unwrap();
    }
    let records = all(&world).await;
    let close = async || {
        let closed = world.audit.close_audit_day(now.minus(KEPT), now, audit_keys());
        closed.await.unwrap()
    };
    assert_eq!(world.audit.last_audit_closing().await.unwrap(), None);
    assert!(close().await);
    assert_eq!(all(&world).await, records[2..]);
    assert!(close().await);
    assert_eq!(
        all(&world).await,
        records[3..],
        "a record behind one that is kept is kept too"
    );
    let closing = world.audit.last_audit_closing().await.unwrap().unwrap();
    assert_eq!((closing.last.sequence, &closing.last.hash), (3, &records[2].hash));
    assert!(audit_keys().is_ours(&closing));
    let mut other = closing.clone();
    other.last.sequence = 4;
    assert!(!audit_keys().is_ours(&other));
    assert!(!close().await);
    // The chain goes on where it was.
    world.audit.append_audit(record(now)).await.unwrap();
    assert!(is_chain(&all(&world).await[1..], as_it_was));
    assert!(!takes(&world, "DELETE FROM audit_closings").await);
    assert!(!takes(&world, "UPDATE audit_closings SET sequence = 9").await);
}
