//! One path pattern of `google.api.http`, such as `/v1/tasks/{task.id}:complete`.
//!
//! Grammar (google/api/http.proto, "Path template syntax"): literals, `*`, `{field}`, `{field=shelves/*}`, `**` as the
//! last segment, and one verb at the end.

/// A pattern, parsed.
#[derive(Debug)]
pub(crate) struct Template {
    segments: Vec<Segment>,
    verb: Option<String>,
    variables: Vec<Variable>,
}

/// Ordered so that the more specific pattern sorts first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    Wildcard,
    /// The last one: all segments that are left, or none.
    Rest,
}

/// A field that is bound to one or more segments of the path.
#[derive(Debug)]
pub(crate) struct Variable {
    /// The proto path of the field, such as `task.id`.
    pub(crate) field: String,
    first: usize,
    /// `None`: where the path ends.
    end: Option<usize>,
    is_one_segment: bool,
}

impl Template {
    /// Parses a pattern; the error says what cannot be served.
    pub(crate) fn parse(pattern: &str) -> Result<Self, String> {
        let path = pattern.strip_prefix('/').ok_or("it must begin with a slash")?;
        let (path, verb) = split_verb(path);
        if verb.is_some_and(str::is_empty) {
            return Err("its verb is empty".to_owned());
        }
        let mut template = Self {
            segments: Vec::new(),
            verb: verb.map(str::to_owned),
            variables: Vec::new(),
        };
        for part in split_outside_braces(path) {
            template.push(part)?;
        }
        Ok(template)
    }

    fn push(&mut self, part: &str) -> Result<(), String> {
        let Some(variable) = part.strip_prefix('{') else {
            return self.push_segment(part);
        };
        let variable = variable.strip_suffix('}').ok_or("a brace is not closed")?;
        let (field, pattern) = variable.split_once('=').unwrap_or((variable, "*"));
        let first = self.segments.len();
        for segment in pattern.split('/') {
            self.push_segment(segment)?;
        }
        let end = Some(self.segments.len()).filter(|_| !self.has_rest());
        self.variables.push(Variable {
            field: field.to_owned(),
            first,
            end,
            is_one_segment: end == Some(first + 1),
        });
        Ok(())
    }

    fn push_segment(&mut self, segment: &str) -> Result<(), String> {
        if self.has_rest() {
            return Err("** must be the last segment".to_owned());
        }
        self.segments.push(match segment {
            "" => return Err("a segment is empty".to_owned()),
            "*" => Segment::Wildcard,
            "**" => Segment::Rest,
            _ if segment.contains(['{', '}', '*']) => return Err(format!("{segment:?} is not supported")),
            literal => Segment::Literal(literal.to_owned()),
        });
        Ok(())
    }

    fn has_rest(&self) -> bool {
        self.segments.last() == Some(&Segment::Rest)
    }

    /// The segments of a path, still escaped, if it has this pattern's form: of what stands between its slashes, after the
    /// first. A wildcard takes exactly one segment; no segment is ever empty.
    pub(crate) fn matches<'path>(&self, parts: &[&'path str]) -> Option<Vec<&'path str>> {
        let has_length = if self.has_rest() {
            parts.len() + 1 >= self.segments.len()
        } else {
            parts.len() == self.segments.len()
        };
        let (last, others) = parts.split_last().filter(|_| has_length)?;
        let last = match &self.verb {
            Some(verb) => last.strip_suffix(verb.as_str())?.strip_suffix(':')?,
            None => last,
        };
        let parts = others.iter().copied().chain([last]);
        let rest = std::iter::repeat(&Segment::Rest);
        let same = parts
            .clone()
            .zip(self.segments.iter().chain(rest))
            .all(|(part, segment)| match segment {
                Segment::Literal(literal) => part == literal,
                Segment::Wildcard | Segment::Rest => !part.is_empty(),
            });
        same.then(|| parts.collect())
    }

    /// The fields that the path binds.
    pub(crate) fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// Whether the pattern ends in a verb, such as `:complete`.
    pub(crate) fn has_verb(&self) -> bool {
        self.verb.is_some()
    }

    /// A key that sorts the more specific of two patterns first.
    pub(crate) fn specificity(&self) -> impl Ord + use<> {
        self.segments.clone()
    }

    /// The pattern as OpenAPI has it (Specification 3.1, "Path Templating"), with these names for the wildcards of
    /// [`Template::variables`] that are one segment; the others are written out.
    pub(crate) fn with_names(&self, names: &[String]) -> String {
        let mut path = String::new();
        for (place, segment) in self.segments.iter().enumerate() {
            let variable = self
                .variables
                .iter()
                .position(|variable| variable.first <= place && variable.end.is_none_or(|end| place < end));
            path.push('/');
            match (segment, variable.and_then(|variable| names.get(variable))) {
                (Segment::Literal(literal), _) => path.push_str(literal),
                (Segment::Wildcard | Segment::Rest, Some(name)) => {
                    path.push('{');
                    path.push_str(name);
                    path.push('}');
                }
                (Segment::Wildcard, None) => path.push('*'),
                (Segment::Rest, None) => path.push_str("**"),
            }
        }
        if let Some(verb) = &self.verb {
            path.push(':');
            path.push_str(verb);
        }
        path
    }

    /// The pattern without its names: two patterns of one shape match the same paths.
    pub(crate) fn shape(&self) -> String {
        let mut shape = String::new();
        for segment in &self.segments {
            shape.push('/');
            shape.push_str(match segment {
                Segment::Literal(literal) => literal,
                Segment::Wildcard => "*",
                Segment::Rest => "**",
            });
        }
        if let Some(verb) = &self.verb {
            shape.push(':');
            shape.push_str(verb);
        }
        shape
    }
}

