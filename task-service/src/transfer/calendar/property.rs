//! A content line divided into its name, parameters and value (RFC 5545, section 3.1).

use super::Line;

/// A property. Parameters other than those that matter are left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Property<'a> {
    /// The name of a time zone.
    pub(super) zone_name: Option<&'a str>,
    /// As it stands in the file.
    pub(super) value: &'a str,
}

/// The name that a line begins with, as it is spelt there; `None` if it has none.
pub(super) fn name_of(bytes: &[u8]) -> Option<&str> {
    let end = bytes.iter().position(|byte| matches!(byte, b':' | b';'))?;
    let name = str::from_utf8(bytes.get(..end)?).ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (!name.is_empty() && name.bytes().all(plain)).then_some(name)
}

impl<'a> Property<'a> {
    /// Divides a line; `None` if it is too large, no text or no property.
    pub(super) fn read(line: &Line<'a>) -> Option<Self> {
        Self::of_text(str::from_utf8(line.bytes?).ok()?)
    }

    fn of_text(text: &'a str) -> Option<Self> {
        let mut rest = text.get(text.find([':', ';'])?..)?;
        let mut zone_name = None;
        loop {
            if let Some(value) = rest.strip_prefix(':') {
                return Some(Self { zone_name, value });
            }
            let parameter = rest.strip_prefix(';')?;
            let (name, value) = parameter.split_once('=')?;
            let end = value_end(value)?;
            if name.eq_ignore_ascii_case("TZID") {
                zone_name = value.get(..end).map(|value| value.trim_matches('"'));
            }
            rest = value.get(end..)?;
        }
    }
}

/// Where the value of a parameter ends: at the first `;` or `:` outside of quotation marks.
fn value_end(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.bytes().position(|byte| {
        quoted ^= byte == b'"';
        !quoted && matches!(byte, b';' | b':')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_may_hold_anything_in_quotes() {
        for (text, zone_name, value) in [
            ("SUMMARY:a:b;c", None, "a:b;c"),
            (
                "DUE;TZID=Europe/Berlin:20260131T100000",
                Some("Europe/Berlin"),
                "20260131T100000",
            ),
            (
                "DUE;X-A=\"x:y;z\",w;tzid=\"/a;b:c/Europe/Berlin\":2026",
                Some("/a;b:c/Europe/Berlin"),
                "2026",
            ),
            ("X:", None, ""),
        ] {
            assert_eq!(Property::of_text(text), Some(Property { zone_name, value }), "{text}");
        }
        for text in [
            "",
            "SUMMARY",
            "DUE;TZID",
            "DUE;TZID=",
            "DUE;TZID=\"open:2026",
            "DUE;X:2026",
        ] {
            assert_eq!(Property::of_text(text), None, "{text}");
        }
    }

    #[test]
    fn names_are_plain() {
        assert_eq!(name_of(b"X-Holdfast-Due;A=B:\xff"), Some("X-Holdfast-Due"));
        for text in [&b""[..], b":", b"NAME", b"two words:", b"\xff:"] {
            assert_eq!(name_of(text), None, "{text:?}");
        }
    }
}
