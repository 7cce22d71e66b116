//! No statement touches a row without saying whose it is.
//!
//! The types see to it that a store has an owner; this sees to it that the SQL uses it. A new statement and a new
//! table join by being written.

use std::{collections::BTreeSet, ops::ControlFlow};

use sqlparser::{
    ast::{
        Assignment, AssignmentTarget, BinaryOperator, ConflictTarget, CreateTable, Delete, Expr, FromTable, Ident,
        Insert, JoinConstraint, JoinOperator, ObjectName, OnConflictAction, OnInsert, Query, Select, SetExpr,
        Statement, TableFactor, TableObject, TableWithJoins, Update, UpdateTableFromKind, Value, Visit as _, Visitor,
    },
    dialect::PostgreSqlDialect,
    parser::Parser,
    tokenizer::{Token, Tokenizer},
};

use crate::sources;

/// The tables whose rows belong to nobody, and why.
const WITHOUT_OWNERS: &[(&str, &str)] = &[
    (
        "token_keys",
        "one key of the database seals the page tokens of everybody; each names its owner inside",
    ),
    (
        "unfolded",
        "says whose tasks are to be made ready for searches, so it is asked before the owner is known; it holds no task",
    ),
    (
        "announcements",
        "says whose tasks changed, to all processes; it holds no task",
    ),
    ("announcement_counter", "counts the announcements of everybody"),
    (
        "purges",
        "says for whom there is something to purge, so it is asked before the owner is known; it holds no task",
    ),
];

const OWNER: &str = "owner_id";
/// In every statement, so that none can mean two owners.
const OWNER_PARAMETER: &str = "$1";

#[test]
fn every_statement_names_the_owner() {
    let tables = Tables::of_the_schema();
    // Some run as one string; each must name the owner.
    let strings = sources::statements(&tables.all);
    let statements: Vec<String> = strings
        .iter()
        .flat_map(|sql| sql.split(';'))
        .map(str::to_owned)
        .collect();
    for sql in &statements {
        if let Err(complaint) = check(sql, &tables) {
            panic!("{complaint}:{sql}");
        }
    }
    for table in &tables.all {
        let used = |sql: &String| mentions(sql, &BTreeSet::from([table.clone()])) == Ok(1);
        assert!(statements.iter().any(used), "no statement was found that uses {table}");
    }
}

#[test]
fn what_leaves_the_owner_out_is_found() {
    let tables = Tables::of_the_schema();
    for sql in [
        "SELECT title FROM tasks WHERE task_id = $1",
        "SELECT title FROM tasks",
        "TABLE tasks",
        "SELECT title FROM tasks WHERE owner_id = $1 OR task_id = $2",
        "SELECT title FROM tasks WHERE NOT owner_id = $1",
        "SELECT title FROM tasks WHERE owner_id <> $1",
        "SELECT title FROM tasks WHERE owner_id = $2 AND task_id = $1",
        "SELECT title FROM tasks WHERE owner_id = owner_id",
        "SELECT title FROM tasks WHERE owner_id IN ($1, $2)",
        "SELECT title FROM \"tasks\" WHERE task_id = $1",
        "SELECT a.title FROM tasks a, tasks b WHERE a.owner_id = $1",
        "SELECT title FROM tasks a JOIN owner_state b ON a.owner_id = $1 WHERE owner_id = $1",
        "SELECT title FROM tasks a LEFT JOIN owner_state b ON a.owner_id = $1 AND b.owner_id = $1",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM tasks WHERE task_id = $1)",
        "SELECT 1 FROM tasks WHERE owner_id = $1 UNION SELECT 1 FROM tasks",
        "SELECT 1 FROM tasks WHERE owner_id = $1 AND task_id = (SELECT max(task_id) FROM tasks)",
        "WITH found AS (SELECT task_id FROM tasks) SELECT task_id FROM found WHERE owner_id = $1",
        "WITH gone AS (DELETE FROM tasks RETURNING 1) SELECT 1",
        "UPDATE tasks SET title = $2 WHERE task_id = $1",
        "UPDATE tasks SET title = $2",
        "UPDATE tasks SET owner_id = $2 WHERE owner_id = $1",
        "UPDATE owner_state SET next_seq = 1 FROM tasks WHERE owner_state.owner_id = $1",
        "DELETE FROM tasks WHERE delete_time < $1",
        "DELETE FROM owner_state USING tasks WHERE tasks.owner_id = $1",
        "INSERT INTO tasks VALUES ($1, $2)",
        "INSERT INTO tasks (task_id) VALUES ($1)",
        "INSERT INTO tasks (owner_id, task_id) VALUES ($2, $1)",
        "INSERT INTO tasks (owner_id, task_id) VALUES ($1, $2), ($3, $2)",
        "INSERT INTO tasks (owner_id, task_id) VALUES ($1, $2) ON CONFLICT (task_id) DO NOTHING",
        "INSERT INTO tasks (owner_id, task_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        "INSERT INTO tasks (owner_id) VALUES ($1) ON CONFLICT (owner_id) DO UPDATE SET owner_id = $2",
        "INSERT INTO tasks (owner_id, task_id) SELECT $1, task_id FROM tasks WHERE task_id = $2",
        "TRUNCATE tasks",
        "LOCK TABLE owner_state",
        "COPY tasks TO STDOUT",
        "SELECT 1 FROM spaces WHERE owner_id = $1",
        "SELECT title FROM tasks WHERE owner_id = $1; DELETE FROM tasks",
        "FROM tasks WHERE owner_id = $1",
    ] {
        assert!(check(sql, &tables).is_err(), "not found: {sql}");
    }
    for sql in [
        "SELECT title FROM tasks WHERE (owner_id = $1 AND (task_id = $2 OR completed))",
        "SELECT a.title FROM tasks a JOIN owner_state b ON b.owner_id = $1 WHERE $1 = a.owner_id",
        "WITH gone AS (DELETE FROM tasks WHERE owner_id = $1 RETURNING 1) SELECT count(*) FROM gone",
        "INSERT INTO tasks (owner_id, task_id) SELECT $1, task_id FROM tasks WHERE owner_id = $1",
        "SELECT secret FROM token_keys",
    ] {
        assert_eq!(check(sql, &tables), Ok(()), "{sql}");
    }
}

