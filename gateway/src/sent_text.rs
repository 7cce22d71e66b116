//! A script or a style as it is sent: without indentation and a script's comments that stand on lines of their own, which
//! are for those who read the source. Their lines stay, empty, so that an error names the line that the file has. A text
//! over several lines would lose its indentation too, so no module of the app has one.

/// The text without them. Nothing else is touched: a comment behind code stays.
pub(crate) fn without_comments(source: &str) -> String {
    let mut within = false;
    let mut sent = String::with_capacity(source.len());
    for line in source.lines() {
        let text = line.trim();
        let is_comment = if within {
            within = !text.ends_with("*/");
            true
        } else if text == "/**" {
            within = true;
            true
        } else {
            text.starts_with("//") || (text.starts_with("/**") && text.ends_with("*/"))
        };
        if !is_comment {
            sent.push_str(text);
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
        let sent = "\n\nfunction f(a) {\n\n\n\nlet b = /** @type {Y} */ (a); // why\n}\n";
        assert_eq!(without_comments(source), sent);
    }

    #[test]
    fn a_cast_that_begins_a_line_is_code() {
        let source = "/** @type {X} */ (y).z();\n";
        assert_eq!(without_comments(source), source);
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
