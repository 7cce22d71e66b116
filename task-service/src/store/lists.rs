//! Lists in SQL. What is asked for decides the text of the statement, which is put together from the pieces in this file.

use platform::{
    clock::Timestamp,
    database::{Assembly, Engine, Statement, statement},
};

use uuid::Uuid;

use super::tags;
use crate::{
    condition::{Condition, DueBound, TextField, TimeField},
    folding::fold,
    order::{Cursor, Order, OrderField, OrderKey, OrderValue},
    owner::OwnerId,
    query::Query,
};

/// With the position of the same moment, which saves asking for it.
const NEWEST: &str = "
    SELECT task_id, version, change_seq, title, description, completed, priority, tags, due_time, due_zone,
           create_time, update_time, complete_time, delete_time,
           (SELECT next_seq - 1 FROM owner_state WHERE owner_id = $1) AS read_seq
    FROM tasks
    WHERE owner_id = $1 AND delete_time IS NULL AND completed IN ($2, $3) AND (create_time, task_id) < ($4, $5)
    ORDER BY create_time DESC, task_id DESC
    LIMIT $6";

const SELECT: &str = "
    SELECT task_id, version, change_seq, title, description, completed, priority, tags, due_time, due_zone,
           create_time, update_time, complete_time, delete_time
    FROM tasks
    WHERE owner_id = $1";

/// The end of the year 9999, which both engines can write.
const LAST_TIME: Timestamp = Timestamp::from_micros(253_402_300_799_999_999);

/// The list of any query. How many rows it looks at depends on what is asked.
pub(super) fn asked<E: Engine>(owner: OwnerId, query: &Query, after: Option<&Cursor>, limit: i64) -> Statement<E> {
    let mut sql = statement::<E>(SELECT).bind(owner.as_uuid()).extend();
    // Only where no row is left out is the one index of an order walked: it would fetch each of many rows from another
    // place. All others are read as they lie, and sorted.
    let is_by_creation = matches!(
        query.order.keys(),
        [OrderKey {
            field: OrderField::Created,
            ..
        }]
    );
    let indexed = is_by_creation && query.condition == Condition::everything();
    match query.deleted_after {
        None => sql.text(" AND delete_time IS NULL"),
        Some(time) => {
            sql.text(" AND (delete_time IS NULL OR delete_time > ");
            sql.value(time);
            sql.text(")");
        }
    }
    and(&mut sql, |sql| write_condition(sql, &query.condition));
    if let Some(cursor) = after {
        and(&mut sql, |sql| write_cursor(sql, &query.order, cursor, indexed));
    }
    write_order(&mut sql, &query.order, indexed);
    sql.text(" LIMIT ");
    sql.value(limit);
    sql.statement()
}

/// The list that is asked for most: newest first, by state at most.
#[derive(Clone, Copy)]
pub(super) struct Newest {
    completed: bool,
    or_completed: bool,
    before: (Timestamp, Uuid),
    limit: i64,
}

impl Newest {
    /// `None` if the query asks for another list.
    pub(super) fn of(query: &Query, after: Option<&Cursor>, limit: i64) -> Option<Self> {
        if query.deleted_after.is_some() || query.order != Order::newest_first() {
            return None;
        }
        let (completed, or_completed) = match &query.condition {
            Condition::All(conditions) => match conditions.as_slice() {
                [] => (false, true),
                [Condition::Completed(completed)] => (*completed, *completed),
                _ => return None,
            },
            _ => return None,
        };
        let before = match after {
            None => (LAST_TIME, Uuid::max()),
            Some(cursor) => match cursor.values.as_slice() {
                [OrderValue::Time(Some(time))] => (*time, cursor.task_id),
                _ => return None,
            },
        };
        Some(Self {
            completed,
            or_completed,
            before,
            limit,
        })
    }

    /// One fixed statement, which stays prepared.
    pub(super) fn statement<E: Engine>(self, owner: OwnerId) -> Statement<E> {
        let (create_time, task_id) = self.before;
        statement::<E>(NEWEST)
            .bind(owner.as_uuid())
            .bind(self.completed)
            .bind(self.or_completed)
            .bind(create_time)
            .bind(task_id)
            .bind(self.limit)
    }
}

