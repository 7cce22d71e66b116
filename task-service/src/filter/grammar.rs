//! The grammar of filters (AIP-160, ebnf-filtering.txt). One method for each of its rules.

use std::mem;

use jiff::tz::TimeZone;

use super::{
    FilterError,
    fields::{Comparison, Field, LONE_ASTERISK, Value},
    tokens::{Kind, Lexer, Token},
};
use crate::condition::{Condition, TextField};

/// The most comparisons and literals of a filter.
const MAX_RESTRICTIONS: usize = 100;
/// The most parentheses and negations around anything. Bounds the recursion of the parser and the depth of the answer.
const MAX_NESTING: usize = 20;

/// Reads a filter by recursive descent, one token ahead.
pub(super) struct Parser<'a> {
    lexer: Lexer<'a>,
    next: Token,
    restrictions: usize,
    zone: &'a TimeZone,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, zone: &'a TimeZone) -> Result<Self, FilterError> {
        let mut lexer = Lexer::new(text);
        let next = lexer.read()?;
        Ok(Self {
            lexer,
            next,
            restrictions: 0,
            zone,
        })
    }

    /// All of it: `[expression]`.
    pub(super) fn filter(mut self) -> Result<Condition, FilterError> {
        if self.next.kind == Kind::End {
            return Ok(Condition::All(Vec::new()));
        }
        let condition = self.expression(0)?;
        match self.next.kind {
            Kind::End => Ok(condition),
            _ => Err(self.problem("this `)` closes nothing")),
        }
    }

    /// `sequence {WS AND WS sequence}`, where a sequence is `factor {WS factor}`. Ends at `)` or the end.
    fn expression(&mut self, nesting: usize) -> Result<Condition, FilterError> {
        let mut factors = vec![self.factor(nesting)?];
        loop {
            match &self.next.kind {
                Kind::End | Kind::Close => break,
                Kind::And => self.connective("AND")?,
                Kind::Comparator(_) => {}
                _ if !self.next.spaced => return Err(self.problem("expected a space")),
                _ => {}
            }
            factors.push(self.factor(nesting)?);
        }
        Ok(one_or(factors, Condition::All))
    }

    /// `term {WS OR WS term}`.
    fn factor(&mut self, nesting: usize) -> Result<Condition, FilterError> {
        let mut terms = vec![self.term(nesting)?];
        while self.next.kind == Kind::Or {
            self.connective("OR")?;
            terms.push(self.term(nesting)?);
        }
        Ok(one_or(terms, Condition::Any))
    }

    /// `[(NOT WS | MINUS)] simple`, and more than one negation.
    fn term(&mut self, nesting: usize) -> Result<Condition, FilterError> {
        let position = self.next.position;
        match &self.next.kind {
            Kind::Not => {
                let nesting = deeper(nesting, position)?;
                self.advance()?;
                self.expect_space_after("NOT")?;
                Ok(Condition::Not(Box::new(self.term(nesting)?)))
            }
            Kind::Minus => {
                let nesting = deeper(nesting, position)?;
                self.advance()?;
                if self.next.spaced {
                    // More often a dash than a negation.
                    let problem = "`-` stands right before what it negates; a dash needs quotes";
                    return Err(FilterError::new(position, problem));
                }
                Ok(Condition::Not(Box::new(self.term(nesting)?)))
            }
            Kind::Open => {
                let nesting = deeper(nesting, position)?;
                self.advance()?;
                let condition = self.expression(nesting)?;
                if self.next.kind != Kind::Close {
                    return Err(FilterError::new(position, "this `(` is never closed"));
                }
                self.advance()?;
                Ok(condition)
            }
            _ => self.restriction(),
        }
    }

    /// `comparable [comparator arg]`.
    fn restriction(&mut self) -> Result<Condition, FilterError> {
        let position = self.next.position;
        let Some(text) = self.text()? else {
            return Err(match self.next.kind {
                Kind::Comparator(found) => self.problem(format!("expected a field name before `{found}`")),
                _ => self.problem("expected a comparison or a literal"),
            });
        };
        if self.restrictions == MAX_RESTRICTIONS {
            let problem = format!("a filter has at most {MAX_RESTRICTIONS} comparisons and literals");
            return Err(FilterError::new(position, problem));
        }
        self.restrictions += 1;
        let Kind::Comparator(comparator) = self.next.kind else {
            return literal(text, position);
        };
        if text.quoted {
            return Err(FilterError::new(position, "a field name has no quotes"));
        }
        let Some(field) = Field::named(&text.text) else {
            return Err(FilterError::new(position, unknown_field(&text.text)));
        };
        let comparator_position = self.next.position;
        self.advance()?;
        let value_position = self.next.position;
        let Some(value) = self.text()? else {
            return Err(match self.next.kind {
                Kind::Open => self.problem("a value has no parentheses; repeat the field for each value"),
                Kind::Minus => self.problem("a value that begins with `-` needs quotes"),
                _ => self.problem(format!("expected a value after `{comparator}`")),
            });
        };
        Comparison {
            name: &text.text,
            field,
            comparator,
            comparator_position,
            value: &value,
            value_position,
            zone: self.zone,
        }
        .condition()
    }

    /// `TEXT | STRING`; `None` if something else comes next.
    fn text(&mut self) -> Result<Option<Value>, FilterError> {
        let position = self.next.position;
        let (text, quoted) = match &mut self.next.kind {
            Kind::Bare(text) => (mem::take(text), false),
            Kind::Quoted(text) => (mem::take(text), true),
            _ => return Ok(None),
        };
        self.advance()?;
        if !quoted && self.next.kind == Kind::Open && !self.next.spaced {
            return Err(FilterError::new(position, "there are no functions"));
        }
        Ok(Some(Value { text, quoted }))
    }

    /// Passes AND or OR, which stands between white space.
    fn connective(&mut self, word: &str) -> Result<(), FilterError> {
        if !self.next.spaced {
            return Err(self.problem(format!("expected a space before {word}")));
        }
        self.advance()?;
        self.expect_space_after(word)
    }

    fn expect_space_after(&self, word: &str) -> Result<(), FilterError> {
        // What is missing at the end, or before a comparator or `)`, is more than a space.
        match self.next.kind {
            Kind::Open | Kind::Quoted(_) if !self.next.spaced => {
                Err(self.problem(format!("expected a space after {word}")))
            }
            _ => Ok(()),
        }
    }

    /// Passes a token.
    fn advance(&mut self) -> Result<(), FilterError> {
        self.next = self.lexer.read()?;
        Ok(())
    }

    /// A problem with the next token.
    fn problem(&self, problem: impl Into<String>) -> FilterError {
        FilterError::new(self.next.position, problem)
    }
}

