//! What a task may say.

use proto::task::v1 as wire;
use uuid::Uuid;

use crate::{error::TaskError, task::Priority, transfer::Problem};

const MAX_TITLE: usize = 200;
const MAX_DESCRIPTION: usize = 10_000;
const MAX_TAGS: usize = 20;
const MAX_TAG: usize = 50;
/// More than this would not fit into the headers that carry an error (grpc C-core takes 8 KiB).
const MAX_VIOLATIONS: usize = 20;

/// Everything that is wrong with a request, told at once: proto field paths and descriptions.
#[derive(Debug, Default)]
pub(crate) struct Violations {
    list: Vec<(String, String)>,
    /// Stands before every path that is added.
    prefix: String,
}

impl Violations {
    /// Adds one; after the twentieth they are only counted as wrong.
    pub(crate) fn add(&mut self, path: impl AsRef<str>, description: impl Into<String>) {
        if self.list.len() < MAX_VIOLATIONS {
            let path = format!("{}{}", self.prefix, path.as_ref());
            self.list.push((path, description.into()));
        }
    }

    /// From now on paths are those of a field of this message, such as `requests[3]`.
    pub(crate) fn within(&mut self, message: &str) {
        self.prefix = format!("{message}.");
    }

    /// From now on paths are those of the request.
    pub(crate) fn within_request(&mut self) {
        self.prefix.clear();
    }

