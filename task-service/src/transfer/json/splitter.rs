//! Finds the tasks in a JSON file as it comes, without reading what is in them.
//!
//! Only the structure around the tasks is followed: arrays of objects, and objects that hold such an array as
//! `tasks` or `child_projects`. An object is kept until it ends or such a member shows that it holds tasks.

use serde_json::{Map, Value};

use crate::transfer::{MAX_RECORD_BYTES, draft::Fault};

/// The members that hold tasks, or objects with tasks.
const CONTAINERS: [&[u8]; 2] = [b"tasks", b"child_projects"];
/// Longer than any name that matters.
const MAX_NAME_BYTES: usize = 16;
/// Projects in projects. Their titles are kept, so that each costs memory.
const MAX_NESTED: usize = 32;

/// So much of a title is kept, in characters.
const MAX_TITLE: usize = 250;

const NOT_JSON: &str = "is not JSON: the rest of the file cannot be read";

/// An object that ended.
pub(super) struct Element {
    /// Where it began.
    pub(super) line: u64,
    /// Its text; `None` if it took more than 256 KiB.
    pub(super) bytes: Option<Vec<u8>>,
    /// The title of the object around it, if that has one.
    pub(super) project: Option<String>,
}

/// What may come next.
#[derive(Clone, Copy)]
enum Place {
    /// The first value of the file.
    Start,
    /// Another object behind one that no array is around.
    Sequence,
    /// Nothing: the array around all of it has ended.
    End,
    /// The first element of an array, or its end.
    FirstElement,
    /// Another element of an array.
    Element,
    /// A comma or the end of the array.
    Separator,
    /// Whatever goes on in the innermost object.
    Object,
}

#[derive(Clone, Copy)]
enum Lexeme {
    Structure,
    Text,
    Escape,
}

/// An object that has begun.
struct Object {
    line: u64,
    /// What was read of it; `None` if it takes too much. Empty if it holds tasks.
    bytes: Option<Vec<u8>>,
    /// How many objects and arrays are open in it, with itself.
    depth: u32,
    lexeme: Lexeme,
    /// Whether the next text of depth 1 is the name of a member.
    at_name: bool,
    /// The name of the last member, as far as it may matter, and where it began.
    name: Vec<u8>,
    name_at: usize,
    /// Whether the next byte begins the value of a member that holds tasks.
    at_contents: bool,
    /// Whether it holds tasks, so that it is none.
    is_container: bool,
    title: Option<String>,
}

/// Finds the objects that may be tasks.
pub(super) struct Splitter {
    place: Place,
    /// Whether an array is around all of it.
    in_array: bool,
    /// The innermost is the last; the others hold it.
    open: Vec<Object>,
    line: u64,
}

impl Default for Splitter {
    fn default() -> Self {
        Self {
            place: Place::Start,
            in_array: false,
            open: Vec::new(),
            line: 1,
        }
    }
}

impl Splitter {
    /// Reads a byte; returns the object that it ends.
    pub(super) fn next(&mut self, byte: u8) -> Result<Option<Element>, Fault> {
        if byte == b'\n' {
            self.line += 1;
        }
        if let Place::Object = self.place {
            return self.inside(byte);
        }
        if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            return Ok(None);
        }
        match (self.place, byte) {
            (Place::Start, b'[') => {
                self.in_array = true;
                self.place = Place::FirstElement;
            }
            (Place::Start | Place::Sequence | Place::FirstElement | Place::Element, b'{') => self.begin()?,
            (Place::FirstElement | Place::Separator, b']') => {
                self.place = if self.open.is_empty() {
                    Place::End
                } else {
                    Place::Object
                };
            }
            (Place::Separator, b',') => self.place = Place::Element,
            (Place::FirstElement | Place::Element, b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                return Err(self.fault("must hold objects only: the rest of the file cannot be read"));
            }
            _ => return Err(self.fault(NOT_JSON)),
        }
        Ok(None)
    }

    /// Whether the file may end here.
    pub(super) fn finish(self) -> Result<(), Fault> {
        match self.place {
            Place::Sequence | Place::End => Ok(()),
            Place::Start => Err(self.fault("is empty: there is no JSON in it")),
            _ => {
                let line = self.open.last().map_or(self.line, |object| object.line);
                let description = "ends before what begins here does";
                Err(Fault { line, description })
            }
        }
    }

    fn fault(&self, description: &'static str) -> Fault {
        Fault {
            line: self.line,
            description,
        }
    }

    fn begin(&mut self) -> Result<(), Fault> {
        if self.open.len() >= MAX_NESTED {
            return Err(self.fault("has too many projects in projects: the rest of the file cannot be read"));
        }
        self.open.push(Object::new(self.line));
        self.place = Place::Object;
        Ok(())
    }

    fn inside(&mut self, byte: u8) -> Result<Option<Element>, Fault> {
        let line = self.line;
        let Some(object) = self.open.last_mut() else {
            return Err(self.fault(NOT_JSON));
        };
        match object.read(byte) {
            Step::On => Ok(None),
            Step::Contents => {
                self.place = Place::FirstElement;
                Ok(None)
            }
            Step::Broken => Err(Fault {
                line,
                description: NOT_JSON,
            }),
            Step::End => Ok(self.end()),
        }
    }

    fn end(&mut self) -> Option<Element> {
        let ended = self.open.pop()?;
        self.place = if self.in_array || !self.open.is_empty() {
            Place::Separator
        } else {
            Place::Sequence
        };
        (!ended.is_container).then(|| Element {
            line: ended.line,
            bytes: ended.bytes,
            project: self.open.last().and_then(|around| around.title.clone()),
        })
    }

    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        let kept = |object: &Object| {
            object.bytes.as_ref().map_or(0, Vec::capacity) + object.title.as_ref().map_or(0, String::capacity)
        };
        self.open.iter().map(kept).sum::<usize>() + self.open.capacity() * size_of::<Object>()
    }
}

