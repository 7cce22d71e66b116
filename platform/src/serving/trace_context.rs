//! Which trace a request belongs to (W3C Trace Context, <https://www.w3.org/TR/trace-context/>): what is done for it in
//! several services can be found by one id.

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::entropy::{Entropy, random_bytes};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// What vendors must be able to pass on (section 3.3.1.5).
const MAX_STATE_BYTES: usize = 512;
/// `00`, the trace, the span and the flags, with dashes between.
const LENGTH: usize = 55;

/// The trace of a request, among its extensions: the caller's, or a new one, which nobody samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: [u8; 16],
    flags: u8,
    state: Option<Arc<str>>,
}

impl TraceContext {
    /// What the headers of a request say; a new trace, of this random id, if they say nothing that can be used.
    pub fn of(headers: &HeaderMap, new_id: impl FnOnce() -> [u8; 16]) -> Self {
        let given = single(headers).and_then(parse);
        let Some((trace_id, flags)) = given else {
            return Self {
                trace_id: new_id(),
                flags: 0,
                state: None,
            };
        };
        Self {
            trace_id,
            flags,
            state: state(headers),
        }
    }

    /// The trace's id, in 32 hexadecimal digits.
    pub fn trace_id(&self) -> impl fmt::Display {
        Hexadecimal(self.trace_id)
    }

    /// Writes it into the headers of a call that is made for the request: a span of its own.
    pub fn write(&self, headers: &mut HeaderMap, entropy: &dyn Entropy) {
        let span: [u8; 8] = random_bytes(entropy);
        let parent = format!("00-{}-{}-{:02x}", self.trace_id(), Hexadecimal(span), self.flags);
        for (name, value) in [(TRACEPARENT, Some(&*parent)), (TRACESTATE, self.state.as_deref())] {
            if let Some(mut value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                // Not kept by the connection in place of what comes again (RFC 7541, section 7.1.3).
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        }
    }
}

struct Hexadecimal<const N: usize>([u8; N]);

impl<const N: usize> fmt::Display for Hexadecimal<N> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let text: String = digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect();
        formatter.write_str(&text)
    }
}

/// Two parents are none (section 3.2).
fn single(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(TRACEPARENT).iter();
    let (one, other) = (given.next()?, given.next());
    one.to_str().ok().filter(|_| other.is_none())
}

/// The trace's id and the flags that are known: sampled, or not. Later versions begin as this one does (section 3.2.4).
fn parse(parent: &str) -> Option<([u8; 16], u8)> {
    let known = parent.get(..LENGTH)?;
    let mut parts = known.split('-');
    let mut part = |digits: usize| parts.next().filter(|part| part.len() == digits);
    let (version, trace, span, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if !known.bytes().all(|byte| is_digit(byte) || byte == b'-') || version == "ff" {
        return None;
    }
    let rest = parent.get(LENGTH..)?;
    let is_whole = rest.is_empty() || (version != "00" && rest.starts_with('-'));
    let trace_id = u128::from_str_radix(trace, 16).ok().filter(|id| *id != 0 && is_whole)?;
    u64::from_str_radix(span, 16).ok().filter(|id| *id != 0)?;
    let flags = u8::from_str_radix(flags, 16).ok()? & 1;
    Some((trace_id.to_be_bytes(), flags))
}

/// What vendors keep there is passed on as it is, if it is of a bearable length.
fn state(headers: &HeaderMap) -> Option<Arc<str>> {
    let lines: Option<Vec<&str>> = headers
        .get_all(TRACESTATE)
        .iter()
        .map(|line| line.to_str().ok())
        .collect();
    let state = lines?.join(",");
    (!state.is_empty() && state.len() <= MAX_STATE_BYTES).then(|| state.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn context(lines: &[(&'static str, &str)]) -> TraceContext {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().expect("a header"));
        }
        TraceContext::of(&headers, || random_bytes(&SystemEntropy))
    }

    fn written(context: &TraceContext) -> (String, Option<String>) {
        let mut headers = HeaderMap::new();
        context.write(&mut headers, &SystemEntropy);
        let text = |name| {
            headers
                .get(name)
                .and_then(|value: &HeaderValue| value.to_str().ok().map(str::to_owned))
        };
        (text(TRACEPARENT).expect("a parent"), text(TRACESTATE))
    }

    #[test]
    fn a_trace_goes_on_with_a_span_of_our_own() {
        let later = format!("cc{}-what-comes-later", &PARENT[2..]);
        for parent in [PARENT, &later] {
            let lines = [("traceparent", parent), ("tracestate", "a=1"), ("tracestate", "b=2")];
            let (parent, state) = written(&context(&lines));
            assert!(parent.starts_with(&PARENT[..36]) && parent.ends_with("-01"), "{parent}");
            assert_ne!(&parent[36..52], &PARENT[36..52]);
            assert_eq!(state.as_deref(), Some("a=1,b=2"));
        }
        let unsampled = PARENT.replace("-01", "-fe");
        assert!(written(&context(&[("traceparent", &unsampled)])).0.ends_with("-00"));
        let long = "a".repeat(MAX_STATE_BYTES + 1);
        assert_eq!(
            written(&context(&[("traceparent", PARENT), ("tracestate", &long)])).1,
            None
        );
    }

    #[test]
    fn what_is_no_parent_begins_a_trace() {
        let uppercase = PARENT.to_uppercase();
        let longer = format!("{PARENT}-00");
        for parent in [
            "",
            "00",
            &PARENT[..54],
            &uppercase,
            &longer,
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47360-0f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0\u{e9}",
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(
                "traceparent",
                HeaderValue::from_bytes(parent.as_bytes()).expect("a header"),
            );
            headers.insert("tracestate", HeaderValue::from_static("a=1"));
            let (begun, state) = written(&TraceContext::of(&headers, || random_bytes(&SystemEntropy)));
            assert!(!begun.contains("4bf92f3577b34da6a3ce929d0e0e4736"), "{parent}");
            assert!(
                parse(&begun).is_none_or(|(_, flags)| flags == 0) && begun.len() == LENGTH,
                "{begun}"
            );
            assert_eq!(state, None);
        }
        let two = context(&[("traceparent", PARENT), ("traceparent", PARENT)]);
        assert!(!written(&two).0.contains("4bf92f3577b34da6a3ce929d0e0e4736"));
    }
}
