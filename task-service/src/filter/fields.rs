//! The fields that a filter may name, and what each can be compared with.

use jiff::tz::TimeZone;

use super::{FilterError, tokens::Comparator};
use crate::{
    bounds::Bound,
    condition::{Condition, DueBound, TextField, TimeField},
    task::Priority,
    validation,
};

pub(super) const LONE_ASTERISK: &str = "`*` means any value and stands only after `:`; the character needs quotes";

/// A field that a filter may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    State,
    Completed,
    Priority,
    Tags,
    Due,
    Time(TimeField),
    Text(TextField),
}

impl Field {
    /// `None` for every other name. Case-sensitive, as in the proto.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "state" => Self::State,
            "completed" => Self::Completed,
            "priority" => Self::Priority,
            "tags" | "tag" => Self::Tags,
            "due" => Self::Due,
            "create_time" => Self::Time(TimeField::Create),
            "update_time" => Self::Time(TimeField::Update),
            "complete_time" => Self::Time(TimeField::Complete),
            "delete_time" => Self::Time(TimeField::Delete),
            "title" => Self::Text(TextField::Title),
            "description" => Self::Text(TextField::Description),
            _ => return None,
        })
    }
}

/// A text of a filter.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) text: String,
    /// Whether it was in quotes.
    pub(super) quoted: bool,
}

impl Value {
    /// Whether it is `*`, which after `:` means any value (AIP-160, Has Operator).
    pub(super) fn is_any(&self) -> bool {
        !self.quoted && self.text == "*"
    }
}

/// A field, a comparator and a value, with the places of the latter two.
pub(super) struct Comparison<'a> {
    /// The field as the filter spells it.
    pub(super) name: &'a str,
    pub(super) field: Field,
    pub(super) comparator: Comparator,
    pub(super) comparator_position: usize,
    pub(super) value: &'a Value,
    pub(super) value_position: usize,
    pub(super) zone: &'a TimeZone,
}

/// Where a span of time begins, and the first after it.
type Span = (Option<DueBound>, Option<DueBound>);

impl Comparison<'_> {
    /// What it asks of a task.
    pub(super) fn condition(self) -> Result<Condition, FilterError> {
        // `!=` is true unless equal (AIP-160, Comparison Operators): of an absent field too.
        if self.comparator == Comparator::NotEqual {
            let equal = Comparison {
                comparator: Comparator::Equal,
                ..self
            };
            return Ok(Condition::Not(Box::new(equal.condition()?)));
        }
        match self.field {
            Field::State => self.choice("ACTIVE or COMPLETED", |text| {
                Some(match text.strip_prefix("TASK_STATE_").unwrap_or(text) {
                    "ACTIVE" => Condition::Completed(false),
                    "COMPLETED" => Condition::Completed(true),
                    _ => return None,
                })
            }),
            Field::Completed => self.choice("true or false", |text| text.parse().ok().map(Condition::Completed)),
            Field::Priority => self.priority(),
            Field::Tags => self.tag(),
            Field::Due => self.span().map(|(from, before)| Condition::Due { from, before }),
            Field::Time(field) => self.span().map(|(from, before)| Condition::Time {
                field,
                from: from.map(|bound| bound.moment),
                before: before.map(|bound| bound.moment),
            }),
            Field::Text(field) => self.text(field),
        }
    }

    fn choice(&self, takes: &str, read: impl FnOnce(&str) -> Option<Condition>) -> Result<Condition, FilterError> {
        if self.comparator != Comparator::Equal {
            return Err(self.wrong_comparator("`=` or `!=`"));
        }
        read(&self.value.text).ok_or_else(|| self.wrong_value(takes))
    }

    fn priority(&self) -> Result<Condition, FilterError> {
        if self.comparator == Comparator::Has {
            return Err(self.wrong_comparator("`=`, `!=`, `<`, `<=`, `>` or `>=`"));
        }
        let text = self.value.text.as_str();
        let priority = match text.strip_prefix("PRIORITY_").unwrap_or(text) {
            "LOW" => Priority::Low,
            "MEDIUM" => Priority::Medium,
            "HIGH" => Priority::High,
            _ => return Err(self.wrong_value("LOW, MEDIUM or HIGH")),
        };
        // Below the lowest and above the highest there is none: a range from HIGH to LOW.
        let (from, to) = match (self.comparator, priority) {
            (Comparator::Less, Priority::Low) | (Comparator::Greater, Priority::High) => {
                (Priority::High, Priority::Low)
            }
            (Comparator::Less, Priority::Medium) => (Priority::Low, Priority::Low),
            (Comparator::Less, Priority::High) => (Priority::Low, Priority::Medium),
            (Comparator::LessOrEqual, _) => (Priority::Low, priority),
            (Comparator::Greater, Priority::Low) => (Priority::Medium, Priority::High),
            (Comparator::Greater, Priority::Medium) => (Priority::High, Priority::High),
            (Comparator::GreaterOrEqual, _) => (priority, Priority::High),
            (Comparator::Equal | Comparator::NotEqual | Comparator::Has, _) => (priority, priority),
        };
        Ok(Condition::Priority { from, to })
    }

    fn tag(&self) -> Result<Condition, FilterError> {
        if self.comparator != Comparator::Has {
            return Err(self.wrong_comparator("only `:`"));
        }
        if self.value.is_any() {
            return Ok(Condition::Tagged);
        }
        let tag = validation::tag(&self.value.text);
        tag.map(Condition::Tag)
            .map_err(|problem| FilterError::new(self.value_position, format!("a tag {problem}")))
    }

    fn span(&self) -> Result<Span, FilterError> {
        if self.comparator == Comparator::Has {
            return if self.value.is_any() {
                Ok((None, None))
            } else {
                Err(self.wrong_value("only `*` after `:`"))
            };
        }
        let takes = "a date (YYYY-MM-DD) or a date-time with an offset (RFC 3339)";
        let bound = Bound::parse(&self.value.text).ok_or_else(|| self.wrong_value(takes))?;
        let begin = || Some(bound.begin(self.zone));
        let end = || Some(bound.end(self.zone));
        Ok(match self.comparator {
            Comparator::Less => (None, begin()),
            Comparator::LessOrEqual => (None, end()),
            Comparator::Greater => (end(), None),
            Comparator::GreaterOrEqual => (begin(), None),
            Comparator::Equal | Comparator::NotEqual | Comparator::Has => (begin(), end()),
        })
    }

    fn text(&self, field: TextField) -> Result<Condition, FilterError> {
        let text = self.value.text.clone();
        match self.comparator {
            Comparator::Has if self.value.is_any() => Ok(Condition::Not(Box::new(Condition::Equals {
                field,
                text: String::new(),
            }))),
            Comparator::Has => Ok(Condition::Contains { field, text }),
            Comparator::Equal if self.value.is_any() => Err(FilterError::new(self.value_position, LONE_ASTERISK)),
            Comparator::Equal => Ok(Condition::Equals { field, text }),
            _ => Err(self.wrong_comparator("`:`, `=` or `!=`")),
        }
    }

    fn wrong_comparator(&self, takes: &str) -> FilterError {
        FilterError::new(self.comparator_position, format!("{} takes {takes}", self.name))
    }

    fn wrong_value(&self, takes: &str) -> FilterError {
        FilterError::new(self.value_position, format!("{} takes {takes}", self.name))
    }
}