/// The tables of the schema.
struct Tables {
    all: BTreeSet<String>,
    /// Those whose rows have owners.
    owned: BTreeSet<String>,
}

impl Tables {
    fn of_the_schema() -> Self {
        let (mut all, mut owned) = (BTreeSet::new(), BTreeSet::new());
        for sql in sources::schema() {
            for statement in Parser::parse_sql(&PostgreSqlDialect {}, sql).expect("the schema parses") {
                let Statement::CreateTable(CreateTable { name, columns, .. }) = statement else {
                    continue;
                };
                let name = table_name(&name);
                if columns.iter().any(|column| is(&column.name, OWNER)) {
                    owned.insert(name.clone());
                }
                all.insert(name);
            }
        }
        let without: BTreeSet<String> = WITHOUT_OWNERS.iter().map(|(name, _)| (*name).to_owned()).collect();
        let difference: BTreeSet<String> = all.difference(&owned).cloned().collect();
        assert_eq!(
            difference, without,
            "the tables without owners, each by name and reason"
        );
        Self { all, owned }
    }
}

fn check(sql: &str, tables: &Tables) -> Result<(), String> {
    let statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).map_err(|error| error.to_string())?;
    let [statement] = statements.as_slice() else {
        return Err("not one statement".to_owned());
    };
    let mut walk = Walk {
        tables,
        named: BTreeSet::new(),
        found: 0,
    };
    if let ControlFlow::Break(complaint) = statement.visit(&mut walk) {
        return Err(complaint);
    }
    // Whatever the walk does not know (TRUNCATE, COPY, MERGE, a new clause) mentions more than it has looked at.
    if mentions(sql, &tables.owned)? == walk.found {
        Ok(())
    } else {
        Err("a table is used in a way that is not known here".to_owned())
    }
}

/// How often the tables are named, other than before a column.
fn mentions(sql: &str, tables: &BTreeSet<String>) -> Result<usize, String> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize();
    let mut tokens = tokens.map_err(|error| error.to_string())?.into_iter().peekable();
    let mut found = 0;
    while let Some(token) = tokens.next() {
        if let Token::Word(word) = token
            && tables.contains(&word.value.to_lowercase())
            && tokens.peek() != Some(&Token::Period)
        {
            found += 1;
        }
    }
    Ok(found)
}

/// Looks at every query and change within a statement.
struct Walk<'a> {
    tables: &'a Tables,
    /// What WITH has named.
    named: BTreeSet<String>,
    /// The tables with owners that were looked at.
    found: usize,
}

