//! Tags in one field of a table: separated by `;`. A `;` or `\` that belongs to a tag has a `\` before it.

/// The tags that a field lists; blank ones are none.
pub(super) fn read(field: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut tag = String::new();
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        match character {
            ';' => tags.push(std::mem::take(&mut tag)),
            '\\' => tag.push(characters.next().unwrap_or('\\')),
            _ => tag.push(character),
        }
    }
    tags.push(tag);
    tags.retain(|tag| !tag.trim().is_empty());
    tags
}

/// The field that lists the tags.
pub(super) fn write(tags: &[String]) -> String {
    let mut field = String::new();
    for (place, tag) in tags.iter().enumerate() {
        if place > 0 {
            field.push(';');
        }
        for character in tag.chars() {
            if matches!(character, ';' | '\\') {
                field.push('\\');
            }
            field.push(character);
        }
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_back() {
        for tags in [
            &[][..],
            &["home"],
            &["a;b", "c\\", ";", "\\;\\", "with, comma", "two\nlines"],
        ] {
            assert_eq!(
                read(&write(&tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>())),
                tags
            );
        }
    }

    #[test]
    fn a_person_may_write_them() {
        assert_eq!(read("home;work"), ["home", "work"]);
        assert_eq!(read(";home; ;"), ["home"]);
        assert_eq!(read("c:\\\\temp\\"), ["c:\\temp\\"]);
        assert!(read(" ").is_empty());
    }
}
