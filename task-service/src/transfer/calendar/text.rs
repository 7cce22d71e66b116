//! Values of the type TEXT (RFC 5545, section 3.3.11), and what such a value cannot hold.

/// What an escaped text says. A `\` before any other character is left out.
pub(super) fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n' | 'N') => text.push('\n'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            _ => text.push(character),
        }
    }
    text
}

/// Appends a text, escaped.
pub(super) fn escape(text: &str, value: &mut String) {
    for character in text.chars() {
        match character {
            '\\' | ';' | ',' => value.extend(['\\', character]),
            '\n' => value.push_str("\\n"),
            _ => value.push(character),
        }
    }
}

/// The texts of a list, still escaped.
pub(super) fn list_items(value: &str) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    value.split(move |character| {
        let ends = !escaped && character == ',';
        escaped = !escaped && character == '\\';
        ends
    })
}

/// The text with a space for each character that TEXT must not hold: the controls but for tab and line feed. CRLF
/// becomes LF.
pub(super) fn printable(text: &str) -> String {
    text.replace("\r\n", "\n")
        .chars()
        .map(|character| if is_control(character) { ' ' } else { character })
        .collect()
}

/// The text with `%` and two digits for each of these, and for `%`.
pub(super) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '%' || is_control(character) {
            encoded.extend(format!("%{:02X}", u32::from(character)).chars());
        } else {
            encoded.push(character);
        }
    }
    encoded
}

/// What was encoded so.
pub(super) fn percent_decoded(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or_default();
        let code = u8::from_str_radix(digits, 16).ok().filter(u8::is_ascii);
        if let Some(code) = code {
            text.push(char::from(code));
            text.push_str(rest);
        } else {
            text.push('%');
            text.push_str(part);
        }
    }
    text
}

fn is_control(character: char) -> bool {
    character.is_ascii_control() && !matches!(character, '\t' | '\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone() {
        let text = "a, b; c\\d\ne\\n";
        let mut value = String::new();
        escape(text, &mut value);
        assert_eq!(value, "a\\, b\\; c\\\\d\\ne\\\\n");
        assert_eq!(unescaped(&value), text);
        assert_eq!(unescaped("\\N\\:\\"), "\n:\\");
    }

    #[test]
    fn lists_are_divided_at_bare_commas() {
        assert_eq!(list_items("a,b\\,c\\\\,d").collect::<Vec<_>>(), ["a", "b\\,c\\\\", "d"]);
        assert_eq!(list_items("").collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn controls_are_kept_beside_the_text() {
        let text = "100% \r\n\u{1}\t\u{7f}é";
        assert_eq!(printable(text), "100% \n \t é");
        assert_eq!(printable("a\rb"), "a b");
        assert_eq!(percent_encoded(text), "100%25 %0D\n%01\t%7Fé");
        assert_eq!(percent_decoded(&percent_encoded(text)), text);
        assert_eq!(percent_decoded("%%4%zz%FF%é%"), "%%4%zz%FF%é%");
    }
}
