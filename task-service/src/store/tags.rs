//! Tags in one column: `\n` before, between and after them, so that a pattern finds a whole tag in it.

/// The tags as the column holds them.
pub(super) fn encode(tags: &[String]) -> String {
    if tags.is_empty() {
        return String::new();
    }
    let mut column = String::from("\n");
    for tag in tags {
        column.push_str(&tag.replace('\\', "\\\\").replace('\n', "\\n"));
        column.push('\n');
    }
    column
}

/// The tags of a column that [`encode`] wrote.
pub(super) fn decode(column: &str) -> Vec<String> {
    column.split_terminator('\n').skip(1).map(unescape).collect()
}

fn unescape(escaped: &str) -> String {
    let mut tag = String::with_capacity(escaped.len());
    let mut characters = escaped.chars();
    while let Some(character) = characters.next() {
        tag.push(match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some(other) => other,
                None => '\\',
            },
            plain => plain,
        });
    }
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_of_tags_comes_back() {
        for tags in [
            &[][..],
            &["home"],
            &["home", "work"],
            &["two\nlines", "back\\slash", "\\n", "\\", "\\\\n\n"],
            &["😀", "%", "_", "'"],
        ] {
            let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
            let column = encode(&tags);
            assert_eq!(decode(&column), tags, "{column:?}");
        }
        assert_eq!(encode(&["a\nb".to_owned(), "c".to_owned()]), "\na\\nb\nc\n");
    }
}