impl Variable {
    /// The segments of a matched path that this variable holds.
    pub(crate) fn of<'parts, 'path>(&self, parts: &'parts [&'path str]) -> &'parts [&'path str] {
        &parts[self.first..self.end.unwrap_or(parts.len())]
    }

    /// Whether it is always one segment, in which an escaped slash divides nothing.
    pub(crate) fn is_one_segment(&self) -> bool {
        self.is_one_segment
    }
}

/// A verb follows the last colon, unless that colon stands within a variable or an earlier segment.
fn split_verb(path: &str) -> (&str, Option<&str>) {
    match path.rsplit_once(':') {
        Some((before, verb)) if !verb.contains(['/', '}']) => (before, Some(verb)),
        _ => (path, None),
    }
}

fn split_outside_braces(path: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    path.split(move |character| {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == '/' && depth == 0
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(pattern: &str, path: &str) -> Option<Vec<(String, String)>> {
        let template = Template::parse(pattern).expect(pattern);
        let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let parts = template.matches(&parts)?;
        Some(
            template
                .variables()
                .iter()
                .map(|variable| (variable.field.clone(), variable.of(&parts).join("/")))
                .collect(),
        )
    }

    fn pair(field: &str, value: &str) -> Vec<(String, String)> {
        vec![(field.to_owned(), value.to_owned())]
    }

    #[test]
    fn a_path_is_matched_segment_by_segment() {
        assert_eq!(bound("/v1/tasks", "/v1/tasks"), Some(vec![]));
        assert_eq!(bound("/.well-known/jwks.json", "/.well-known/jwks.json"), Some(vec![]));
        assert_eq!(bound("/v1/tasks/{id}", "/v1/tasks/a"), Some(pair("id", "a")));
        assert_eq!(
            bound("/v1/tasks/{task.id}", "/v1/tasks/a%2Fb"),
            Some(pair("task.id", "a%2Fb"))
        );
        assert_eq!(
            bound("/v1/{name=shelves/*}/x", "/v1/shelves/7/x"),
            Some(pair("name", "shelves/7"))
        );
        assert_eq!(bound("/v1/*/x", "/v1/anything/x"), Some(vec![]));
        for rest in ["", "/a", "/a/b"] {
            let path = format!("/v1/files{rest}");
            let name = format!("files{rest}");
            assert_eq!(bound("/v1/{name=files/**}", &path), Some(pair("name", &name)));
            assert_eq!(bound("/v1/files/**", &path), Some(vec![]));
        }
        assert_eq!(bound("/v1/{name=files/**}", "/v1/files/"), None);
        for other in [
            "/",
            "/v1",
            "/v1/tasks/",
            "/v1/tasks/a/b",
            "/v1/tasks//",
            "/v1//a",
            "v1/tasks/a",
        ] {
            assert_eq!(bound("/v1/tasks/{id}", other), None, "{other}");
        }
        assert_eq!(bound("/v1/{name=shelves/*}/x", "/v1/cupboards/7/x"), None);
    }

    #[test]
    fn a_verb_ends_the_path() {
        assert_eq!(
            bound("/v1/tasks/{id}:complete", "/v1/tasks/a:complete"),
            Some(pair("id", "a"))
        );
        assert_eq!(
            bound("/v1/tasks/{id}:complete", "/v1/tasks/a:b:complete"),
            Some(pair("id", "a:b"))
        );
        assert_eq!(bound("/v1/tasks:sync", "/v1/tasks:sync"), Some(vec![]));
        for other in [
            "/v1/tasks/:complete",
            "/v1/tasks/a:completed",
            "/v1/tasks/a%3Acomplete",
            "/v1/tasks/acomplete",
        ] {
            assert_eq!(bound("/v1/tasks/{id}:complete", other), None, "{other}");
        }
    }

    #[test]
    fn what_is_not_supported_is_said() {
        for pattern in [
            "v1",
            "/",
            "/v1//a",
            "/v1/{id",
            "/v1/**/a",
            "/v1/{rest=**}/a",
            "/v1/{rest=**}/{more=**}",
            "/v1/a**",
            "/v1/a{id}",
            "/v1/tasks:",
        ] {
            assert!(Template::parse(pattern).is_err(), "{pattern}");
        }
    }
}
