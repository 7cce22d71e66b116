//! Tasks in SQL, the same for every engine. Every statement on tasks carries the owner.

use std::sync::Arc;

use platform::{
    clock::Timestamp,
    database::{Connection, Database, Engine, Settlement, Statement, StoreError, statement},
};
use uuid::Uuid;

use super::{
    Changes, Days, Edit, Effect, Erased, Imported, Listed, Operation, Position, Purged, Refusal, Statistics, TaskStore,
    Written,
    creation::{TaskEngine, create_alone},
    lists::{self, Newest},
    removal::{self, plan_purge},
    repetitions::{Repetition, remember, repetition},
    rows::{self, INSERT, UPDATE, task_of_row, tasks_of, whole_row},
    sequence::{Taken, position},
    statistics::statistics,
};
use crate::{news::News, order::Cursor, owner::OwnerId, query::Query, task::Task};

const CHANGES: &str = "
    SELECT task_id, version, change_seq, title, description, completed, priority, tags, due_time, due_zone,
           create_time, update_time, complete_time, delete_time
    FROM tasks
    WHERE owner_id = $1 AND change_seq > $2
    ORDER BY change_seq
    LIMIT $3";

/// Tasks in a database of any engine.
pub struct SqlTaskStore<E: TaskEngine> {
    database: Database<E>,
    news: Arc<News>,
}

impl<E: TaskEngine> SqlTaskStore<E> {
    /// The tasks of an open database. Whose tasks change is told to the news.
    pub fn new(database: Database<E>, news: Arc<News>) -> Self {
        Self { database, news }
    }

    /// What is kept of a write, and who is told of it.
    fn settlement<T>(&self, owner: OwnerId, keeps: fn(&T) -> bool) -> Settlement<T> {
        let news = self.news.clone();
        Settlement {
            keeps,
            stored: Box::new(move |_| news.tell(owner)),
        }
    }
}

#[tonic::async_trait]
impl<E: TaskEngine> TaskStore for SqlTaskStore<E> {
    async fn write(
        &self,
        owner: OwnerId,
        operations: Vec<Operation>,
        answer_bytes: usize,
        effect: Effect,
    ) -> Result<Written, StoreError> {
        if let [Operation::Create(task)] = &operations[..]
            && effect == Effect::Stored
            && task.encoded_bytes() <= answer_bytes
        {
            let news = self.news.clone();
            let created = create_alone(&self.database, owner, task, move || news.tell(owner));
            if let Some(created) = created.await? {
                return Ok(Written::Tasks(vec![created]));
            }
        }
        let asked = Arc::new(Asked {
            operations,
            answer_bytes,
            effect,
        });
        let keeps = |written: &Written| matches!(written, Written::Tasks(_));
        let settlement = match asked.effect {
            Effect::Stored | Effect::Once(_) => self.settlement(owner, keeps),
            Effect::CheckedOnly => Settlement {
                keeps,
                ..Settlement::default()
            },
        };
        self.database
            .write_settled(
                move |connection| Box::pin(write::<E>(connection, owner, asked.clone())),
                settlement,
            )
            .await
    }

    async fn import(&self, owner: OwnerId, tasks: Vec<Task>) -> Result<Imported, StoreError> {
        let operations: Vec<_> = tasks
            .into_iter()
            .map(|task| Operation::Create(Box::new(task)))
            .collect();
        let operations = Arc::new(operations);
        let settlement = self.settlement(owner, |_| true);
        self.database
            .write_settled(
                move |connection| Box::pin(import::<E>(connection, owner, operations.clone())),
                settlement,
            )
            .await
    }

    async fn get(&self, owner: OwnerId, id: Uuid) -> Result<Option<Task>, StoreError> {
        self.database
            .read(move |connection| Box::pin(rows::get::<E>(connection, owner, id)))
            .await
    }

