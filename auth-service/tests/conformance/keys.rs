//! Keys.

use std::{collections::HashSet, sync::Arc, time::Duration};

use auth_service::{
    events::Event,
    keys::{
        KeyState, StoredRefreshKey, StoredSigningKey,
        life::{Demand, Step},
    },
    sealing::Sealed,
};

use crate::{START, World, on_every_engine};

on_every_engine!(
    an_empty_database_has_no_keys,
    of_many_installations_at_once_one_is_kept,
    of_many_rotations_at_once_one_is_made,
    a_key_lives_its_life_step_by_step,
    a_revoked_key_is_replaced_and_then_gone,
    a_key_is_sealed_anew_once,
);

fn signing(id: usize) -> StoredSigningKey {
    StoredSigningKey {
        id: format!("key-{id}"),
        state: KeyState::Active,
        x: vec![1; 32],
        y: vec![2; 32],
        sealed: Sealed {
            master_key_id: "master".to_owned(),
            bytes: vec![3; 60],
        },
        create_time: START,
        state_time: START,
    }
}

fn refresh() -> StoredRefreshKey {
    StoredRefreshKey {
        id: 0,
        sealed: Sealed {
            master_key_id: "master".to_owned(),
            bytes: vec![4; 60],
        },
        create_time: START,
    }
}

async fn an_empty_database_has_no_keys(world: World) {
    assert!(world.keys.keys().await.unwrap().is_none());
}

async fn of_many_installations_at_once_one_is_kept(world: World) {
    let world = Arc::new(world);
    let installations = (0..20).map(|id| {
        let world = world.clone();
        tokio::spawn(async move { world.keys.keys_or_install(signing(id), refresh()).await.unwrap() })
    });
    let mut kept = HashSet::new();
    for installation in installations.collect::<Vec<_>>() {
        let keys = installation.await.unwrap();
        assert_eq!((keys.signing.len(), keys.refresh.len()), (1, 1));
        kept.insert(keys.signing[0].id.clone());
    }
    assert_eq!(kept.len(), 1);
    let world = Arc::into_inner(world).unwrap().reopened().await;
    let keys = world.keys.keys().await.unwrap().unwrap();
    assert!(kept.contains(&keys.signing[0].id));
    assert_eq!(keys.signing[0].state, KeyState::Active);
    assert_eq!(keys.signing[0].sealed, signing(0).sealed);
    assert_eq!((keys.refresh[0].id, &keys.refresh[0].sealed), (0, &refresh().sealed));
}

async fn installed(world: World) -> World {
    world.keys.keys_or_install(signing(0), refresh()).await.unwrap();
    world
}

fn states(keys: &[StoredSigningKey]) -> Vec<(&str, KeyState)> {
    let mut states: Vec<_> = keys.iter().map(|key| (&*key.id, key.state)).collect();
    states.sort_by_key(|state| state.0);
    states
}

async fn events(world: &World) -> Vec<Event> {
    let events = world.events.events_after(0, 100).await.unwrap();
    events.into_iter().map(|event| event.event).collect()
}

async fn of_many_rotations_at_once_one_is_made(world: World) {
    let world = Arc::new(installed(world).await);
    let rotations = (1..=20).map(|id| {
        let world = world.clone();
        tokio::spawn(async move { world.keys.turn_keys(Demand::Rotate, signing(id), START).await.unwrap() })
    });
    let mut steps = Vec::new();
    for rotation in rotations.collect::<Vec<_>>() {
        let (taken, keys) = rotation.await.unwrap();
        assert_eq!(keys.len(), 2);
        steps.extend(taken);
    }
    assert_eq!(steps, [Step::Publish]);
    assert_eq!(events(&world).await, [Event::KeysChanged]);
}

async fn a_key_lives_its_life_step_by_step(world: World) {
    let world = installed(world).await;
    let schedule = Demand::Schedule {
        rotation: Duration::from_hours(24),
    };
    let mut now = START;
    for (later, expected) in [
        (Duration::from_hours(23), vec![("key-0", KeyState::Active)]),
        (
            Duration::from_mins(50),
            vec![("key-0", KeyState::Active), ("key-1", KeyState::Pending)],
        ),
        (
            Duration::from_mins(10),
            vec![("key-0", KeyState::Retired), ("key-1", KeyState::Active)],
        ),
        (Duration::from_mins(65), vec![("key-1", KeyState::Active)]),
    ] {
        now = now.plus(later);
        let candidate = StoredSigningKey {
            create_time: now,
            state_time: now,
            ..signing(1)
        };
        let (_, keys) = world.keys.turn_keys(schedule.clone(), candidate, now).await.unwrap();
        assert_eq!(states(&keys), expected);
        let stored = world.keys.keys().await.unwrap().unwrap();
        assert_eq!(states(&stored.signing), expected);
    }
    assert_eq!(events(&world).await, vec![Event::KeysChanged; 3]);
}

async fn a_revoked_key_is_replaced_and_then_gone(world: World) {
    let world = installed(world).await;
    let revoke = |key_id: &str| Demand::Revoke {
        key_id: key_id.to_owned(),
    };
    let (steps, keys) = world.keys.turn_keys(revoke("key-0"), signing(1), START).await.unwrap();
    assert_eq!(steps, [Step::Publish]);
    assert_eq!(
        states(&keys),
        [("key-0", KeyState::Active), ("key-1", KeyState::Pending)]
    );
    // Not before every verifier has it.
    let (steps, _) = world.keys.turn_keys(revoke("key-0"), signing(2), START).await.unwrap();
    assert_eq!(steps, []);
    let heard = START.plus(Duration::from_secs(1));
    let (steps, keys) = world.keys.turn_keys(revoke("key-0"), signing(2), heard).await.unwrap();
    assert_eq!(steps, [Step::Activate("key-1".to_owned())]);
    assert_eq!(
        states(&keys),
        [("key-0", KeyState::Retired), ("key-1", KeyState::Active)]
    );
    let (steps, keys) = world.keys.turn_keys(revoke("key-0"), signing(2), heard).await.unwrap();
    assert_eq!(steps, [Step::Remove("key-0".to_owned())]);
    assert_eq!(states(&keys), [("key-1", KeyState::Active)]);
    let revoked = Event::KeyRevoked {
        key_id: "key-0".to_owned(),
    };
    assert_eq!(
        events(&world).await,
        [Event::KeysChanged, Event::KeysChanged, revoked, Event::KeysChanged]
    );
    let (steps, _) = world.keys.turn_keys(revoke("key-0"), signing(2), START).await.unwrap();
    assert_eq!(steps, []);
    assert_eq!(events(&world).await.len(), 4);
}

async fn a_key_is_sealed_anew_once(world: World) {
    let world = installed(world).await;
    let renewed = |byte: u8| Sealed {
        master_key_id: "newer".to_owned(),
        bytes: vec![byte; 60],
    };
    for byte in [7, 8] {
        world
            .keys
            .reseal_signing_key("key-0", &signing(0).sealed, renewed(byte))
            .await
            .unwrap();
        world
            .keys
            .reseal_refresh_key(0, &refresh().sealed, renewed(byte))
            .await
            .unwrap();
    }
    let keys = world.keys.keys().await.unwrap().unwrap();
    assert_eq!(
        (&keys.signing[0].sealed, &keys.refresh[0].sealed),
        (&renewed(7), &renewed(7))
    );
}