/// The only one, or all of them together.
fn one_or(mut conditions: Vec<Condition>, together: impl FnOnce(Vec<Condition>) -> Condition) -> Condition {
    match conditions.pop() {
        Some(only) if conditions.is_empty() => only,
        last => {
            conditions.extend(last);
            together(conditions)
        }
    }
}

fn deeper(nesting: usize, position: usize) -> Result<usize, FilterError> {
    if nesting == MAX_NESTING {
        let problem = format!("a filter has at most {MAX_NESTING} levels of parentheses and negations");
        return Err(FilterError::new(position, problem));
    }
    Ok(nesting + 1)
}

/// A text that stands alone is looked for wherever people write (AIP-160, Literals).
fn literal(value: Value, position: usize) -> Result<Condition, FilterError> {
    if value.is_any() {
        return Err(FilterError::new(position, LONE_ASTERISK));
    }
    Ok(Condition::Contains {
        field: TextField::Either,
        text: value.text,
    })
}

/// The longest unknown name that is repeated to the caller, in bytes; longer than any name we have.
const SHOWN: usize = 32;

fn unknown_field(name: &str) -> String {
    if name.len() <= SHOWN && name.bytes().all(|byte| byte.is_ascii_graphic()) {
        format!("\"{name}\" is not a field to filter by")
    } else {
        "this is not a field to filter by".to_owned()
    }
}
