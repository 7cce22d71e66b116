//! Which format the media type of an upload names (RFC 9110, section 8.3).

use super::Format;

/// Why a file cannot be imported: its media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownType {
    /// It is none of the formats.
    #[error("must be application/json, text/csv or text/calendar")]
    Format,
    /// Its characters are not in UTF-8.
    #[error("must be in UTF-8")]
    Charset,
}

/// The format; parameters other than `charset` make no difference.
pub(super) fn format_of(content_type: &str) -> Result<Format, UnknownType> {
    let mut parts = content_type.split(';').map(str::trim);
    let format = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "application/json" => Format::Json,
        "text/csv" => Format::Csv,
        "text/calendar" => Format::Calendar,
        _ => return Err(UnknownType::Format),
    };
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim().trim_matches('"');
        // US-ASCII is a part of UTF-8; some clients leave the hyphen out.
        let readable = ["utf-8", "utf8", "us-ascii"]
            .iter()
            .any(|known| value.eq_ignore_ascii_case(known));
        if name.trim().eq_ignore_ascii_case("charset") && !readable {
            return Err(UnknownType::Charset);
        }
    }
    Ok(format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_case_make_no_difference() {
        for (text, format) in [
            ("application/json", Format::Json),
            ("Application/JSON; charset=UTF-8", Format::Json),
            ("text/csv;header=present;charset=\"utf-8\"", Format::Csv),
            ("text/csv; charset=us-ascii", Format::Csv),
            ("text/calendar; component=vtodo; charset = utf8", Format::Calendar),
        ] {
            assert_eq!(format_of(text), Ok(format), "{text}");
        }
    }

    #[test]
    fn other_types_and_charsets_are_refused() {
        for text in ["", "json", "text/plain", "application/jsonx", "application/zip"] {
            assert_eq!(format_of(text), Err(UnknownType::Format), "{text}");
        }
        for text in [
            "text/csv; charset=iso-8859-1",
            "text/calendar; charset=",
            "text/csv; charset",
        ] {
            assert_eq!(format_of(text), Err(UnknownType::Charset), "{text}");
        }
    }
}
