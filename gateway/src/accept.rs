//! What a client would rather have: the `Accept` header (RFC 9110, section 12.5.1).

use http::{HeaderMap, header::ACCEPT};

/// Thousandths; 0 is "not acceptable".
type Quality = u16;

/// The type that the client likes best, of those offered: among equals the one offered first, and that one too if the
/// client does not say. `None` if none is acceptable.
pub(crate) fn preferred<T: Copy>(headers: &HeaderMap, offers: &[(&str, T)]) -> Option<T> {
    let lines: Vec<&str> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .collect();
    let ranges: Vec<&str> = lines
        .iter()
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .collect();
    if ranges.is_empty() {
        return offers.first().map(|(_, offer)| *offer);
    }
    let mut best: Option<(Quality, T)> = None;
    for (media_type, offer) in offers {
        let quality = quality(media_type, &ranges);
        if quality > best.map_or(0, |(best, _)| best) {
            best = Some((quality, *offer));
        }
    }
    best.map(|(_, offer)| offer)
}

/// What the most specific of the ranges that hold a type gives it.
fn quality(media_type: &str, ranges: &[&str]) -> Quality {
    let (kind, _) = media_type.split_once('/').unwrap_or((media_type, ""));
    let any_of_kind = format!("{kind}/*");
    ranges
        .iter()
        .filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next()?;
            let specificity = ["*/*", &any_of_kind, media_type]
                .iter()
                .position(|known| name.eq_ignore_ascii_case(known))?;
            let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            Some((specificity, weight.map_or(Some(1000), thousandths)?))
        })
        .max()
        .map_or(0, |(_, quality)| quality)
}

/// A weight: `1`, `0.5`; `None` if it is none.
fn thousandths(weight: &str) -> Option<Quality> {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    if !matches!(whole, "0" | "1") || fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let quality: Quality = format!("{whole}{fraction:0<3}").parse().ok()?;
    (quality <= 1000).then_some(quality)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: (&str, char) = ("text/event-stream", 'e');
    const LINES: (&str, char) = ("application/x-ndjson", 'l');

    #[test]
    fn the_best_liked_acceptable_type_is_chosen() {
        for (accept, chosen) in [
            (&[][..], Some('e')),
            (&[""], Some('e')),
            (&["*/*"], Some('e')),
            (&["text/event-stream"], Some('e')),
            (&["Application/X-NDJSON"], Some('l')),
            (&["application/*"], Some('l')),
            (&["text/event-stream, application/x-ndjson"], Some('e')),
            (&["application/x-ndjson, text/event-stream"], Some('e')),
            (&["text/event-stream;q=0.5, application/x-ndjson"], Some('l')),
            (&["text/event-stream; q=0.501, application/x-ndjson; Q=0.5"], Some('e')),
            (
                &["text/event-stream;charset=utf-8;q=0.1", "application/x-ndjson"],
                Some('l'),
            ),
            (&["application/x-ndjson, */*;q=0.1"], Some('l')),
            (&["text/event-stream;q=0, */*"], Some('l')),
            (&["*/*;q=0.9, text/*;q=0.1"], Some('l')),
            (&["application/json"], None),
            (&["application/json, text/html"], None),
            (&["*/*;q=0"], None),
            (&["text/event-stream;q=0"], None),
            (&["text/event-stream;q=2"], None),
            (&["text/event-stream;q=1.5"], None),
            (&["text/event-stream;q=high"], None),
            (&["*"], None),
        ] {
            let mut headers = HeaderMap::new();
            for line in accept {
                headers.append(ACCEPT, line.parse().expect("a header"));
            }
            assert_eq!(preferred(&headers, &[EVENTS, LINES]), chosen, "{accept:?}");
        }
    }
}
