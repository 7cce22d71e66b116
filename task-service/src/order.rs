//! In which order a list comes (AIP-132), and where a page of it begins.

use platform::clock::Timestamp;
use uuid::Uuid;

use crate::{folding::fold, task::Task, validation::Violations};

/// A field to order by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderField {
    /// When it was created.
    Created,
    /// When it was changed last.
    Updated,
    /// When it is due; tasks that are not come last, whatever the direction.
    Due,
    /// How much it matters.
    Priority,
    /// The title, without case and accents, by code points.
    Title,
}

/// A field to order by, and which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderKey {
    /// The field.
    pub field: OrderField,
    /// From the greatest to the least.
    pub descending: bool,
}

/// The order of a list. Tasks that all keys leave equal are ordered by id, in the direction of the last key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order(Vec<OrderKey>);

/// What a task has in the field of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderValue {
    /// A time, if there is one.
    Time(Option<Timestamp>),
    /// A number: 1 low, 2 medium, 3 high.
    Number(i16),
    /// A folded text.
    Text(String),
}

/// A place in a list: between two tasks, just after this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// What the task before it has in the field of each key.
    pub values: Vec<OrderValue>,
    /// The id of the task before it.
    pub task_id: Uuid,
}

const FORM: &str = "must be fields out of created, updated, due, priority, title, each at most once and with \
                    \" asc\" or \" desc\" behind it if need be, separated by commas";

impl Order {
    /// From the newest task to the oldest.
    pub fn newest_first() -> Self {
        Self(vec![OrderKey {
            field: OrderField::Created,
            descending: true,
        }])
    }

    /// By these keys; `None` without any, and if two are of one field.
    pub fn by(keys: Vec<OrderKey>) -> Option<Self> {
        let is_new = |place: usize| keys[..place].iter().all(|key| key.field != keys[place].field);
        (!keys.is_empty() && (0..keys.len()).all(is_new)).then_some(Self(keys))
    }

    /// Reads `order_by`; empty is newest first. `None`, and why, if it cannot be used.
    pub(crate) fn parse(text: &str, violations: &mut Violations) -> Option<Self> {
        if text.trim_matches(' ').is_empty() {
            return Some(Self::newest_first());
        }
        let keys: Option<Vec<OrderKey>> = text.split(',').map(OrderKey::parse).collect();
        let order = keys.and_then(Self::by);
        if order.is_none() {
            violations.add("order_by", FORM);
        }
        order
    }

    /// Its keys, of which there is one at least.
    pub fn keys(&self) -> &[OrderKey] {
        &self.0
    }

    /// The direction in which tasks come that all keys leave equal.
    pub fn ids_descend(&self) -> bool {
        self.0.last().is_some_and(|key| key.descending)
    }

    /// The place just after a task.
    pub fn after(&self, task: &Task) -> Cursor {
        Cursor {
            values: self.0.iter().map(|key| key.field.of(task)).collect(),
            task_id: task.id,
        }
    }
}

impl OrderKey {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ').filter(|word| !word.is_empty());
        let field = OrderField::named(words.next()?)?;
        let descending = match words.next() {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(_) => return None,
        };
        words.next().is_none().then_some(Self { field, descending })
    }
}

impl OrderField {
    /// By its name in the contract, or the name of the field of Task.
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "created" | "create_time" => Self::Created,
            "updated" | "update_time" => Self::Updated,
            "due" => Self::Due,
            "priority" => Self::Priority,
            "title" => Self::Title,
            _ => return None,
        })
    }

    /// Whether a task may have nothing in it.
    pub fn may_be_absent(self) -> bool {
        self == Self::Due
    }

    fn of(self, task: &Task) -> OrderValue {
        match self {
            Self::Created => OrderValue::Time(Some(task.create_time)),
            Self::Updated => OrderValue::Time(Some(task.update_time)),
            Self::Due => OrderValue::Time(task.content.due.as_ref().map(crate::due::Due::order)),
            Self::Priority => OrderValue::Number(task.content.priority.number()),
            Self::Title => OrderValue::Text(fold(&task.content.title)),
        }
    }
}