    /// The value that was read, unless anything is wrong with the request.
    pub(crate) fn accept<T>(self, value: Option<T>) -> Result<T, TaskError> {
        match value {
            Some(value) if self.list.is_empty() => Ok(value),
            _ => Err(TaskError::FieldsInvalid(self.list)),
        }
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The first thing that is wrong with a task, as a file is told of it.
    pub(crate) fn into_problem(self) -> Problem {
        let first = self.list.into_iter().next();
        let (path, description) = first.unwrap_or_default();
        let field = ["title", "description", "tags"]
            .into_iter()
            .find(|field| path.strip_prefix("task.").is_some_and(|path| path.starts_with(field)));
        Problem { field, description }
    }

    /// What is wrong.
    #[cfg(test)]
    pub(crate) fn into_list(self) -> Vec<(String, String)> {
        self.list
    }
}

/// A UUID in its hyphenated form, in any case.
pub(crate) fn id(path: &str, text: &str, violations: &mut Violations) -> Option<Uuid> {
    // The other forms that the parser knows have other lengths.
    let id = (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten();
    if id.is_none() {
        violations.add(path, "must be a UUID");
    }
    id
}

/// Trimmed.
pub(crate) fn title(text: &str, violations: &mut Violations) -> Option<String> {
    let title = text.trim();
    match title.chars().count() {
        _ if has_nul(text) => violations.add("task.title", NUL),
        0 => violations.add("task.title", "is required"),
        1..=MAX_TITLE => return Some(title.to_owned()),
        _ => violations.add("task.title", format!("must have at most {MAX_TITLE} characters")),
    }
    None
}

/// As it is.
pub(crate) fn description(text: &str, violations: &mut Violations) -> Option<String> {
    if has_nul(text) {
        violations.add("task.description", NUL);
    } else if text.chars().count() > MAX_DESCRIPTION {
        violations.add(
            "task.description",
            format!("must have at most {MAX_DESCRIPTION} characters"),
        );
    } else {
        return Some(text.to_owned());
    }
    None
}

/// Trimmed, lower-cased, each once, in the order of their first mention. The limits are those of what is
/// kept, so that a tag that was read can be written back.
pub(crate) fn tags(texts: &[String], violations: &mut Violations) -> Option<Vec<String>> {
    let mut tags: Vec<String> = Vec::new();
    let mut valid = true;
    for (place, text) in texts.iter().enumerate() {
        match tag(text) {
            // One too many is as wrong as a million.
            Ok(tag) if tags.len() > MAX_TAGS || tags.contains(&tag) => {}
            Ok(tag) => tags.push(tag),
            Err(problem) => {
                violations.add(format!("task.tags[{place}]"), problem);
                valid = false;
            }
        }
    }
    if tags.len() > MAX_TAGS {
        violations.add("task.tags", format!("must be at most {MAX_TAGS}"));
        valid = false;
    }
    valid.then_some(tags)
}

/// Trimmed and lower-cased; what is wrong with it otherwise.
pub(crate) fn tag(text: &str) -> Result<String, String> {
    let tag = text.trim().to_lowercase();
    match tag.chars().count() {
        _ if has_nul(text) => Err(NUL.to_owned()),
        0 => Err("must not be empty".to_owned()),
        1..=MAX_TAG => Ok(tag),
        _ => Err(format!("must have at most {MAX_TAG} characters")),
    }
}

/// Medium if it is not said.
pub(crate) fn priority(number: i32, violations: &mut Violations) -> Option<Priority> {
    match wire::Priority::try_from(number) {
        Ok(wire::Priority::Unspecified) => Some(Priority::default()),
        Ok(wire::Priority::Low) => Some(Priority::Low),
        Ok(wire::Priority::Medium) => Some(Priority::Medium),
        Ok(wire::Priority::High) => Some(Priority::High),
        Err(_) => {
            violations.add("task.priority", "must be a Priority");
            None
        }
    }
}

/// What is wrong with a text that contains it.
pub(crate) const NUL: &str = "must not contain U+0000";

/// PostgreSQL cannot store it, and nobody types it.
fn has_nul(text: &str) -> bool {
    text.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked<T>(rule: impl FnOnce(&mut Violations) -> Option<T>) -> Result<T, Vec<(String, String)>> {
        let mut violations = Violations::default();
        let value = rule(&mut violations);
        assert_eq!(value.is_some(), violations.is_empty(), "a refusal has a reason");
        value.ok_or(violations.into_list())
    }

    #[test]
    fn titles_are_counted_in_code_points_after_trimming() {
        for character in ["a", "é", "e\u{301}", "😀", "👩\u{200d}👩\u{200d}👧"] {
            let count = character.chars().count();
            let longest = character.repeat(MAX_TITLE / count);
            assert_eq!(
                checked(|v| title(&format!(" \t{longest}\u{a0}\n"), v)),
                Ok(longest.clone())
            );
            assert!(checked(|v| title(&character.repeat(MAX_TITLE / count + 1), v)).is_err());
        }
        for refused in ["", " ", "\u{2003}", "a\0b", "\0"] {
            assert!(checked(|v| title(refused, v)).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn descriptions_are_kept_as_they_are() {
        let spaced = " \n two lines \n ";
        assert_eq!(checked(|v| description(spaced, v)).as_deref(), Ok(spaced));
        assert!(checked(|v| description(&"😀".repeat(MAX_DESCRIPTION), v)).is_ok());
        assert!(checked(|v| description(&"a".repeat(MAX_DESCRIPTION + 1), v)).is_err());
        assert!(checked(|v| description("\0", v)).is_err());
    }

    #[test]
    fn tags_are_lower_cased_and_unique() {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            checked(|v| tags(&texts(&["Home ", "work", "HOME", "Straße", "\u{c9}"]), v)),
            Ok(texts(&["home", "work", "straße", "é"]))
        );
        let numbered = |count: usize| (0..count).map(|number| format!("tag {number}")).collect::<Vec<_>>();
        assert!(checked(|v| tags(&numbered(MAX_TAGS), v)).is_ok());
        assert!(checked(|v| tags(&[numbered(MAX_TAGS), numbered(MAX_TAGS)].concat(), v)).is_ok());
        let wrong = |list: &[String]| {
            checked(|v| tags(list, v)).map_err(|list| list.into_iter().map(|(path, _)| path).collect::<Vec<_>>())
        };
        assert_eq!(wrong(&numbered(MAX_TAGS + 1)), Err(texts(&["task.tags"])));
        assert_eq!(
            wrong(&texts(&["good", " ", "nul\0", &"x".repeat(MAX_TAG + 1)])),
            Err(texts(&["task.tags[1]", "task.tags[2]", "task.tags[3]"]))
        );
        // Lower-cased, each of these becomes two code points.
        assert_eq!(wrong(&["\u{130}".repeat(MAX_TAG)]), Err(texts(&["task.tags[0]"])));
    }

    #[test]
    fn ids_are_hyphenated() {
        let known = Uuid::from_u128(0xabcd);
        let spelt = known.to_string();
        assert_eq!(checked(|v| id("id", &spelt, v)), Ok(known));
        assert_eq!(checked(|v| id("id", &spelt.to_uppercase(), v)), Ok(known));
        for refused in [
            "",
            "1",
            &known.simple().to_string(),
            &known.urn().to_string(),
            &known.braced().to_string(),
            &spelt.replace('-', "_"),
        ] {
            assert!(checked(|v| id("id", refused, v)).is_err(), "{refused}");
        }
    }

    #[test]
    fn no_more_is_told_than_fits_a_header() {
        let list = checked(|v| tags(&vec![String::new(); 1000], v)).expect_err("they are empty");
        assert_eq!(list.len(), MAX_VIOLATIONS);
    }
}