    async fn list(
        &self,
        owner: OwnerId,
        query: &Query,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Listed, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        if let Some(list) = Newest::of(query, after, limit) {
            return self
                .database
                .read(move |connection| Box::pin(newest::<E>(owner, list, connection)))
                .await;
        }
        let list = lists::asked::<E>(owner, query, after, limit);
        self.database
            .read_long(move |connection| Box::pin(asked::<E>(owner, list, connection)))
            .await
    }

    async fn changes(&self, owner: OwnerId, after_seq: i64, limit: usize) -> Result<Changes, StoreError> {
        self.database
            .read(move |connection| Box::pin(changes::<E>(connection, owner, after_seq, limit)))
            .await
    }

    async fn position(&self, owner: OwnerId) -> Result<Position, StoreError> {
        self.database
            .read(move |connection| Box::pin(position::<E>(connection, owner)))
            .await
    }

    async fn statistics(&self, owner: OwnerId, days: Days) -> Result<Statistics, StoreError> {
        self.database
            .read(move |connection| Box::pin(statistics::<E>(connection, owner, days)))
            .await
    }

    async fn purge(&self, now: Timestamp) -> Result<Purged, StoreError> {
        self.database
            .write(move |connection| Box::pin(removal::purge::<E>(connection, now)))
            .await
    }

    async fn erase(&self, owner: OwnerId, now: Timestamp) -> Result<Erased, StoreError> {
        self.database
            .write(move |connection| Box::pin(removal::erase::<E>(connection, owner, now)))
            .await
    }
}

/// What [`TaskStore::write`] is asked.
struct Asked {
    operations: Vec<Operation>,
    answer_bytes: usize,
    effect: Effect,
}

impl Asked {
    /// The time of the request.
    fn time(&self) -> Timestamp {
        match self.operations.first() {
            Some(Operation::Create(task)) => task.update_time,
            Some(Operation::Change(edit)) => edit.now,
            None => Timestamp::from_micros(0),
        }
    }
}

async fn write<E: Engine>(
    connection: &mut Connection<'_, E>,
    owner: OwnerId,
    asked: Arc<Asked>,
) -> Result<Written, sqlx::Error> {
    let Some(mut taken) = Taken::take::<E>(connection, owner, &asked.operations).await? else {
        return Ok(Written::OwnerErased);
    };
    match repetition::<E>(connection, owner, &asked.effect, asked.time()).await? {
        Repetition::First => {}
        Repetition::Again(tasks) => {
            taken.settle::<E>(connection).await?;
            return Ok(Written::Tasks(tasks));
        }
        Repetition::Other => return Ok(Written::RequestIdReused),
    }
    let mut tasks = Vec::with_capacity(asked.operations.len());
    let mut bytes = 0;
    for (index, operation) in asked.operations.iter().enumerate() {
        let done = match operation {
            Operation::Create(task) => create::<E>(connection, owner, task, &asked.effect, &mut taken).await?,
            Operation::Change(edit) => change::<E>(connection, owner, edit, &asked.effect, &mut taken).await?,
        };
        let refusal = match done {
            Ok(task) => {
                bytes += task.encoded_bytes();
                tasks.push(task);
                (bytes > asked.answer_bytes).then_some(Refusal::AnswerTooLarge)
            }
            Err(refusal) => Some(refusal),
        };
        if let Some(refusal) = refusal {
            return Ok(Written::Refused { index, refusal });
        }
    }
    remember::<E>(connection, owner, &asked.effect, &tasks, asked.time()).await?;
    taken.settle::<E>(connection).await?;
    Ok(Written::Tasks(tasks))
}

async fn import<E: Engine>(
    connection: &mut Connection<'_, E>,
    owner: OwnerId,
    operations: Arc<Vec<Operation>>,
) -> Result<Imported, sqlx::Error> {
    let Some(mut taken) = Taken::take::<E>(connection, owner, &operations).await? else {
        return Ok(Imported::OwnerErased);
    };
    let mut created = 0;
    for operation in &*operations {
        if let Operation::Create(task) = operation
            && create::<E>(connection, owner, task, &Effect::Stored, &mut taken)
                .await?
                .is_ok()
        {
            created += 1;
        }
    }
    taken.settle::<E>(connection).await?;
    Ok(Imported::Tasks { created })
}