impl Cursor {
    /// The cursor in bytes, for a token.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.task_id.as_bytes().to_vec();
        for value in &self.values {
            match value {
                OrderValue::Time(None) => bytes.push(0),
                OrderValue::Time(Some(time)) => {
                    bytes.push(1);
                    bytes.extend(time.as_micros().to_be_bytes());
                }
                OrderValue::Number(number) => {
                    bytes.push(2);
                    bytes.extend(number.to_be_bytes());
                }
                OrderValue::Text(text) => {
                    bytes.push(3);
                    // Of a title, so it fits.
                    bytes.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
                    bytes.extend(text.as_bytes());
                }
            }
        }
        bytes
    }

    /// What [`Cursor::encode`] wrote; `None` for anything else.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (id, mut rest) = bytes.split_first_chunk()?;
        let mut values = Vec::new();
        while let Some((kind, after)) = rest.split_first() {
            let value;
            (value, rest) = match kind {
                0 => (OrderValue::Time(None), after),
                1 => {
                    let (micros, after) = after.split_first_chunk()?;
                    let time = Timestamp::from_micros(i64::from_be_bytes(*micros));
                    (OrderValue::Time(Some(time)), after)
                }
                2 => {
                    let (number, after) = after.split_first_chunk()?;
                    (OrderValue::Number(i16::from_be_bytes(*number)), after)
                }
                3 => {
                    let (length, after) = after.split_first_chunk()?;
                    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
                    let (text, after) = after.split_at_checked(length)?;
                    (OrderValue::Text(String::from_utf8(text.to_vec()).ok()?), after)
                }
                _ => return None,
            };
            values.push(value);
        }
        Some(Self {
            values,
            task_id: Uuid::from_bytes(*id),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Vec<(OrderField, bool)>> {
        let mut violations = Violations::default();
        let order = Order::parse(text, &mut violations);
        assert_eq!(order.is_none(), !violations.is_empty());
        order.map(|order| order.0.iter().map(|key| (key.field, key.descending)).collect())
    }

    #[test]
    fn an_order_is_fields_and_directions() {
        use OrderField::{Created, Due, Priority, Title, Updated};
        for (text, keys) in [
            ("", vec![(Created, true)]),
            ("  ", vec![(Created, true)]),
            ("created", vec![(Created, false)]),
            ("create_time desc", vec![(Created, true)]),
            ("update_time asc", vec![(Updated, false)]),
            (
                " priority  desc ,due,title asc",
                vec![(Priority, true), (Due, false), (Title, false)],
            ),
        ] {
            assert_eq!(parse(text), Some(keys), "{text}");
        }
        for refused in [
            ",",
            "due,",
            "due,due desc",
            "created,create_time",
            "due down",
            "due desc desc",
            "DUE",
            "due DESC",
            "owner_id",
            "title;",
            "due\tdesc",
            "\0",
        ] {
            assert_eq!(parse(refused), None, "{refused}");
        }
    }

    #[test]
    fn a_cursor_comes_back_and_nothing_else_is_one() {
        let cursor = Cursor {
            values: vec![
                OrderValue::Time(None),
                OrderValue::Time(Some(Timestamp::from_micros(i64::MIN))),
                OrderValue::Number(-3),
                OrderValue::Text("é\0".to_owned()),
                OrderValue::Text(String::new()),
            ],
            task_id: Uuid::max(),
        };
        let bytes = cursor.encode();
        assert_eq!(Cursor::decode(&bytes), Some(cursor));
        for length in 0..bytes.len() {
            let shorter = Cursor::decode(&bytes[..length]);
            assert!(shorter.is_none_or(|shorter| shorter.values.len() < 5), "{length}");
        }
        assert_eq!(Cursor::decode(&[&bytes[..], &[4]].concat()), None);
        assert_eq!(Cursor::decode(&[&bytes[..], &[3, 255, 255, 255, 255]].concat()), None);
    }
}
