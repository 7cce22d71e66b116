//! Keys.

use std::{collections::HashSet, sync::Arc};

use auth_service::{
    keys::{KeyState, StoredRefreshKey, StoredSigningKey},
    sealing::Sealed,
};

use crate::{START, World, on_every_engine};

on_every_engine!(an_empty_database_has_no_keys, of_many_installations_at_once_one_is_kept);

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