fn and<E: Engine>(sql: &mut Assembly<E>, write: impl FnOnce(&mut Assembly<E>)) {
    sql.text(" AND (");
    write(sql);
    sql.text(")");
}

fn write_condition<E: Engine>(sql: &mut Assembly<E>, condition: &Condition) {
    match condition {
        Condition::All(conditions) => write_joined(sql, conditions, "TRUE", ") AND ("),
        Condition::Any(conditions) => write_joined(sql, conditions, "FALSE", ") OR ("),
        Condition::Not(condition) => {
            sql.text("NOT (");
            write_condition(sql, condition);
            sql.text(")");
        }
        Condition::Completed(completed) => {
            sql.text("completed = ");
            sql.value(*completed);
        }
        Condition::Priority { from, to } => {
            sql.text("priority BETWEEN ");
            sql.value(from.number());
            sql.text(" AND ");
            sql.value(to.number());
        }
        Condition::Tag(tag) => {
            sql.text("tags LIKE ");
            sql.value(containing(&tags::encode(std::slice::from_ref(tag))));
            sql.text(ESCAPE);
        }
        Condition::Tagged => sql.text("tags <> ''"),
        Condition::Due { from, before } => write_due(sql, *from, *before),
        Condition::Time { field, from, before } => write_time(sql, *field, *from, *before),
        Condition::Contains { field, text } => write_text(sql, *field, " LIKE ", &containing(&fold(text)), ESCAPE),
        Condition::Equals { field, text } => write_text(sql, *field, " = ", &fold(text), ""),
    }
}

fn write_joined<E: Engine>(
    sql: &mut Assembly<E>,
    conditions: &[Condition],
    of_none: &'static str,
    between: &'static str,
) {
    let Some((first, others)) = conditions.split_first() else {
        sql.text(of_none);
        return;
    };
    sql.text("(");
    write_condition(sql, first);
    for other in others {
        sql.text(between);
        write_condition(sql, other);
    }
    sql.text(")");
}

/// For each kind of due its own bounds. Never NULL, so that a negation of it holds.
fn write_due<E: Engine>(sql: &mut Assembly<E>, from: Option<DueBound>, before: Option<DueBound>) {
    let mut kind = |kind: &'static str, bound: fn(DueBound) -> Timestamp| {
        sql.text(kind);
        write_span(sql, "due_time", from.map(bound), before.map(bound));
    };
    kind("due_time IS NOT NULL AND (due_zone IS NULL", |bound| bound.day);
    kind(" OR due_zone IS NOT NULL", |bound| bound.moment);
    sql.text(")");
}

fn write_time<E: Engine>(sql: &mut Assembly<E>, field: TimeField, from: Option<Timestamp>, before: Option<Timestamp>) {
    let (set, column) = match field {
        TimeField::Create => ("create_time IS NOT NULL", "create_time"),
        TimeField::Update => ("update_time IS NOT NULL", "update_time"),
        TimeField::Complete => ("complete_time IS NOT NULL", "complete_time"),
        TimeField::Delete => ("delete_time IS NOT NULL", "delete_time"),
    };
    sql.text(set);
    write_span(sql, column, from, before);
}

fn write_span<E: Engine>(
    sql: &mut Assembly<E>,
    column: &'static str,
    from: Option<Timestamp>,
    before: Option<Timestamp>,
) {
    for (comparison, bound) in [(" >= ", from), (" < ", before)] {
        if let Some(bound) = bound {
            sql.text(" AND ");
            sql.text(column);
            sql.text(comparison);
            sql.value(bound);
        }
    }
}

