//! Many at once.

use std::{collections::HashSet, sync::Arc};

use http::Method;
use proto::auth::v1::RefreshRequest;
use serde_json::json;
use tokio::task::JoinSet;
use tonic::Code;

use crate::world::{PASSWORD, World, assert_refused};

/// SE-11, half over gRPC and half over REST.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_refreshes_of_one_token_have_one_successor() {
    let world = Arc::new(World::new().await);
    let token = world.person("ada").await.tokens.refresh_token;
    let mut calls = JoinSet::new();
    for number in 0..50 {
        let (world, token) = (world.clone(), token.clone());
        calls.spawn(async move {
            if number % 2 == 0 {
                let request = RefreshRequest { refresh_token: token };
                let answer = world.auth.clone().refresh(request).await.unwrap().into_inner();
                return answer.tokens.unwrap().refresh_token;
            }
            let answer = world
                .send(
                    Method::POST,
                    "/v1/auth/refresh",
                    &[],
                    Some(&json!({"refreshToken": token})),
                )
                .await;
            answer.json["tokens"]["refreshToken"].as_str().unwrap().to_owned()
        });
    }
    let successors: HashSet<_> = calls.join_all().await.into_iter().collect();
    assert_eq!(successors.len(), 1);
    for refresh_token in successors {
        world
            .auth
            .clone()
            .refresh(RefreshRequest { refresh_token })
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_creations_at_once_all_succeed() {
    let world = Arc::new(World::new().await);
    let ada = Arc::new(world.person("ada").await);
    let mut calls = JoinSet::new();
    for number in 0..100 {
        let (world, ada) = (world.clone(), ada.clone());
        calls.spawn(async move { ada.create(&world, &format!("Task {number}")).await.id });
    }
    let ids: HashSet<_> = calls.join_all().await.into_iter().collect();
    assert_eq!(ids.len(), 100);
    let list = ada.send(&world, Method::GET, "/v1/tasks?pageSize=1000", None).await;
    assert_eq!(list.json["tasks"].as_array().unwrap().len(), 100);
}

/// AR-05: too many logins are refused, and neither refreshes nor tasks suffer an error.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_logins_leaves_the_others_alone() {
    let world = Arc::new(World::unthrottled().await);
    let ada = world.person("ada").await;
    let mut logins = JoinSet::new();
    for _ in 0..200 {
        let world = world.clone();
        logins.spawn(async move { world.login("ada@example.com", PASSWORD).await });
    }
    let mut refresh_token = ada.tokens.refresh_token.clone();
    for number in 0..20 {
        ada.create(&world, &format!("Task {number}")).await;
        let answer = world
            .auth
            .clone()
            .refresh(RefreshRequest { refresh_token })
            .await
            .unwrap();
        refresh_token = answer.into_inner().tokens.unwrap().refresh_token;
    }
    for login in logins.join_all().await {
        if login.is_err() {
            assert_refused(login, Code::ResourceExhausted, "OVERLOADED");
        }
    }
}
