//! A page, a script or a style as it is sent: without indentation and without the comments that are for those who read the
//! source, which are those of whole lines and all that begin with `/**`. Their lines stay, empty, so that an error names the
//! line that the file has. A text over several lines would lose its indentation too, so no module of the app has one.

/// The text without them. Nothing else is touched: another comment behind code stays.
pub(crate) fn without_comments(source: &str) -> String {
    let mut within = false;
    let mut sent = String::with_capacity(source.len());
    for line in source.lines() {
        let mut rest = line.trim();
        if rest.starts_with("//") {
            rest = "";
        }
        loop {
            if within {
                let Some((_, code)) = rest.split_once("*/") else { break };
                rest = code.strip_prefix(' ').unwrap_or(code);
            }
            let (code, comment) = rest
                .split_once("/**")
                .map_or((rest, None), |(code, comment)| (code, Some(comment)));
            sent.push_str(code);
            within = comment.is_some();
            let Some(comment) = comment else { break };
            rest = comment;
        }
        sent.push('\n');
    }
    sent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::MODULES;

    #[test]
    fn comments_go_and_lines_stay() {
        let source = "// About it.\n/** @param {string} a */\nfunction f(a) {\n  /**\n   * @type {X}\n   */\n  let b = /** @type {Y} */ (a); // why\n}\n";
        let sent = "\n\nfunction f(a) {\n\n\n\nlet b = (a); // why\n}\n";
        assert_eq!(without_comments(source), sent);
    }

    #[test]
    fn a_cast_leaves_what_it_casts() {
        let source = "/** @type {X} */ (y).z((/** @type {A} */ a) => a);\n";
        assert_eq!(without_comments(source), "(y).z((a) => a);\n");
    }

    #[test]
    fn a_comment_may_begin_and_end_anywhere() {
        let source = "/** @typedef {{ a: 1 }\n *   | { b: 2 }} Either */\nc(); /** @type {X} */ d();\n";
        assert_eq!(without_comments(source), "\n\nc(); d();\n");
    }

    /// What looks like a comment is one.
    #[test]
    fn no_text_begins_a_comment() {
        for page in &MODULES {
            for (place, line) in page.content.lines().enumerate() {
                let Some((before, _)) = line.split_once("/**") else {
                    continue;
                };
                let in_template = before.matches('`').count() % 2 == 1 && !before.contains("${");
                let in_text = before.matches('"').count() % 2 == 1;
                assert!(!in_template && !in_text, "{} line {}", page.path, place + 1);
            }
        }
    }

    #[test]
    fn no_text_goes_over_several_lines() {
        for page in &MODULES {
            for (place, line) in page.content.lines().enumerate() {
                assert_eq!(line.matches('`').count() % 2, 0, "{} line {}", page.path, place + 1);
            }
        }
    }
}
