//! The words and signs of a filter.

use std::{fmt, str::Chars};

use super::FilterError;

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Has,
}

impl fmt::Display for Comparator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Has => ":",
        })
    }
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    Minus,
    And,
    Or,
    Not,
    Comparator(Comparator),
    /// A text without quotes.
    Bare(String),
    /// A text that was in quotes.
    Quoted(String),
    End,
}

/// A word or a sign.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Where it begins, in characters from 1.
    pub(super) position: usize,
    /// Whether white space stands before it.
    pub(super) spaced: bool,
}

/// Reads tokens one by one.
pub(super) struct Lexer<'a> {
    rest: Chars<'a>,
    /// Of the first character of the rest, from 1.
    position: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            rest: text.chars(),
            position: 1,
        }
    }

    /// The next token; `End` for ever after the last one.
    pub(super) fn read(&mut self) -> Result<Token, FilterError> {
        let mut spaced = false;
        while self.peek().is_some_and(char::is_whitespace) {
            self.take();
            spaced = true;
        }
        let position = self.position;
        let kind = match self.peek() {
            None => Kind::End,
            Some('(') => self.sign(Kind::Open),
            Some(')') => self.sign(Kind::Close),
            Some('-') => self.sign(Kind::Minus),
            Some(quote @ ('"' | '\'')) => self.quoted(quote)?,
            Some(character) => match self.comparator() {
                Some(comparator) => Kind::Comparator(comparator),
                None if character == '!' => {
                    return Err(FilterError::new(position, "`!` does not negate; NOT and `-` do"));
                }
                None => self.bare()?,
            },
        };
        Ok(Token { kind, position, spaced })
    }

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn take(&mut self) -> Option<char> {
        let character = self.rest.next()?;
        self.position += 1;
        Some(character)
    }

    fn sign(&mut self, kind: Kind) -> Kind {
        self.take();
        kind
    }

    fn comparator(&mut self) -> Option<Comparator> {
        let mut ahead = self.rest.clone();
        let first = ahead.next()?;
        let (comparator, length) = match (first, ahead.next()) {
            ('!', Some('=')) => (Comparator::NotEqual, 2),
            ('<', Some('=')) => (Comparator::LessOrEqual, 2),
            ('>', Some('=')) => (Comparator::GreaterOrEqual, 2),
            ('<', _) => (Comparator::Less, 1),
            ('>', _) => (Comparator::Greater, 1),
            ('=', _) => (Comparator::Equal, 1),
            (':', _) => (Comparator::Has, 1),
            _ => return None,
        };
        for _ in 0..length {
            self.take();
        }
        Some(comparator)
    }

    /// A text in quotes, the first of which comes next.
    fn quoted(&mut self, quote: char) -> Result<Kind, FilterError> {
        let opening = self.position;
        self.take();
        let mut text = String::new();
        loop {
            let position = self.position;
            match self.take() {
                None => return Err(FilterError::new(opening, "this quote is never closed")),
                Some('\0') => return Err(FilterError::new(position, NUL)),
                Some('\\') => match self.take() {
                    None => return Err(FilterError::new(opening, "this quote is never closed")),
                    Some(escaped @ ('\\' | '"' | '\'')) => text.push(escaped),
                    Some(_) => {
                        return Err(FilterError::new(
                            position,
                            "a backslash stands only before a backslash or a quote",
                        ));
                    }
                },
                Some(character) if character == quote => return Ok(Kind::Quoted(text)),
                Some(character) => text.push(character),
            }
        }
    }

    /// A text without quotes, or one of the words AND, OR and NOT (case-sensitive).
    fn bare(&mut self) -> Result<Kind, FilterError> {
        let mut text = String::new();
        while let Some(character) = self.peek() {
            if self.ends_bare(character, &text) {
                break;
            }
            if character == '\0' {
                return Err(FilterError::new(self.position, NUL));
            }
            text.push(character);
            self.take();
        }
        Ok(match text.as_str() {
            "AND" => Kind::And,
            "OR" => Kind::Or,
            "NOT" => Kind::Not,
            _ => Kind::Bare(text),
        })
    }

    /// Whether the next character does not belong to the bare text that was read so far.
    fn ends_bare(&self, character: char, text: &str) -> bool {
        let follower = self.rest.clone().nth(1);
        match character {
            '(' | ')' | '<' | '>' | '=' | '"' => true,
            '!' => follower == Some('='),
            // Of a time of day.
            ':' => {
                !(text.ends_with(|last: char| last.is_ascii_digit())
                    && follower.is_some_and(|next| next.is_ascii_digit()))
            }
            _ => character.is_whitespace(),
        }
    }
}

const NUL: &str = "must not contain U+0000";
