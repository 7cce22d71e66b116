//! Pieces of JSON, as serde_json writes them.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Serialize;

/// Puts brackets around what was written since `start`: nothing, or pieces that each begin with a comma.
pub(super) fn enclose(out: &mut Vec<u8>, start: usize, [open, close]: [u8; 2]) {
    match out.get_mut(start) {
        Some(comma) => *comma = open,
        None => out.push(open),
    }
    out.push(close);
}

/// A number that JSON has.
pub(super) fn number(number: &impl Serialize, out: &mut Vec<u8>) -> Option<()> {
    serde_json::to_writer(out, number).ok()
}

/// A number of 64 bits, which JSON would not hold exactly.
pub(super) fn number_as_string(number: &impl Serialize, out: &mut Vec<u8>) -> Option<()> {
    out.push(b'"');
    serde_json::to_writer(&mut *out, number).ok()?;
    out.push(b'"');
    Some(())
}

/// A fraction, or the name of what is no number.
pub(super) fn float(float: &impl Serialize, approximate: f64, out: &mut Vec<u8>) -> Option<()> {
    if approximate.is_finite() {
        return number(float, out);
    }
    out.extend_from_slice(if approximate.is_nan() {
        b"\"NaN\""
    } else if approximate > 0.0 {
        b"\"Infinity\""
    } else {
        b"\"-Infinity\""
    });
    Some(())
}

pub(super) fn boolean(value: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

pub(super) fn string(text: &str, out: &mut Vec<u8>) -> Option<()> {
    serde_json::to_writer(out, text).ok()
}

pub(super) fn base64(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.push(b'"');
    let start = out.len();
    out.resize(start + base64::encoded_len(bytes.len(), true)?, 0);
    BASE64_STANDARD.encode_slice(bytes, &mut out[start..]).ok()?;
    out.push(b'"');
    Some(())
}
