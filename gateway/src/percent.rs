//! URI escapes (RFC 3986, section 2.1).

use std::fmt::Write as _;

/// The text behind the escapes; `None` for a broken escape or bytes that are not UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let (high, low) = (hex(rest.next()?)?, hex(rest.next()?)?);
                high << 4 | low
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The same for several segments of a path: an escaped slash stays as it is, so that it is not taken for one that divides.
pub(crate) fn decode_but_slash(text: &str) -> Option<String> {
    decode(&text.replace("%2F", "%252F").replace("%2f", "%252f"))
}

/// The same for a query, where `+` is a space (application/x-www-form-urlencoded).
pub(crate) fn decode_query(text: &str) -> Option<String> {
    decode(&text.replace('+', "%20"))
}

/// Escapes everything but the unreserved characters (RFC 3986, section 2.3): a value that may stand in any
/// part of a URI.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            write!(encoded, "%{byte:02X}").ok();
        }
    }
    encoded
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_strictly() {
        assert_eq!(decode("a%20b%2Fc%C3%A9+d").as_deref(), Some("a b/cé+d"));
        assert_eq!(decode_query("a+b%2Bc").as_deref(), Some("a b+c"));
        assert_eq!(decode_but_slash("a%2Fb%2fc/d%20e").as_deref(), Some("a%2Fb%2fc/d e"));
        for broken in ["%", "%4", "%zz", "%+1", "%C3", "%ff"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        let text = "a/b c?d#é%\u{0}";
        assert_eq!(encode(text), "a%2Fb%20c%3Fd%23%C3%A9%25%00");
        assert_eq!(decode(&encode(text)).as_deref(), Some(text));
    }
}