async fn create<E: Engine>(
    connection: &mut Connection<'_, E>,
    owner: OwnerId,
    task: &Task,
    effect: &Effect,
    taken: &mut Taken,
) -> Result<Result<Task, Refusal>, sqlx::Error> {
    if *effect == Effect::CheckedOnly {
        let found = rows::get::<E>(connection, owner, task.id).await?;
        return Ok(found.map_or_else(|| Ok(task.clone()), |_| Err(Refusal::IdTaken)));
    }
    let task = Task {
        version: 1,
        change_seq: taken.next(),
        ..task.clone()
    };
    if whole_row::<E>(INSERT, owner, &task).execute(connection).await? == 0 {
        return Ok(Err(Refusal::IdTaken));
    }
    taken.used(None, &task);
    Ok(Ok(task))
}

async fn change<E: Engine>(
    connection: &mut Connection<'_, E>,
    owner: OwnerId,
    edit: &Edit,
    effect: &Effect,
    taken: &mut Taken,
) -> Result<Result<Task, Refusal>, sqlx::Error> {
    let found = rows::get::<E>(connection, owner, edit.id).await?;
    let reached =
        |task: &Task| task.delete_time.is_none() || edit.change.reaches_deleted() && !task.is_purged(edit.now);
    let Some(task) = found.filter(reached) else {
        return Ok(Err(Refusal::Missing));
    };
    if edit.etag.as_ref().is_some_and(|etag| *etag != task.etag()) {
        return Ok(Err(Refusal::EtagMismatch));
    }
    let Some(altered) = edit.change.apply(&task, edit.now) else {
        return Ok(Ok(task));
    };
    if *effect == Effect::CheckedOnly {
        return Ok(Ok(altered));
    }
    let altered = Task {
        change_seq: taken.next(),
        ..altered
    };
    whole_row::<E>(UPDATE, owner, &altered).execute(connection).await?;
    taken.used(Some(&task), &altered);
    if let Some(due) = altered.purge_time() {
        plan_purge::<E>(connection, owner, due).await?;
    }
    Ok(Ok(altered))
}

/// Each row tells the position; where there is none it is asked for, before what it must not be ahead of.
async fn newest<E: Engine>(
    owner: OwnerId,
    list: Newest,
    connection: &mut Connection<'_, E>,
) -> Result<Listed, sqlx::Error> {
    let rows = list.statement::<E>(owner).all(connection).await?;
    let Some(first) = rows.first() else {
        return asked(owner, list.statement(owner), connection).await;
    };
    Ok(Listed {
        read_seq: first.get("read_seq")?,
        tasks: rows.iter().map(task_of_row::<E>).collect::<Result<_, _>>()?,
    })
}

async fn asked<E: Engine>(
    owner: OwnerId,
    list: Statement<E>,
    connection: &mut Connection<'_, E>,
) -> Result<Listed, sqlx::Error> {
    let before = position::<E>(connection, owner).await?;
    Ok(Listed {
        tasks: tasks_of::<E>(list, connection).await?,
        read_seq: before.last_seq,
    })
}

/// Changes are committed in their order, so what is read has everything up to the position of before. What was purged
/// before the tasks were read is told of by the position of after.
async fn changes<E: Engine>(
    connection: &mut Connection<'_, E>,
    owner: OwnerId,
    after_seq: i64,
    limit: usize,
) -> Result<Changes, sqlx::Error> {
    let before = position::<E>(connection, owner).await?;
    let changes = statement::<E>(CHANGES)
        .bind(owner.as_uuid())
        .bind(after_seq)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX));
    Ok(Changes {
        tasks: tasks_of::<E>(changes, connection).await?,
        read_seq: before.last_seq,
        purged_seq: position::<E>(connection, owner).await?.purged_seq,
    })
}
