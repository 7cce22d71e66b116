//! All of a person's tasks as a file.

use std::sync::Arc;

use futures_util::stream::{BoxStream, StreamExt as _, try_unfold};
use proto::task::v1 as wire;

use crate::{
    condition::Condition,
    error::TaskError,
    order::{Cursor, Order, OrderField, OrderKey},
    owner::OwnerId,
    pages::READ_AT_ONCE,
    query::Query,
    store::Listed,
    task::Task,
    tasks::Tasks,
    transfer::{Exported, Exporter, Format},
};

/// A part of a file is passed on when it has that many bytes.
const PART_BYTES: usize = 64 * 1024;

/// A file, part by part.
pub(crate) struct Export {
    /// Its media type.
    pub(crate) content_type: &'static str,
    /// Its bytes, in parts of some 64 KiB. What is not taken is not read.
    pub(crate) parts: BoxStream<'static, Result<Vec<u8>, TaskError>>,
}

impl Tasks {
    /// The tasks that are not deleted, from the oldest to the newest. A task that is there from the beginning to the end
    /// is in it exactly once.
    pub(crate) fn export(
        self: &Arc<Self>,
        owner: OwnerId,
        request: &wire::ExportTasksRequest,
    ) -> Result<Export, TaskError> {
        let format = match request.format.as_str() {
            "" | "json" => Format::Json,
            "csv" => Format::Csv,
            "ics" => Format::Calendar,
            _ => {
                let violation = ("format".to_owned(), "must be json, csv or ics".to_owned());
                return Err(TaskError::FieldsInvalid(vec![violation]));
            }
        };
        let exporter = Exporter::new(format);
        let content_type = exporter.content_type();
        let writing = Writing {
            tasks: self.clone(),
            owner,
            query: oldest_first(),
            exporter,
            stage: Stage::Beginning,
        };
        let parts = try_unfold(writing, async |mut writing| {
            let part = writing.part().await?;
            Ok(part.map(|part| (part, writing)))
        });
        Ok(Export {
            content_type,
            parts: parts.boxed(),
        })
    }
}

fn oldest_first() -> Query {
    let key = OrderKey {
        field: OrderField::Created,
        descending: false,
    };
    Query {
        condition: Condition::everything(),
        order: Order::by(vec![key]).unwrap_or_else(Order::newest_first),
        deleted_after: None,
    }
}

struct Writing {
    tasks: Arc<Tasks>,
    owner: OwnerId,
    query: Query,
    exporter: Exporter,
    stage: Stage,
}

enum Stage {
    Beginning,
    /// The tasks after this one are still to come.
    After(Option<Cursor>),
    End,
}

impl Writing {
    /// The next part; `None` behind the last one.
    async fn part(&mut self) -> Result<Option<Vec<u8>>, TaskError> {
        let mut part = Vec::new();
        while part.len() < PART_BYTES {
            self.stage = match &self.stage {
                Stage::Beginning => {
                    self.exporter.begin(&mut part);
                    Stage::After(None)
                }
                Stage::After(cursor) => {
                    let store = &self.tasks.store;
                    let Listed { tasks, .. } = store
                        .list(self.owner, &self.query, cursor.as_ref(), READ_AT_ONCE)
                        .await?;
                    let cursor = tasks.last().map(|task| self.query.order.after(task));
                    let exhausted = tasks.len() < READ_AT_ONCE;
                    for task in tasks {
                        self.exporter.task(&exported(task), &mut part);
                    }
                    if exhausted {
                        self.exporter.end(&mut part);
                        Stage::End
                    } else {
                        Stage::After(cursor)
                    }
                }
                Stage::End => break,
            };
        }
        Ok((!part.is_empty()).then_some(part))
    }
}

fn exported(task: Task) -> Exported {
    Exported {
        id: task.id,
        content: task.content,
        create_time: task.create_time,
        update_time: task.update_time,
        complete_time: task.complete_time,
    }
}
