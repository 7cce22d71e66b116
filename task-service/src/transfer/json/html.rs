//! Plain text of the HTML that a description is in.

/// The elements that stand on lines of their own.
const BLOCKS: [&str; 14] = [
    "p",
    "div",
    "li",
    "ul",
    "ol",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "pre",
    "tr",
];
/// The longest entity that is decoded, such as `#x10FFFF`.
const MAX_ENTITY_BYTES: usize = 8;

/// The text of some HTML: without its tags, a line for each block, a dash before each item of a list, the target of a
/// link behind it. What is no HTML stays as it is, but for `&lt;` and its like.
pub(super) fn plain_text(html: &str) -> String {
    let mut text = PlainText::default();
    let mut rest = html;
    while let Some(place) = rest.find(['<', '&']) {
        let (before, found) = rest.split_at(place);
        text.push(before);
        rest = if found.starts_with('&') {
            text.entity(found)
        } else {
            match tag_end(found) {
                Some(end) => {
                    let (tag, behind) = found.split_at(end);
                    text.tag(tag);
                    behind
                }
                None => text.literal(found),
            }
        };
    }
    text.push(rest);
    text.written.trim_end().to_owned()
}

/// Where the tag ends that the text begins with; `None` if it begins with none. One that never ends takes all.
fn tag_end(text: &str) -> Option<usize> {
    let second = text.chars().nth(1)?;
    if !(second.is_ascii_alphabetic() || second == '/' || second == '!') {
        return None;
    }
    let mut quote = None;
    for (place, character) in text.char_indices() {
        match (quote, character) {
            (None, '>') => return Some(place + 1),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            _ => {}
        }
    }
    Some(text.len())
}

#[derive(Default)]
struct PlainText {
    written: String,
    /// Whether the next text begins a line.
    breaks: bool,
    /// Whether the last text is the dash of an item, behind which a paragraph begins no line.
    behind_dash: bool,
    /// The target of the link that is open, and where its text begins.
    link: Option<(String, usize)>,
}

impl PlainText {
    fn push(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.breaks && !self.written.is_empty() {
            self.written.push('\n');
        }
        self.breaks = false;
        self.behind_dash = false;
        self.written.push_str(text);
    }

    /// Takes the first character for itself; returns what is behind it.
    fn literal<'a>(&mut self, text: &'a str) -> &'a str {
        let (first, rest) = text.split_at_checked(1).unwrap_or((text, ""));
        self.push(first);
        rest
    }

    /// Decodes the entity that the text begins with, if it is one; returns what is behind it.
    fn entity<'a>(&mut self, text: &'a str) -> &'a str {
        let inside = text.get(1..).unwrap_or_default();
        let end = inside.bytes().take(MAX_ENTITY_BYTES + 1).position(|byte| byte == b';');
        let named = end.and_then(|end| Some((inside.get(..end)?, inside.get(end + 1..)?)));
        match named.and_then(|(name, rest)| Some((decoded(name)?, rest))) {
            Some((character, rest)) => {
                self.push(character.encode_utf8(&mut [0; 4]));
                rest
            }
            None => self.literal(text),
        }
    }

    fn tag(&mut self, tag: &str) {
        let inside = tag.trim_start_matches('<');
        let (inside, closes) = inside
            .strip_prefix('/')
            .map_or((inside, false), |inside| (inside, true));
        let end = inside.find(|character: char| !character.is_ascii_alphanumeric());
        let name = inside.get(..end.unwrap_or(inside.len())).unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "br" => self.push("\n"),
            "a" => self.end_of_link(),
            block if BLOCKS.contains(&block) => self.breaks = closes || !self.behind_dash,
            _ => {}
        }
        if !closes && name.eq_ignore_ascii_case("li") {
            self.push(match attribute(tag, "data-checked").as_deref() {
                Some("true") => "- [x] ",
                Some(_) => "- [ ] ",
                None => "- ",
            });
            self.behind_dash = true;
        }
        if !closes && name.eq_ignore_ascii_case("a") {
            self.link = attribute(tag, "href").map(|target| (target, self.written.len()));
        }
    }

    fn end_of_link(&mut self) {
        if let Some((target, begin)) = self.link.take() {
            let shown = self.written.get(begin..).unwrap_or_default().trim();
            if shown != target {
                self.push(&format!(" ({target})"));
            }
        }
    }
}

/// The value of a quoted attribute.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, behind) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = behind.split_once('"')?;
    Some(value.replace("&amp;", "&"))
}

fn decoded(entity: &str) -> Option<char> {
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        _ => {
            let number = entity.strip_prefix('#').filter(|number| !number.contains('+'))?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            code.ok().and_then(char::from_u32)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_become_lines() {
        for (html, text) in [
            ("", ""),
            ("plain\ntext", "plain\ntext"),
            ("<p>one</p><p>two<br>three</p>", "one\ntwo\nthree"),
            ("<p>a</p><p></p>", "a"),
            (
                "<h2>Milk &amp; eggs</h2><ul><li><p>milk</p></li><li>eggs</li></ul><p>end</p>",
                "Milk & eggs\n- milk\n- eggs\nend",
            ),
            (
                r#"<ul data-type="taskList"><li data-checked="true" data-type="taskItem"><label><input type="checkbox"></label><div><p>done</p></div></li><li data-checked="false"><p>open</p></li></ul>"#,
                "- [x] done\n- [ ] open",
            ),
            (
                r#"<a href="https://example.org/?a=1&amp;b=2">here</a>."#,
                "here (https://example.org/?a=1&b=2).",
            ),
            (
                r#"<a href="https://example.org">https://example.org</a>"#,
                "https://example.org",
            ),
            (r#"<img alt="a > b" src="x">seen"#, "seen"),
        ] {
            assert_eq!(plain_text(html), text, "{html}");
        }
    }

    #[test]
    fn what_is_no_html_stays() {
        for text in ["a < b && c > d", "1 <2", "&unknown; &#; &#xD800; & ;", "x<", "&"] {
            assert_eq!(plain_text(text), text);
        }
        assert_eq!(
            plain_text("&lt;b&gt; &#65;&#x1F600;&nbsp;&quot;&apos;"),
            "<b> A😀\u{a0}\"'"
        );
    }

    #[test]
    fn a_tag_without_end_takes_all_and_no_time() {
        for hostile in [
            "<a ".repeat(100_000),
            "&".repeat(300_000),
            "<p>".repeat(100_000),
            "<".repeat(300_000),
        ] {
            assert!(plain_text(&hostile).len() <= hostile.len());
        }
    }
}
