//! Times of a calendar (RFC 5545, sections 3.3.4 and 3.3.5).

use platform::clock::Timestamp;

use super::{Property, Zones};
use crate::{
    due::Due,
    transfer::{
        draft::{Problem, quoted},
        moment::{self, Said},
        zone,
    },
};

/// A time as the file has it.
#[derive(Default)]
pub(super) struct When {
    value: String,
    zone_name: Option<String>,
}

impl When {
    pub(super) fn of(property: &Property) -> Self {
        Self {
            value: property.value.trim().to_owned(),
            zone_name: property.zone_name.map(str::to_owned),
        }
    }

    /// What the file says, for a fingerprint.
    pub(super) fn said(&self) -> &str {
        &self.value
    }

    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        self.value.capacity() + self.zone_name.as_ref().map_or(0, String::capacity)
    }

    /// A day or a moment. A time without a zone is one of the calendar's zone, of UTC if it has none.
    pub(super) fn due(&self, field: &'static str, zones: &Zones) -> Result<Due, Problem> {
        let said = moment::read(&self.value).ok_or_else(|| self.unreadable(field))?;
        let (at, zone) = match said {
            Said::Day(day) => return Ok(Due::Day(day)),
            Said::Moment(at) => (Some(at), zone::UTC.to_owned()),
            Said::Local(local) => {
                let zone = match &self.zone_name {
                    Some(name) => zones.iana(name).ok_or_else(|| zone_unknown(field, name))?,
                    None => zones.default_zone(),
                };
                (moment::in_zone(local, &zone), zone)
            }
        };
        let due = at.map(|at| Due::Moment { at, zone });
        due.ok_or_else(|| self.unreadable(field))
    }

    /// A moment.
    pub(super) fn moment(&self, field: &'static str, zones: &Zones) -> Result<Timestamp, Problem> {
        match self.due(field, zones)? {
            Due::Moment { at, .. } => Ok(at),
            Due::Day(_) => Err(self.unreadable(field)),
        }
    }

    fn unreadable(&self, field: &'static str) -> Problem {
        Problem::of(
            field,
            format!(
                "must be a time of the years 0001 to 9999 as in RFC 5545, which {} is not",
                quoted(&self.value)
            ),
        )
    }
}

impl Zones {
    fn default_zone(&self) -> String {
        let named = self.default.as_deref().and_then(|name| self.iana(name));
        named.unwrap_or_else(|| zone::UTC.to_owned())
    }

    fn iana(&self, name: &str) -> Option<String> {
        zone::iana(name)
            .or_else(|| zone::iana(self.locations.get(name)?))
            .or_else(|| zone::iana_at_end(name))
    }
}

fn zone_unknown(field: &'static str, name: &str) -> Problem {
    let field = if field == "due" { "due.time_zone" } else { field };
    Problem::of(
        field,
        format!(
            "must be in a time zone of the IANA database, which {} is not",
            quoted(name)
        ),
    )
}
