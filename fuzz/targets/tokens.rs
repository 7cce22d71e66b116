//! `input` is a token, and the content of one.

#![no_main]

use std::sync::LazyLock;

use fuzz::{dice::Dice, world::World};
use libfuzzer_sys::fuzz_target;
use proto::task::v1 as wire;
use task_service::{
    error::TaskError,
    fuzzing::{self, Purpose},
};
use uuid::Uuid;

static WORLD: LazyLock<World> = LazyLock::new(World::new);

/// So many bytes of a token are changed, one at a time.
const CHANGES: usize = 32;

fuzz_target!(|input: &[u8]| {
    made_up(input);
    sealed(input);
    opened(input);
});

/// Nobody can make a token up.
fn made_up(input: &[u8]) {
    let Ok(token) = str::from_utf8(input) else { return };
    for purpose in [Purpose::Page(b""), Purpose::SyncPage(""), Purpose::Sync] {
        assert_eq!(WORLD.tasks.open(WORLD.owner, purpose, token), None);
    }
}

/// A token opens for its owner and purpose alone, and only if no byte of it is another.
fn sealed(input: &[u8]) {
    let mut dice = Dice::of(input);
    let (content, query) = input.split_at(dice.roll(input.len() + 1));
    let text = String::from_utf8_lossy(query);
    let purposes = [Purpose::Page(query), Purpose::SyncPage(&text), Purpose::Sync];
    let purpose = purposes[dice.roll(purposes.len())];
    let token = WORLD.tasks.seal(WORLD.owner, purpose, content.to_owned());
    let open = |token: &str, purpose| WORLD.tasks.open(WORLD.owner, purpose, token);
    assert_eq!(open(&token, purpose).as_deref(), Some(content));

    for other in purposes.into_iter().filter(|other| *other != purpose) {
        assert_eq!(open(&token, other), None, "{other:?} for {purpose:?}");
    }
    let (longer, longer_text) = ([query, b"\0"].concat(), format!("{text}\0"));
    for other in [Purpose::Page(&longer), Purpose::SyncPage(&longer_text)] {
        assert_eq!(open(&token, other), None, "{other:?} for {purpose:?}");
    }
    let somebody_else = fuzzing::owner(Uuid::from_u128(2));
    assert_eq!(WORLD.tasks.open(somebody_else, purpose, &token), None);

    let bytes = token.as_bytes();
    for _ in 0..CHANGES {
        let (place, change) = (dice.roll(bytes.len()), 1 + dice.roll(127));
        let mut changed = bytes.to_owned();
        changed[place] ^= u8::try_from(change).unwrap_or(1);
        let changed = String::from_utf8(changed).expect("it stays ASCII");
        assert_eq!(open(&changed, purpose), None, "{changed} for {token}");
    }
    for other in [&token[..token.len() - 1], &format!("{token}="), &format!("{token}A")] {
        assert_eq!(open(other, purpose), None, "{other} for {token}");
    }
}

/// Whatever a token of ours may hold, it is read back as it was written, and a list or a synchronisation that goes on
/// with it comes to an end.
fn opened(input: &[u8]) {
    if let Some((_, again)) = fuzzing::cursor(input) {
        assert_eq!(again, input, "two contents of one cursor");
        for order_by in ["", "priority", "title desc,due", "due desc,priority,updated"] {
            let mut request = wire::ListTasksRequest {
                order_by: order_by.to_owned(),
                ..wire::ListTasksRequest::default()
            };
            let identity = fuzzing::identity(&request);
            request.page_token = WORLD
                .tasks
                .seal(WORLD.owner, Purpose::Page(&identity), input.to_owned());
            match WORLD.list(&request) {
                // The store refuses a cursor of another order, which no token of ours has.
                Ok(_) | Err(TaskError::Store(_)) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    }
    if let Some(again) = fuzzing::progress(input) {
        assert_eq!(again, input, "two contents of one progress");
        let sync_token = WORLD.tasks.seal(WORLD.owner, Purpose::Sync, input.to_owned());
        let page_token = WORLD
            .tasks
            .seal(WORLD.owner, Purpose::SyncPage(&sync_token), input.to_owned());
        for page_token in [String::new(), page_token] {
            let request = wire::SyncTasksRequest {
                sync_token: sync_token.clone(),
                page_token,
                ..wire::SyncTasksRequest::default()
            };
            match WORLD.sync(&request) {
                Ok(_) | Err(TaskError::SyncTokenExpired) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    }
}
