//! What the contracts say of themselves in comments.

use std::collections::HashMap;

use prost_reflect::{DescriptorPool, FileDescriptor};

/// The comments of all files, by file and by the path of what they are about (descriptor.proto, `SourceCodeInfo`).
pub(super) struct Comments(HashMap<String, HashMap<Vec<i32>, String>>);

impl Comments {
    /// Of all files of the pool; files without source information have none.
    pub(super) fn of(pool: &DescriptorPool) -> Self {
        Self(
            pool.files()
                .map(|file| (file.name().to_owned(), of_file(&file)))
                .collect(),
        )
    }

    /// What stands before a declaration, in paragraphs.
    pub(super) fn before(&self, file: &FileDescriptor, path: &[i32]) -> String {
        let comments = self.0.get(file.name());
        comments
            .and_then(|comments| comments.get(path))
            .map(|comment| paragraphs(comment))
            .unwrap_or_default()
    }
}

fn of_file(file: &FileDescriptor) -> HashMap<Vec<i32>, String> {
    let info = file.file_descriptor_proto().source_code_info.iter();
    info.flat_map(|info| &info.location)
        .filter_map(|location| Some((location.path.clone(), location.leading_comments.clone()?)))
        .collect()
}

/// The lines of a paragraph are one line.
fn paragraphs(comment: &str) -> String {
    // What is for buf is no comment.
    let lines = comment.lines().map(str::trim).filter(|line| !line.starts_with("buf:"));
    let lines: Vec<&str> = lines.collect();
    let paragraphs = lines.split(|line| line.is_empty()).filter(|lines| !lines.is_empty());
    paragraphs.map(|lines| lines.join(" ")).collect::<Vec<_>>().join("\n\n")
}

/// The first sentence of a comment, without its full stop.
pub(super) fn first_sentence(comment: &str) -> &str {
    let paragraph = comment.split("\n\n").next().unwrap_or_default();
    let end = paragraph.find(". ").unwrap_or(paragraph.len());
    paragraph.get(..end).unwrap_or(paragraph).trim_end_matches(['.', ':'])
}
