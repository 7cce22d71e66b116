//! What an import tells of each record of a file.

use platform::clock::Timestamp;
use uuid::Uuid;

use crate::{due::Due, task::Priority};

/// What makes a task the same one when its file is imported again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The file gives it a UUID.
    Id(Uuid),
    /// The file gives it another id. Where ids of other kinds could be the same text, the kind stands before it:
    /// `vikunja:42`.
    External(String),
    /// The file gives it none: SHA-256 of what it says and of how many equal ones stand before it.
    Fingerprint([u8; 32]),
}

impl Identity {
    /// The identity that an id gives; `None` if it is empty. A UUID is one in its hyphenated form only, in any case,
    /// as for the API.
    pub(super) fn of_id(text: &str) -> Option<Self> {
        let uuid = (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten();
        match uuid {
            Some(uuid) => Some(Self::Id(uuid)),
            None if text.is_empty() => None,
            None => Some(Self::External(text.to_owned())),
        }
    }
}

/// What a file says of one task. What can be written in only one way (times, priorities, yes and no) was read;
/// texts are as they stand in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What names it.
    pub identity: Identity,
    /// Unchecked; may be empty.
    pub title: String,
    /// Unchecked.
    pub description: String,
    /// Whether it is done.
    pub completed: bool,
    /// How much it matters.
    pub priority: Priority,
    /// Unchecked: neither lower-cased nor unique nor few.
    pub tags: Vec<String>,
    /// When it is due, if it is. The zone is spelt as the IANA database spells it.
    pub due: Option<Due>,
    /// When it was created, if the file says so.
    pub create_time: Option<Timestamp>,
    /// When it was completed, if it is and the file says so.
    pub complete_time: Option<Timestamp>,
}

/// What is wrong with a record, in words for the person whose file it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field of `holdfast.task.v1.Task` that it is about, if it is about one.
    pub field: Option<&'static str>,
    /// A predicate, such as `must be true or false`. Says at most 32 printable ASCII characters of the file.
    pub description: String,
}

impl Problem {
    /// A problem of the whole record.
    pub(super) fn whole(description: impl Into<String>) -> Self {
        Self {
            field: None,
            description: description.into(),
        }
    }

    /// A problem of one field.
    pub(super) fn of(field: &'static str, description: impl Into<String>) -> Self {
        Self {
            field: Some(field),
            description: description.into(),
        }
    }

    /// A record of more than 256 KiB.
    pub(super) fn too_large() -> Self {
        Self::whole("must take at most 256 KiB")
    }

    /// A record that is not text.
    pub(super) fn not_text() -> Self {
        Self::whole("must be in UTF-8")
    }
}

/// One record of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The line where it begins, from 1.
    pub line: u64,
    /// The task, or why there is none.
    pub outcome: Result<Draft, Problem>,
}

/// Takes records as they are found.
pub(super) type Sink<'a> = &'a mut dyn FnMut(Record);

/// Why the rest of a file cannot be read, and where that was noticed.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) line: u64,
    pub(super) description: &'static str,
}

/// The beginning of what a file says, fit to be shown: printable ASCII only, at most 32 bytes, in quotes.
pub(super) fn quoted(text: &str) -> String {
    let shown = text.chars().filter(|character| matches!(character, ' '..='~')).take(32);
    format!("\"{}\"", shown.collect::<String>())
}

/// So many characters has a tag at most.
const MAX_TAG: usize = 50;

/// The tag of those that a project or a section holds: its name, which may be longer, cut to what a tag may have,
/// lest all of them be refused.
pub(super) fn tag_of_group(name: &str) -> String {
    let mut left = MAX_TAG;
    let cut = name.trim().chars().take_while(|character| {
        // Tags are counted as they are kept: lower-cased, some characters become two.
        let taken = character.to_lowercase().count();
        let fits = taken <= left;
        left = left.saturating_sub(taken);
        fits
    });
    cut.collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_group_is_cut_to_a_tag() {
        assert_eq!(tag_of_group(" Home office "), "Home office");
        assert_eq!(tag_of_group(&"x".repeat(51)), "x".repeat(50));
        assert_eq!(tag_of_group(&"\u{130}".repeat(50)), "\u{130}".repeat(25));
        assert_eq!(tag_of_group(&format!("{} y", "x".repeat(49))), "x".repeat(49));
    }

    #[test]
    fn little_of_the_file_is_echoed() {
        assert_eq!(quoted("Europe/Nowhere"), "\"Europe/Nowhere\"");
        assert_eq!(quoted("a\u{1b}[31m\nb\u{e9}\u{7f}"), "\"a[31mb\"");
        assert_eq!(quoted(&"x".repeat(100)).len(), 34);
    }

    #[test]
    fn an_id_is_a_uuid_or_foreign() {
        let id = Uuid::from_u128(0xabcd);
        assert_eq!(Identity::of_id(&id.to_string().to_uppercase()), Some(Identity::Id(id)));
        assert_eq!(
            Identity::of_id(&id.simple().to_string()),
            Some(Identity::External(id.simple().to_string()))
        );
        assert_eq!(Identity::of_id("7"), Some(Identity::External("7".to_owned())));
        assert_eq!(Identity::of_id(""), None);
    }
}