impl Visitor for Walk<'_> {
    type Break = String;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<String> {
        for table in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.named.insert(table.alias.name.value.to_lowercase());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<String> {
        let name = table_name(relation);
        if self.tables.all.contains(&name) || self.named.contains(&name) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(format!("the schema has no table {name}"))
        }
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<String> {
        self.rows(&select.from, select.selection.as_ref())
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<String> {
        match statement {
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
            _ => ControlFlow::Continue(()),
        }
    }
}

impl Walk<'_> {
    /// Each table must be bound to the owner by a condition that nothing can get around.
    fn rows(&mut self, from: &[TableWithJoins], selection: Option<&Expr>) -> ControlFlow<String> {
        let mut relations = Vec::new();
        let mut conditions: Vec<&Expr> = selection.into_iter().collect();
        for table in from {
            relations.push(&table.relation);
            for join in &table.joins {
                relations.push(&join.relation);
                // The condition of an outer join leaves rows in.
                if let JoinOperator::Join(JoinConstraint::On(on)) | JoinOperator::Inner(JoinConstraint::On(on)) =
                    &join.join_operator
                {
                    conditions.push(on);
                }
            }
        }
        for relation in &relations {
            let TableFactor::Table { name, alias, .. } = relation else {
                continue;
            };
            let name = table_name(name);
            if !self.tables.owned.contains(&name) {
                continue;
            }
            let called = alias
                .as_ref()
                .map_or(name.clone(), |alias| alias.name.value.to_lowercase());
            let alone = relations.len() == 1;
            if !conditions.iter().any(|condition| binds(condition, &called, alone)) {
                return ControlFlow::Break(format!("{name} without its owner"));
            }
            self.found += 1;
        }
        ControlFlow::Continue(())
    }

    fn update(&mut self, update: &Update) -> ControlFlow<String> {
        keeps_the_owner(&update.assignments)?;
        let from = match &update.from {
            None => &[],
            Some(UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from)) => from.as_slice(),
        };
        let tables: Vec<TableWithJoins> = from.iter().chain([&update.table]).cloned().collect();
        self.rows(&tables, update.selection.as_ref())
    }

    fn delete(&mut self, delete: &Delete) -> ControlFlow<String> {
        let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
        let tables: Vec<TableWithJoins> = from.iter().chain(delete.using.iter().flatten()).cloned().collect();
        self.rows(&tables, delete.selection.as_ref())
    }

    fn insert(&mut self, insert: &Insert) -> ControlFlow<String> {
        let TableObject::TableName(name) = &insert.table else {
            return ControlFlow::Break("an INSERT into no table".to_owned());
        };
        if !self.tables.owned.contains(&table_name(name)) {
            return ControlFlow::Continue(());
        }
        let Some(place) = insert.columns.iter().position(|column| table_name(column) == OWNER) else {
            return ControlFlow::Break("an INSERT without the owner".to_owned());
        };
        if !inserts_the_owner(insert, place) {
            return ControlFlow::Break("an INSERT for somebody else".to_owned());
        }
        match &insert.on {
            None => {}
            Some(OnInsert::OnConflict(conflict)) => {
                let key = match &conflict.conflict_target {
                    Some(ConflictTarget::Columns(key)) => key.as_slice(),
                    _ => &[],
                };
                if !key.iter().any(|column| is(column, OWNER)) {
                    return ControlFlow::Break("a conflict without the owner".to_owned());
                }
                if let OnConflictAction::DoUpdate(update) = &conflict.action {
                    keeps_the_owner(&update.assignments)?;
                }
            }
            Some(_) => return ControlFlow::Break("a conflict without a key".to_owned()),
        }
        self.found += 1;
        ControlFlow::Continue(())
    }
}

fn inserts_the_owner(insert: &Insert, place: usize) -> bool {
    match insert.source.as_ref().map(|source| &*source.body) {
        Some(SetExpr::Values(values)) => values
            .rows
            .iter()
            .all(|row| row.content.get(place).is_some_and(is_the_owner)),
        Some(SetExpr::Select(select)) => {
            let item = select.projection.get(place);
            item.is_some_and(|item| item.to_string() == OWNER_PARAMETER)
        }
        _ => false,
    }
}

/// A row never changes hands.
fn keeps_the_owner(assignments: &[Assignment]) -> ControlFlow<String> {
    let moves = assignments.iter().any(|assignment| match &assignment.target {
        AssignmentTarget::ColumnName(column) => table_name(column) == OWNER,
        AssignmentTarget::Tuple(columns) => columns.iter().any(|column| table_name(column) == OWNER),
    });
    if moves {
        ControlFlow::Break("the owner is changed".to_owned())
    } else {
        ControlFlow::Continue(())
    }
}

/// Whether the condition holds only for rows of the owner.
fn binds(condition: &Expr, relation: &str, alone: bool) -> bool {
    match condition {
        Expr::Nested(inner) => binds(inner, relation, alone),
        Expr::BinaryOp { left, op, right } => match op {
            BinaryOperator::And => binds(left, relation, alone) || binds(right, relation, alone),
            BinaryOperator::Eq => [(left, right), (right, left)]
                .iter()
                .any(|(column, value)| is_owner_of(column, relation, alone) && is_the_owner(value)),
            _ => false,
        },
        _ => false,
    }
}

fn is_owner_of(column: &Expr, relation: &str, alone: bool) -> bool {
    match column {
        Expr::Identifier(column) => alone && is(column, OWNER),
        Expr::CompoundIdentifier(path) => {
            matches!(&path[..], [table, column] if is(table, relation) && is(column, OWNER))
        }
        _ => false,
    }
}

fn is_the_owner(value: &Expr) -> bool {
    matches!(value, Expr::Value(value) if matches!(&value.value, Value::Placeholder(name) if name == OWNER_PARAMETER))
}

fn is(identifier: &Ident, name: &str) -> bool {
    identifier.value.eq_ignore_ascii_case(name)
}

/// The last part of a name.
fn table_name(name: &ObjectName) -> String {
    let part = name.0.last().and_then(|part| part.as_ident());
    part.map_or_else(String::new, |part| part.value.to_lowercase())
}
