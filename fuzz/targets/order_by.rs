//! `input` is an `order_by`.

#![no_main]

use std::sync::LazyLock;

use fuzz::world::World;
use libfuzzer_sys::fuzz_target;
use proto::task::v1 as wire;
use task_service::{error::TaskError, fuzzing, task::Task};

static WORLD: LazyLock<World> = LazyLock::new(World::new);

fuzz_target!(|input: &str| {
    let Some(order) = fuzzing::order(input) else {
        assert!(matches!(
            page(input, 0, String::new()),
            Err(TaskError::FieldsInvalid(_))
        ));
        return;
    };
    assert!((1..=5).contains(&order.keys().len()), "{order:?}");
    // The list is the same whatever the pages.
    let whole = pages(input, 1000);
    assert_eq!(whole.len(), WORLD.count);
    assert_eq!(pages(input, 1), whole);
    assert_eq!(pages(input, 3), whole);
});

fn pages(order_by: &str, page_size: i32) -> Vec<Task> {
    let mut tasks = Vec::new();
    let mut page_token = String::new();
    loop {
        let page = page(order_by, page_size, page_token).expect("the order can be used");
        tasks.extend(page.tasks);
        assert!(tasks.len() <= WORLD.count, "it goes round in circles");
        if page.next_page_token.is_empty() {
            return tasks;
        }
        page_token = page.next_page_token;
    }
}

fn page(order_by: &str, page_size: i32, page_token: String) -> Result<task_service::pages::Page, TaskError> {
    WORLD.list(&wire::ListTasksRequest {
        order_by: order_by.to_owned(),
        page_size,
        page_token,
        show_deleted: true,
        ..wire::ListTasksRequest::default()
    })
}
