//! Time zones by their names.

use jiff::tz::{self, TimeZone};

use crate::due;

/// The zone that is meant where none is named.
pub(super) const UTC: &str = "UTC";

/// The name as the IANA database spells it; `None` if it is none of its names.
pub(super) fn iana(name: &str) -> Option<String> {
    due::known_zone(name).map(|(name, _)| name)
}

/// The IANA name at the end of a longer one, such as `/freeassociation.sourceforge.net/Europe/Berlin`.
pub(super) fn iana_at_end(name: &str) -> Option<String> {
    let parts: Vec<&str> = name.rsplitn(4, '/').collect();
    // The names have at most three parts: America/Argentina/Ushuaia.
    (1..=parts.len().min(3)).rev().find_map(|count| {
        let mut last: Vec<&str> = parts.iter().take(count).copied().collect();
        last.reverse();
        iana(&last.join("/"))
    })
}

/// The zone of an IANA name.
pub(super) fn of_name(name: &str) -> Option<TimeZone> {
    tz::db().get(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelt_as_in_the_database() {
        assert_eq!(iana("europe/berlin").as_deref(), Some("Europe/Berlin"));
        assert_eq!(iana("UTC").as_deref(), Some(UTC));
        for unknown in ["", "W. Europe Standard Time", "Etc/Unknown", "../etc/passwd", "+01:00"] {
            assert_eq!(iana(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_longer_name_may_end_in_one() {
        for (name, zone) in [
            ("/freeassociation.sourceforge.net/Europe/Berlin", Some("Europe/Berlin")),
            (
                "/citadel.org/20250101_1/America/Argentina/Ushuaia",
                Some("America/Argentina/Ushuaia"),
            ),
            ("/example.org/UTC", Some("UTC")),
            ("/example.org/Custom", None),
            ("////", None),
        ] {
            assert_eq!(iana_at_end(name).as_deref(), zone, "{name}");
        }
    }
}
