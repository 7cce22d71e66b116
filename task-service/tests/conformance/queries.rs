//! `list`, asked for anything: what comes is what a model picks and sorts.

use std::cmp::Ordering;

use platform::clock::Timestamp;
use task_service::{
    condition::{Condition, DueBound, TextField, TimeField},
    due::Due,
    order::{Order, OrderField, OrderKey},
    query::Query,
    store::Effect,
    task::{Content, Priority, Task},
};

use crate::{
    one::One as _,
    world::{World, retitled},
};

const DAY: i64 = 86_400_000_000;
const PRIORITIES: [Priority; 3] = [Priority::Low, Priority::Medium, Priority::High];
const WORDS: [&str; 8] = ["milk", "Milk", "crème", "CREME", "50%", "a_b", "back\\slash", "straße"];
const TAGS: [&str; 5] = ["home", "hom", "work%", "a_b", "two\nlines"];

/// The same numbers in the same order at every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        // Knuth's MMIX; the upper bits are the better ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % limit
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn time(&mut self) -> Timestamp {
        let days = i64::try_from(self.below(8)).expect("it is small");
        let micros = i64::try_from(self.below(3)).expect("it is small");
        Timestamp::from_micros(1_760_000_000_000_000 / DAY * DAY + days * DAY + micros)
    }

    fn maybe<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(3) > 0).then(|| value(self))
    }

    fn content(&mut self) -> Content {
        let due = match self.below(3) {
            0 => None,
            1 => Due::day_of_order(Timestamp::from_micros(self.time().as_micros() / DAY * DAY)),
            _ => Some(Due::Moment {
                at: self.time(),
                zone: "Europe/Berlin".to_owned(),
            }),
        };
        Content {
            title: format!("{} {}", self.one_of(&WORDS), self.one_of(&WORDS)),
            description: self
                .maybe(|numbers| numbers.one_of(&WORDS).to_owned())
                .unwrap_or_default(),
            completed: self.below(2) == 0,
            priority: self.one_of(&PRIORITIES),
            tags: TAGS
                .iter()
                .filter(|_| self.below(4) == 0)
                .map(|tag| (*tag).to_owned())
                .collect(),
            due,
        }
    }

    fn condition(&mut self, depth: usize) -> Condition {
        let several = |numbers: &mut Self| (0..numbers.below(4)).map(|_| numbers.condition(depth - 1)).collect();
        match self.below(if depth == 0 { 8 } else { 11 }) {
            0 => Condition::Completed(self.below(2) == 0),
            1 => Condition::Priority {
                from: self.one_of(&PRIORITIES),
                to: self.one_of(&PRIORITIES),
            },
            2 => Condition::Tag(self.one_of(&TAGS).to_owned()),
            3 => Condition::Tagged,
            4 => Condition::Due {
                from: self.maybe(Self::bound),
                before: self.maybe(Self::bound),
            },
            5 => Condition::Time {
                field: self.one_of(&[
                    TimeField::Create,
                    TimeField::Update,
                    TimeField::Complete,
                    TimeField::Delete,
                ]),
                from: self.maybe(Self::time),
                before: self.maybe(Self::time),
            },
            6 => Condition::Contains {
                field: self.one_of(&[TextField::Title, TextField::Description, TextField::Either]),
                text: self.one_of(&["MILK", "creme", "%", "_", "\\", "0", "ß", ""]).to_owned(),
            },
            7 => Condition::Equals {
                field: self.one_of(&[TextField::Title, TextField::Description, TextField::Either]),
                text: self.one_of(&["Crème", "milk MILK", "50%", "a_b", ""]).to_owned(),
            },
            8 => Condition::All(several(self)),
            9 => Condition::Any(several(self)),
            _ => Condition::Not(Box::new(self.condition(depth - 1))),
        }
    }

    fn bound(&mut self) -> DueBound {
        let moment = self.time();
        DueBound {
            moment,
            day: Timestamp::from_micros(self.time().as_micros() / DAY * DAY),
        }
    }

    fn order(&mut self) -> Vec<OrderKey> {
        let mut fields = vec![
            OrderField::Created,
            OrderField::Updated,
            OrderField::Due,
            OrderField::Priority,
            OrderField::Title,
        ];
        (0..=self.below(3))
            .map(|_| OrderKey {
                field: fields.remove(self.below(fields.len())),
                descending: self.below(2) == 0,
            })
            .collect()
    }
}

/// Good for the letters that occur here.
fn folded(text: &str) -> String {
    text.to_lowercase().replace(['é', 'è'], "e")
}

