//! JSON files (RFC 8259).
//!
//! - Our own: `{"tasks": [...]}`, a bare array of tasks, or tasks one after another (NDJSON), each in the proto3
//!   JSON of `holdfast.task.v1.Task`.
//! - `data.json` of Vikunja's export: an array of projects, each with its tasks and its child projects.
//!
//! A task of Vikunja's is known by its place in a project with a title, or by its `done`.

mod html;
mod members;
mod own;
mod splitter;
mod vikunja;
mod write;

use super::{
    draft::{Draft, Fault, Problem, Record, Sink},
    fingerprint::Fingerprints,
};
use members::Members;
use splitter::{Element, Splitter};

pub(super) use write::{begin, end, task};

/// Reads a JSON file.
#[derive(Default)]
pub(super) struct JsonReader {
    splitter: Splitter,
    fingerprints: Fingerprints,
}

impl JsonReader {
    pub(super) fn feed(&mut self, chunk: &[u8], out: Sink) -> Result<(), Fault> {
        for byte in chunk {
            if let Some(element) = self.splitter.next(*byte)? {
                out(Record {
                    line: element.line,
                    outcome: read(&element, &mut self.fingerprints),
                });
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<(), Fault> {
        self.splitter.finish()
    }

    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        self.splitter.kept_bytes() + self.fingerprints.kept_bytes()
    }
}

fn read(element: &Element, fingerprints: &mut Fingerprints) -> Result<Draft, Problem> {
    let bytes = element.bytes.as_deref().ok_or_else(Problem::too_large)?;
    let text = str::from_utf8(bytes).map_err(|_| Problem::not_text())?;
    let members: Members = serde_json::from_str(text).map_err(|_| Problem::whole("must be a JSON object"))?;
    if element.project.is_some() || (members.has("done") && !members.has("completed")) {
        vikunja::read(&members, element.project.as_deref(), fingerprints)
    } else {
        own::read(&members, fingerprints)
    }
}
