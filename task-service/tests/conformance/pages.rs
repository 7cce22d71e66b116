//! `list`.

use task_service::{
    change::Change,
    condition::{Condition, TextField},
    order::Cursor,
    owner::OwnerId,
    query::Query,
    task::Task,
};

use crate::world::World;

async fn page(world: &World, owner: OwnerId, after: Option<Cursor>, limit: usize) -> Vec<Task> {
    let page = world
        .store
        .list(owner, &Query::everything(), after.as_ref(), limit)
        .await;
    page.expect("the store answers").tasks
}

fn after(task: &Task) -> Cursor {
    Query::everything().order.after(task)
}

pub(crate) async fn every_task_is_listed_once_newest_first(world: World) {
    let anna = world.somebody().await;
    let ben = world.somebody().await;
    let mut expected = Vec::new();
    // Five moments, five tasks each, whose ids are not in the order of their creation.
    for number in 0..25 {
        if number % 5 == 0 {
            world.tick();
        }
        expected.push(world.task(anna, &number.to_string()).await);
        world.task(ben, "another's").await;
    }
    expected.sort_by_key(|task| std::cmp::Reverse((task.create_time, task.id)));
    for limit in [1, 2, 3, 5, 24, 25, 26] {
        let mut listed: Vec<Task> = Vec::new();
        loop {
            let place = listed.last().map(after);
            let page = page(&world, anna, place, limit).await;
            let full = page.len() == limit;
            listed.extend(page);
            if !full {
                break;
            }
        }
        assert_eq!(listed, expected, "{limit} at a time");
    }
}

pub(crate) async fn tasks_that_come_and_go_move_no_others(world: World) {
    let anna = world.somebody().await;
    let mut tasks = Vec::new();
    for number in 0..9 {
        world.tick();
        tasks.push(world.task(anna, &number.to_string()).await);
    }
    tasks.reverse();
    let first = page(&world, anna, None, 3).await;
    assert_eq!(first, tasks[..3]);

    world.tick();
    world.task(anna, "newer than all").await;
    for gone in [&tasks[2], &tasks[4]] {
        world.change(anna, world.edit(gone.id, Change::Delete)).await;
    }
    let second = page(&world, anna, Some(after(&first[2])), 3).await;
    assert_eq!(second, [tasks[3].clone(), tasks[5].clone(), tasks[6].clone()]);
    let third = page(&world, anna, Some(after(&second[2])), 3).await;
    assert_eq!(third, tasks[7..]);
}

pub(crate) async fn a_filter_leaves_out_the_other_state(world: World) {
    let anna = world.somebody().await;
    let mut ids = [Vec::new(), Vec::new()];
    for number in 0..6_usize {
        world.tick();
        let task = world.task(anna, &number.to_string()).await;
        if number % 2 == 1 {
            world.change(anna, world.edit(task.id, Change::completed(true))).await;
        }
        ids[number % 2].insert(0, task.id);
    }
    for (completed, expected) in [(false, &ids[0]), (true, &ids[1])] {
        let query = Query {
            condition: Condition::Completed(completed),
            ..Query::everything()
        };
        let listed = world.store.list(anna, &query, None, 10).await;
        let listed: Vec<_> = listed
            .expect("the store answers")
            .tasks
            .iter()
            .map(|task| task.id)
            .collect();
        assert_eq!(&listed, expected);
    }
}

/// The position is never ahead of the tasks: with nothing to list, in every way to list.
pub(crate) async fn a_list_says_how_far_it_was_read(world: World) {
    let anna = world.somebody().await;
    let searched = Condition::Contains {
        field: TextField::Either,
        text: "nothing has this".to_owned(),
    };
    let queries = [
        Condition::everything(),
        Condition::Completed(true),
        Condition::Not(Box::new(Condition::Completed(true))),
        searched,
    ]
    .map(|condition| Query {
        condition,
        ..Query::everything()
    });
    for expected in 0..3 {
        for query in &queries {
            let listed = world.store.list(anna, query, None, 10).await;
            assert_eq!(listed.expect("the store answers").read_seq, expected, "{query:?}");
        }
        world.task(anna, "a change").await;
    }
    // Whatever is written meanwhile.
    let writing = async {
        for _ in 0..30 {
            world.task(anna, "another").await;
        }
    };
    let reading = async {
        for _ in 0..30 {
            let listed = world.store.list(anna, &queries[0], None, 1000).await;
            let listed = listed.expect("the store answers");
            let newest = listed.tasks.iter().map(|task| task.change_seq).max();
            assert!(newest >= Some(listed.read_seq), "{newest:?}, {}", listed.read_seq);
        }
    };
    tokio::join!(writing, reading);
}