fn write_text<E: Engine>(
    sql: &mut Assembly<E>,
    field: TextField,
    comparison: &'static str,
    value: &str,
    ending: &'static str,
) {
    let columns: &[&'static str] = match field {
        TextField::Title => &["folded_title"],
        TextField::Description => &["folded_description"],
        TextField::Either => &["folded_title", "folded_description"],
    };
    for (place, column) in columns.iter().enumerate() {
        if place > 0 {
            sql.text(" OR ");
        }
        sql.text(column);
        sql.text(comparison);
        sql.value(value.to_owned());
        sql.text(ending);
    }
}

const ESCAPE: &str = " ESCAPE '\\'";

/// The pattern of LIKE for texts that contain this one.
fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

fn write_order<E: Engine>(sql: &mut Assembly<E>, order: &Order, indexed: bool) {
    sql.text(" ORDER BY ");
    for key in order.keys() {
        write_column(sql, key.field, indexed);
        sql.text(if key.descending { " DESC" } else { " ASC" });
        sql.text(if key.field.may_be_absent() {
            " NULLS LAST, "
        } else {
            ", "
        });
    }
    sql.text(if order.ids_descend() {
        "task_id DESC"
    } else {
        "task_id ASC"
    });
}

fn write_column<E: Engine>(sql: &mut Assembly<E>, field: OrderField, indexed: bool) {
    let column = match field {
        OrderField::Created => "create_time",
        OrderField::Updated => "update_time",
        OrderField::Due => "due_time",
        OrderField::Priority => "priority",
        OrderField::Title => "folded_title",
    };
    if indexed {
        return sql.text(column);
    }
    // No index has this expression.
    sql.text("coalesce(");
    sql.text(column);
    sql.text(", ");
    sql.text(column);
    sql.text(")");
}

/// What comes after the cursor. Of keys that are never absent and go one way, as one comparison of rows, which an index
/// answers.
fn write_cursor<E: Engine>(sql: &mut Assembly<E>, order: &Order, cursor: &Cursor, indexed: bool) {
    let keys = order.keys();
    let one_way = keys
        .iter()
        .all(|key| key.descending == order.ids_descend() && !key.field.may_be_absent());
    if !one_way {
        return write_cursor_by_key(sql, keys, &cursor.values, order, cursor, indexed);
    }
    sql.text("(");
    for key in keys {
        write_column(sql, key.field, indexed);
        sql.text(", ");
    }
    sql.text(if order.ids_descend() {
        "task_id) < ("
    } else {
        "task_id) > ("
    });
    for value in &cursor.values {
        write_value(sql, value);
        sql.text(", ");
    }
    sql.value(cursor.task_id);
    sql.text(")");
}

fn write_cursor_by_key<E: Engine>(
    sql: &mut Assembly<E>,
    keys: &[OrderKey],
    values: &[OrderValue],
    order: &Order,
    cursor: &Cursor,
    indexed: bool,
) {
    let (Some((key, keys)), Some((value, values))) = (keys.split_first(), values.split_first()) else {
        sql.text(if order.ids_descend() {
            "task_id < "
        } else {
            "task_id > "
        });
        return sql.value(cursor.task_id);
    };
    let column = |sql: &mut Assembly<E>| write_column(sql, key.field, indexed);
    let equal = |sql: &mut Assembly<E>| match value {
        // Absent values come last, so none comes after them.
        OrderValue::Time(None) => {
            column(sql);
            sql.text(" IS NULL AND (");
        }
        value => {
            column(sql);
            sql.text(if key.descending { " < " } else { " > " });
            write_value(sql, value);
            if key.field.may_be_absent() {
                sql.text(" OR ");
                column(sql);
                sql.text(" IS NULL");
            }
            sql.text(" OR ");
            column(sql);
            sql.text(" = ");
            write_value(sql, value);
            sql.text(" AND (");
        }
    };
    equal(sql);
    write_cursor_by_key(sql, keys, values, order, cursor, indexed);
    sql.text(")");
}

fn write_value<E: Engine>(sql: &mut Assembly<E>, value: &OrderValue) {
    match value {
        OrderValue::Time(time) => sql.value(*time),
        OrderValue::Number(number) => sql.value(*number),
        OrderValue::Text(text) => sql.value(text.clone()),
    }
}
