//! Lists, a page at a time.

use proto::task::v1 as wire;

use crate::{
    error::TaskError,
    list_etag,
    order::{Cursor, Order},
    owner::OwnerId,
    query::{self, Query},
    task::{KEPT_IN_TRASH, Task},
    tasks::Tasks,
    tokens::Purpose,
    validation::Violations,
};

/// A page ends early rather than exceed this: stock gRPC clients refuse 4 MiB.
pub(crate) const MAX_PAGE_BYTES: usize = 3 * 1024 * 1024;
/// How many tasks are read at a time: 1000 of the largest would take 45 MB.
pub(crate) const READ_AT_ONCE: usize = 100;

/// A page of a list.
#[derive(Debug)]
pub struct Page {
    /// Its tasks.
    pub tasks: Vec<Task>,
    /// The token of the next page; empty if this is the last one.
    pub next_page_token: String,
    /// By what the client knows whether it has changed; empty if only reading it tells.
    pub etag: String,
}

/// What was read for a page.
struct Read {
    tasks: Vec<Task>,
    /// Whether more follow.
    more: bool,
    /// Every change up to this `change_seq` was there before the first was read.
    seq: i64,
}

impl Tasks {
    /// A page of the tasks that a query asks for.
    pub async fn list(&self, owner: OwnerId, request: &wire::ListTasksRequest) -> Result<Page, TaskError> {
        let mut violations = Violations::default();
        let page_size = query::page_size(request.page_size, &mut violations);
        let purged_before = self.clock.now().minus(KEPT_IN_TRASH);
        let query = Query::parse(request, purged_before, &mut violations);
        let identity = query::identity(request);
        let purpose = Purpose::Page(&identity);
        let mut after = None;
        if !request.page_token.is_empty() {
            let opened = self.tokens.open(owner, purpose, &request.page_token);
            after = opened.as_deref().and_then(Cursor::decode);
            if after.is_none() {
                // A reason of its own, unless other fields are wrong too.
                if violations.is_empty() {
                    return Err(TaskError::PageTokenInvalid);
                }
                violations.add("page_token", "is not a page token of this list");
            }
        }
        let (page_size, query) = violations.accept(page_size.zip(query))?;
        // What is purged leaves the trash without a change_seq.
        let etag = |seq| (!request.show_deleted).then(|| list_etag::of(owner, request, seq));
        if !request.known_etag.is_empty()
            && let Some(etag) = etag(self.store.position(owner).await?.last_seq)
            && etag == request.known_etag
        {
            return Ok(Page {
                tasks: Vec::new(),
                next_page_token: String::new(),
                etag,
            });
        }
        let Read { tasks, more, seq } = self.read_page(owner, &query, after, page_size).await?;
        let next_page_token = match tasks.last() {
            Some(last) if more => {
                let cursor = query.order.after(last).encode();
                self.tokens.seal(owner, purpose, cursor)
            }
            _ => String::new(),
        };
        Ok(Page {
            tasks,
            next_page_token,
            etag: etag(seq).unwrap_or_default(),
        })
    }

    async fn read_page(
        &self,
        owner: OwnerId,
        query: &Query,
        mut after: Option<Cursor>,
        page_size: usize,
    ) -> Result<Read, TaskError> {
        let mut first_seq = None;
        let mut tasks = Vec::new();
        let mut bytes = 0;
        // In another order each part would be sorted for anew; of such reads only a few run at once.
        let at_once = if query.order == Order::newest_first() {
            READ_AT_ONCE
        } else {
            usize::MAX
        };
        loop {
            // One more than the page holds tells whether another page follows.
            let wanted = (page_size + 1 - tasks.len()).min(at_once);
            let read = self.store.list(owner, query, after.as_ref(), wanted).await?;
            let exhausted = read.tasks.len() < wanted;
            let seq = *first_seq.get_or_insert(read.read_seq);
            for task in read.tasks {
                bytes += task.encoded_bytes();
                let full = tasks.len() == page_size || bytes > MAX_PAGE_BYTES;
                if full {
                    return Ok(Read { tasks, more: true, seq });
                }
                after = Some(query.order.after(&task));
                tasks.push(task);
            }
            if exhausted {
                let more = false;
                return Ok(Read { tasks, more, seq });
            }
        }
    }
}
