//! PUT: a resource's frozen set of fields, replaced as a whole.

use platform::wire_error::WireError;
use prost_types::FieldMask;
use tonic::Code;

use crate::{
    far_end::Reply,
    kitchen::{self, Dish, UpdateDishRequest},
};

fn replacement(dish: Dish) -> UpdateDishRequest {
    UpdateDishRequest {
        dish: Some(dish),
        update_mask: Some(FieldMask {
            paths: vec!["title".to_owned(), "size".to_owned()],
        }),
        request_id: String::new(),
    }
}

#[tokio::test]
async fn a_put_replaces_the_frozen_fields() {
    let world = kitchen::start().await;
    let soup = |title: &str, size: i32| Dish {
        name: "soup".to_owned(),
        title: title.to_owned(),
        size,
        ..Dish::default()
    };
    for (body, expected) in [
        (r#"{"title": "Soup", "size": 2}"#, soup("Soup", 2)),
        (r#"{"title": "Soup"}"#, soup("Soup", 0)),
        (r#"{"title": null, "size": 2}"#, soup("", 2)),
        ("{}", soup("", 0)),
    ] {
        let answer = world.send_json("PUT /v1/dishes/soup", body).await;
        assert_eq!(answer.status, 200, "{body}: {answer:?}");
        let sent = world.task.call().message::<UpdateDishRequest>();
        assert_eq!(sent, replacement(expected), "{body}");
    }
}

#[tokio::test]
async fn a_put_that_is_not_clear_is_refused() {
    let world = kitchen::start().await;
    let put = "PUT /v1/dishes/soup";
    for (line, body, field) in [
        (put, r#"{"title": "Soup", "colour": "red"}"#, "dish.colour"),
        (put, r#"{"name": "stew"}"#, "dish.name"),
        (put, "null", "dish"),
        (put, "[]", "dish"),
        ("PUT /v1/dishes/soup?updateMask=title", "{}", "update_mask"),
    ] {
        world.send_json(line, body).await.assert_names(field);
    }
    world.send(put).await.assert_problem(400, "MESSAGE_MALFORMED");
    assert!(world.task.calls().is_empty());
}

#[tokio::test]
async fn a_put_takes_the_headers_of_a_patch() {
    let world = kitchen::start().await;
    let headers = [
        "content-type: application/json",
        "if-match: \"7\"",
        "idempotency-key: once",
    ];
    let put = async || world.send_with("PUT /v1/dishes/soup", &headers, "{}").await;
    assert_eq!(put().await.status, 200);
    let mut expected = replacement(Dish {
        name: "soup".to_owned(),
        etag: "7".to_owned(),
        ..Dish::default()
    });
    "once".clone_into(&mut expected.request_id);
    assert_eq!(world.task.call().message::<UpdateDishRequest>(), expected);

    let mismatch = WireError::new(Code::Aborted, "ETAG_MISMATCH", "it was changed");
    world.task.replies(Reply::Status(mismatch.into()));
    put().await.assert_problem(412, "ETAG_MISMATCH");
}

#[tokio::test]
async fn a_path_that_can_be_put_says_so() {
    let world = kitchen::start().await;
    let refused = world.send("DELETE /v1/dishes/soup").await;
    refused.assert_problem(405, "METHOD_NOT_ALLOWED");
    assert_eq!(refused.header("allow"), Some("OPTIONS, PATCH, PUT"));
}
