//! The filter of a list, in the language of AIP-160.
//!
//! A filter is read by its published grammar: a sequence is an AND, OR binds tighter than AND, `-` is NOT. A literal
//! without a comparison is looked for in the title and the description. Where the grammar leaves a choice:
//! - A bare text ends at white space, a parenthesis, a comparator or `"`. A colon between two digits does not end it,
//!   so that times need no quotes; all of `.`, `,`, `*` and an apostrophe within are text.
//! - In quotes a backslash stands before a backslash or a quote, nothing else.
//! - `*` without quotes means any value, and stands only after `:`. There are no wildcards within a text.
//! - A value that begins with `-` or is one of the words AND, OR, NOT needs quotes; a field name never has any.
//! - Several negations may follow one another. There are no functions, and a value cannot be in parentheses.

mod fields;
mod grammar;
mod tokens;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod tests;

use std::fmt;

use jiff::tz::TimeZone;

use crate::condition::Condition;

/// The longest filter, in characters.
pub(crate) const MAX_CHARACTERS: usize = 2000;

/// What is wrong with a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilterError {
    /// Where, in characters from 1; one more than the filter has for what is missing at its end.
    pub(crate) position: usize,
    /// What, in words for the person who wrote the filter. Never repeats more than 32 printable ASCII characters of it.
    pub(crate) problem: String,
}

impl FilterError {
    fn new(position: usize, problem: impl Into<String>) -> Self {
        Self {
            position,
            problem: problem.into(),
        }
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "at character {}: {}", self.position, self.problem)
    }
}

impl std::error::Error for FilterError {}

/// Reads a filter (AIP-160). Days begin at midnight in the zone. A blank filter is met by every task.
pub(crate) fn parse(text: &str, zone: &TimeZone) -> Result<Condition, FilterError> {
    if text.chars().nth(MAX_CHARACTERS).is_some() {
        return Err(FilterError::new(
            MAX_CHARACTERS + 1,
            format!("a filter has at most {MAX_CHARACTERS} characters"),
        ));
    }
    grammar::Parser::new(text, zone)?.filter()
}