fn holds(condition: &Condition, task: &Task) -> bool {
    let content = &task.content;
    let within = |time: Timestamp, from: Option<Timestamp>, before: Option<Timestamp>| {
        from.is_none_or(|from| time >= from) && before.is_none_or(|before| time < before)
    };
    let texts = |field: &TextField| match field {
        TextField::Title => vec![folded(&content.title)],
        TextField::Description => vec![folded(&content.description)],
        TextField::Either => vec![folded(&content.title), folded(&content.description)],
    };
    match condition {
        Condition::All(all) => all.iter().all(|condition| holds(condition, task)),
        Condition::Any(any) => any.iter().any(|condition| holds(condition, task)),
        Condition::Not(condition) => !holds(condition, task),
        Condition::Completed(completed) => content.completed == *completed,
        Condition::Priority { from, to } => (*from..=*to).contains(&content.priority),
        Condition::Tag(tag) => content.tags.contains(tag),
        Condition::Tagged => !content.tags.is_empty(),
        Condition::Due { from, before } => match &content.due {
            None => false,
            Some(due @ Due::Day(_)) => within(due.order(), from.map(|from| from.day), before.map(|before| before.day)),
            Some(Due::Moment { at, .. }) => {
                within(*at, from.map(|from| from.moment), before.map(|before| before.moment))
            }
        },
        Condition::Time { field, from, before } => {
            let time = match field {
                TimeField::Create => Some(task.create_time),
                TimeField::Update => Some(task.update_time),
                TimeField::Complete => task.complete_time,
                TimeField::Delete => task.delete_time,
            };
            time.is_some_and(|time| within(time, *from, *before))
        }
        Condition::Contains { field, text } => texts(field).iter().any(|found| found.contains(&folded(text))),
        Condition::Equals { field, text } => texts(field).iter().any(|found| *found == folded(text)),
    }
}

fn compare(keys: &[OrderKey], one: &Task, other: &Task) -> Ordering {
    for OrderKey { field, descending } in keys {
        let ordering = match field {
            OrderField::Created => one.create_time.cmp(&other.create_time),
            OrderField::Updated => one.update_time.cmp(&other.update_time),
            OrderField::Priority => one.content.priority.cmp(&other.content.priority),
            OrderField::Title => folded(&one.content.title).cmp(&folded(&other.content.title)),
            OrderField::Due => match (&one.content.due, &other.content.due) {
                (Some(one), Some(other)) => one.order().cmp(&other.order()),
                (None, None) => Ordering::Equal,
                (Some(_), None) => return Ordering::Less,
                (None, Some(_)) => return Ordering::Greater,
            },
        };
        if ordering.is_ne() {
            return if *descending { ordering.reverse() } else { ordering };
        }
    }
    let ids = one.id.cmp(&other.id);
    if keys.last().is_some_and(|key| key.descending) {
        ids.reverse()
    } else {
        ids
    }
}

pub(crate) async fn what_is_listed_is_what_a_model_picks_and_sorts(world: World) {
    let mut numbers = Numbers(1);
    let (anna, ben) = (world.somebody().await, world.somebody().await);
    let mut tasks = Vec::new();
    for number in 0..80 {
        let time = numbers.time();
        let mut task = Task::new(world.new_id(), numbers.content(), time);
        task.update_time = numbers.time();
        task.complete_time = task.complete_time.map(|_| numbers.time());
        if number % 5 == 4 {
            task.delete_time = Some(numbers.time());
        }
        world.stored(ben, task.clone()).await;
        tasks.push(world.stored(anna, task).await);
    }
    for number in 0..250 {
        let keys = numbers.order();
        let query = Query {
            condition: numbers.condition(3),
            order: Order::by(keys.clone()).expect("there is a key"),
            deleted_after: numbers.maybe(Numbers::time),
        };
        let seen = |task: &&Task| match (task.delete_time, query.deleted_after) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(deleted), Some(after)) => deleted > after,
        };
        let mut expected: Vec<Task> = tasks.iter().filter(seen).cloned().collect();
        expected.retain(|task| holds(&query.condition, task));
        expected.sort_by(|one, other| compare(&keys, one, other));

        let limit = 1 + numbers.below(30);
        let mut listed: Vec<Task> = Vec::new();
        loop {
            let after = listed.last().map(|task| query.order.after(task));
            let page = world.store.list(anna, &query, after.as_ref(), limit).await;
            let page = page.expect("the store answers").tasks;
            let full = page.len() == limit;
            listed.extend(page);
            if !full {
                break;
            }
        }
        assert!(listed == expected, "query {number}: {query:#?}");
    }
}

/// Letters that change, and texts that are LIKE's own.
pub(crate) async fn a_search_finds_whatever_the_case_and_the_accents(world: World) {
    let anna = world.somebody().await;
    let task = world.task(anna, "Crème BRÛLÉE für İstanbul, 100%_\\").await;
    let found = async |text: &str| {
        let query = Query {
            condition: Condition::Contains {
                field: TextField::Either,
                text: text.to_owned(),
            },
            ..Query::everything()
        };
        let found = world
            .store
            .list(anna, &query, None, 10)
            .await
            .expect("the store answers");
        found.tasks.len() == 1
    };
    for text in [
        "creme brulee",
        "CRÈME",
        "FUR",
        "istanbul",
        "ISTANBUL",
        "100%",
        "%_\\",
        "e\u{301}e",
        "",
    ] {
        assert!(found(text).await, "{text}");
    }
    for text in ["100_", "1%0", "creme  ", "brulle", "\\%", "'"] {
        assert!(!found(text).await, "{text}");
    }
    // What a task is found by changes with it.
    let changed = world
        .store
        .change(anna, world.edit(task.id, retitled("Tea")), Effect::Stored);
    changed.await.expect("the store answers");
    assert!(found("TEA").await);
    assert!(!found("creme").await);
}
