//! Which fields an update changes (AIP-134).

use proto::task::v1 as wire;

use crate::validation::Violations;

/// A field that a person can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Title,
    Description,
    Completed,
    Priority,
    Tags,
    Due,
}

/// All of them.
pub(crate) const ALL: [Field; 6] = [
    Field::Title,
    Field::Description,
    Field::Completed,
    Field::Priority,
    Field::Tags,
    Field::Due,
];

/// Fields that only the service sets. A client that sends back all it read may name them.
const OUTPUT_ONLY: [&str; 7] = [
    "id",
    "create_time",
    "update_time",
    "complete_time",
    "delete_time",
    "purge_time",
    "etag",
];

/// The longest unknown path that is repeated to the caller, in bytes; longer than any name we have.
const SHOWN: usize = 32;

/// The fields that a request means to change: without a mask those that are set in the task; with one, those
/// that it names; `*` alone names all.
pub(crate) fn fields(
    mask: Option<&prost_types::FieldMask>,
    task: &wire::Task,
    violations: &mut Violations,
) -> Vec<Field> {
    let Some(mask) = mask else {
        return ALL.into_iter().filter(|field| field.is_set(task)).collect();
    };
    if let [only] = mask.paths.as_slice()
        && only == "*"
    {
        return ALL.to_vec();
    }
    let mut named = Vec::new();
    for path in &mask.paths {
        match Field::named(path) {
            Some(field) if named.contains(&field) => {}
            Some(field) => named.push(field),
            None if OUTPUT_ONLY.contains(&path.as_str()) => {}
            None if path == "*" => violations.add("update_mask", "`*` must stand alone"),
            None if path.len() <= SHOWN && path.bytes().all(|byte| byte.is_ascii_graphic()) => {
                violations.add("update_mask", format!("\"{path}\" is not a field to change"));
            }
            None => violations.add("update_mask", "names something that is not a field"),
        }
    }
    named
}

impl Field {
    fn named(path: &str) -> Option<Self> {
        Some(match path {
            "title" => Self::Title,
            "description" => Self::Description,
            "completed" => Self::Completed,
            "priority" => Self::Priority,
            "tags" => Self::Tags,
            "due" => Self::Due,
            _ => return None,
        })
    }

    /// Whether a proto3 encoding of the task would hold it.
    fn is_set(self, task: &wire::Task) -> bool {
        match self {
            Self::Title => !task.title.is_empty(),
            Self::Description => !task.description.is_empty(),
            Self::Completed => task.completed,
            Self::Priority => task.priority != 0,
            Self::Tags => !task.tags.is_empty(),
            Self::Due => task.due.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(paths: &[&str]) -> (Vec<Field>, usize) {
        let mask = prost_types::FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        };
        let mut violations = Violations::default();
        let fields = fields(Some(&mask), &wire::Task::default(), &mut violations);
        (fields, violations.into_list().len())
    }

    #[test]
    fn a_mask_names_fields() {
        assert_eq!(masked(&["title", "due", "title"]), (vec![Field::Title, Field::Due], 0));
        assert_eq!(masked(&["*"]), (ALL.to_vec(), 0));
        assert_eq!(masked(&[]), (vec![], 0));
        assert_eq!(masked(&OUTPUT_ONLY), (vec![], 0));
        assert_eq!(masked(&["*", "title", "nonsense", "due.date", "Title", ""]).1, 5);
    }

    #[test]
    fn without_a_mask_what_is_set_counts() {
        let task = wire::Task {
            completed: true,
            due: Some(wire::Due::default()),
            etag: "7".to_owned(),
            ..wire::Task::default()
        };
        let mut violations = Violations::default();
        assert_eq!(fields(None, &task, &mut violations), [Field::Completed, Field::Due]);
        assert!(violations.is_empty());
    }

    #[test]
    fn the_six_fields_and_the_output_only_ones_are_all_of_the_message() {
        let pool = platform::access::descriptor_pool();
        let task = pool
            .get_message_by_name("holdfast.task.v1.Task")
            .expect("the contract has it");
        for field in task.fields() {
            let known = Field::named(field.name()).is_some() ^ OUTPUT_ONLY.contains(&field.name());
            assert!(known, "{} is neither", field.name());
        }
    }
}