/// What a byte of an object leads to.
enum Step {
    /// More of it.
    On,
    /// The elements of an array with tasks.
    Contents,
    /// Its end.
    End,
    /// Nothing that can be read.
    Broken,
}

impl Object {
    /// An object whose brace was just read.
    fn new(line: u64) -> Self {
        Self {
            line,
            bytes: Some(vec![b'{']),
            depth: 1,
            lexeme: Lexeme::Structure,
            at_name: true,
            name: Vec::new(),
            name_at: 0,
            at_contents: false,
            is_container: false,
            title: None,
        }
    }

    fn read(&mut self, byte: u8) -> Step {
        let place = self.bytes.as_ref().map_or(0, Vec::len);
        self.keep(byte);
        match (self.lexeme, byte) {
            (Lexeme::Escape, _) => self.lexeme = Lexeme::Text,
            (Lexeme::Text, b'"') => self.lexeme = Lexeme::Structure,
            (Lexeme::Text, _) => {
                if byte == b'\\' {
                    self.lexeme = Lexeme::Escape;
                }
                if self.at_name && self.depth == 1 && self.name.len() < MAX_NAME_BYTES {
                    self.name.push(byte);
                }
            }
            (Lexeme::Structure, b'"') => {
                self.lexeme = Lexeme::Text;
                self.at_contents = false;
                if self.at_name && self.depth == 1 {
                    self.name.clear();
                    self.name_at = place;
                }
            }
            (Lexeme::Structure, _) => return self.read_structure(byte),
        }
        Step::On
    }

    fn read_structure(&mut self, byte: u8) -> Step {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => return Step::On,
            b'[' if self.at_contents => {
                self.at_contents = false;
                return Step::Contents;
            }
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => {
                self.depth -= 1;
                if self.depth == 0 {
                    return Step::End;
                }
            }
            b',' if self.depth == 1 => self.at_name = true,
            b':' if self.depth == 1 => {
                self.at_name = false;
                if CONTAINERS.contains(&self.name.as_slice()) {
                    self.at_contents = true;
                    return if self.becomes_container() {
                        Step::On
                    } else {
                        Step::Broken
                    };
                }
            }
            _ => {}
        }
        self.at_contents = false;
        Step::On
    }

    fn keep(&mut self, byte: u8) {
        if self.is_container {
            return;
        }
        match &mut self.bytes {
            Some(bytes) if bytes.len() < MAX_RECORD_BYTES => bytes.push(byte),
            bytes => *bytes = None,
        }
    }

    /// Whether what was read of it is JSON. Its title is that which stands before its tasks.
    fn becomes_container(&mut self) -> bool {
        if self.is_container {
            return true;
        }
        self.is_container = true;
        let Some(mut before) = self.bytes.take() else {
            return true;
        };
        before.truncate(self.name_at);
        while before
            .last()
            .is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b',')
        {
            before.pop();
        }
        before.push(b'}');
        let Ok(members) = serde_json::from_slice::<Map<String, Value>>(&before) else {
            return false;
        };
        let title = members.get("title").and_then(Value::as_str);
        self.title = title.map(|title| title.chars().take(MAX_TITLE).collect());
        true
    }
}
