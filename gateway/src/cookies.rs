//! The two cookies of a browser session. What they hold never reaches a script, nor a service as a cookie.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};
use platform::clock::Timestamp;
use serde::Deserialize;
use zeroize::Zeroizing;

/// `__Host-` (RFC 6265bis, section 4.1.3.2): no other host, and no page without TLS, can have set it.
const ACCESS: &str = "__Host-holdfast-access";
const REFRESH: &str = "__Host-holdfast-refresh";
/// What is longer is none of ours.
const MAX_ACCESS_BYTES: usize = 900;
const MAX_REFRESH_BYTES: usize = 128;
/// An access token that ends sooner is renewed first, so that it does not end on its way.
const RENEWED_BEFORE: Duration = Duration::from_secs(10);

/// The tokens of a session.
#[derive(Clone)]
pub(crate) struct Tokens {
    pub(crate) access: Zeroizing<String>,
    pub(crate) refresh: Zeroizing<String>,
    /// Seconds that each is good for.
    pub(crate) access_seconds: i64,
    pub(crate) refresh_seconds: i64,
}

/// What a request's cookies hold.
#[derive(Default)]
pub(crate) struct Cookies {
    pub(crate) access: Option<Zeroizing<String>>,
    pub(crate) refresh: Option<Zeroizing<String>>,
}

impl Cookies {
    /// The cookies of a request. What cannot be one of ours is left out.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut cookies = Self::default();
        // Others on the same host may set cookies of any bytes, which hide nothing of ours.
        let pairs = headers.get_all(COOKIE).iter();
        let pairs = pairs.flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
        let texts = pairs.filter_map(|pair| str::from_utf8(pair).ok());
        for (name, value) in texts.filter_map(|pair| pair.split_once('=')) {
            let (place, max_bytes) = match name.trim() {
                ACCESS => (&mut cookies.access, MAX_ACCESS_BYTES),
                REFRESH => (&mut cookies.refresh, MAX_REFRESH_BYTES),
                _ => continue,
            };
            let value = value.trim();
            if is_token(value) && value.len() <= max_bytes {
                place.get_or_insert_with(|| Zeroizing::new(value.to_owned()));
            }
        }
        cookies
    }

    /// Whether there is any.
    pub(crate) fn are_there(&self) -> bool {
        self.access.is_some() || self.refresh.is_some()
    }

    /// The access token, if it lasts long enough. Who made it is for the service to find out.
    pub(crate) fn lasting_access(&self, now: Timestamp) -> Option<&str> {
        let token = self.access.as_deref()?;
        let end = expiry(token)?;
        (end > now.plus(RENEWED_BEFORE).as_seconds()).then_some(token)
    }
}

/// Characters of a Bearer token (RFC 6750, section 2.1).
fn is_token(value: &str) -> bool {
    let is_character =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
    !value.is_empty() && value.bytes().all(is_character)
}

/// When a JWT says that it ends, in seconds since 1970. Nothing is believed for it but that it is worth sending.
fn expiry(token: &str) -> Option<i64> {
    #[derive(Deserialize)]
    struct Claims {
        exp: i64,
    }
    let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Claims>(&payload).ok().map(|claims| claims.exp)
}

/// What becomes of the cookies with an answer, whatever the answer is.
#[derive(Default)]
pub(crate) enum Change {
    /// Nothing.
    #[default]
    None,
    /// They hold these.
    Set(Tokens),
    /// The access token is of no use, so the next request renews it.
    AccessGone,
    /// Both go.
    Gone,
}

impl Change {
    /// Writes it into an answer.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let cookies = match self {
            Self::None => return,
            Self::Set(tokens) => vec![
                cookie(ACCESS, &tokens.access, tokens.access_seconds),
                cookie(REFRESH, &tokens.refresh, tokens.refresh_seconds),
            ],
            Self::AccessGone => vec![cookie(ACCESS, "", 0)],
            Self::Gone => vec![cookie(ACCESS, "", 0), cookie(REFRESH, "", 0)],
        };
        for cookie in cookies {
            // Of an unusual character there is no cookie, and the next request says so.
            if let Ok(mut value) = HeaderValue::try_from(&**cookie) {
                value.set_sensitive(true);
                headers.append(SET_COOKIE, value);
            }
        }
    }
}

fn cookie(name: &str, value: &str, seconds: i64) -> Zeroizing<String> {
    Zeroizing::new(format!(
        "{name}={value}; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Strict"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> (Option<String>, Option<String>) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, line.parse().expect("a header"));
        }
        let cookies = Cookies::of(&headers);
        let text = |token: Option<Zeroizing<String>>| token.map(|token| token.to_string());
        (text(cookies.access), text(cookies.refresh))
    }

    #[test]
    fn only_our_cookies_are_read() {
        let some = |text: &str| Some(text.to_owned());
        for (lines, access, refresh) in [
            (
                &["a=b; __Host-holdfast-access=x.y.z;__Host-holdfast-refresh=hfr_1"][..],
                some("x.y.z"),
                some("hfr_1"),
            ),
            // HTTP/2 may send each in a line of its own (RFC 9113, section 8.2.3).
            (
                &["__Host-holdfast-access=x", "__Host-holdfast-refresh=y"],
                some("x"),
                some("y"),
            ),
            (&["__Host-holdfast-access=x; __Host-holdfast-access=y"], some("x"), None),
            (
                &["holdfast-access=x; __host-holdfast-access=y; __Host-holdfast-access"],
                None,
                None,
            ),
            (&["__Host-holdfast-access=; __Host-holdfast-refresh=a b"], None, None),
            (&["__Host-holdfast-refresh=\"a\""], None, None),
            (&[], None, None),
        ] {
            assert_eq!(of(lines), (access, refresh), "{lines:?}");
        }
    }

    #[test]
    fn cookies_of_others_hide_nothing() {
        let mut headers = HeaderMap::new();
        let line = format!("a=\u{fc}; {ACCESS}=x; {REFRESH}=y; b=").into_bytes();
        let line = [&line[..], b"\xff"].concat();
        headers.append(COOKIE, HeaderValue::from_bytes(&line).expect("a header"));
        let cookies = Cookies::of(&headers);
        assert!(cookies.access.is_some() && cookies.refresh.is_some());
    }

    #[test]
    fn br_03_what_is_too_long_is_none_of_ours() {
        let of_length = |access: usize, refresh: usize| {
            of(&[&format!(
                "{ACCESS}={}; {REFRESH}={}",
                "a".repeat(access),
                "r".repeat(refresh)
            )])
        };
        let (access, refresh) = of_length(MAX_ACCESS_BYTES, MAX_REFRESH_BYTES);
        assert!(access.is_some() && refresh.is_some());
        let (access, refresh) = of_length(MAX_ACCESS_BYTES + 1, MAX_REFRESH_BYTES + 1);
        assert!(access.is_none() && refresh.is_none());
    }

    #[test]
    fn an_access_token_that_soon_ends_is_renewed() {
        let now = Timestamp::from_micros(1_000_000_000);
        let lasts = |claims: &str| {
            let token = format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims));
            let cookies = Cookies {
                access: Some(Zeroizing::new(token)),
                refresh: None,
            };
            cookies.lasting_access(now).is_some()
        };
        assert!(lasts(r#"{"exp":1011}"#));
        for claims in [
            r#"{"exp":1010}"#,
            r#"{"exp":999}"#,
            r#"{"exp":"1011"}"#,
            r#"{"exp":-9223372036854775808}"#,
            "{}",
            "",
        ] {
            assert!(!lasts(claims), "{claims}");
        }
    }

    /// BR-02.
    #[test]
    fn br_02_no_script_and_no_other_site_gets_them() {
        let mut headers = HeaderMap::new();
        let tokens = Tokens {
            access: Zeroizing::new("x.y.z".to_owned()),
            refresh: Zeroizing::new("hfr_1".to_owned()),
            access_seconds: 300,
            refresh_seconds: 1_209_600,
        };
        Change::Set(tokens).write(&mut headers);
        Change::Gone.write(&mut headers);
        let written: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
        let rest = "Path=/; Secure; HttpOnly; SameSite=Strict";
        assert_eq!(
            written,
            [
                &*format!("__Host-holdfast-access=x.y.z; Max-Age=300; {rest}"),
                &*format!("__Host-holdfast-refresh=hfr_1; Max-Age=1209600; {rest}"),
                &*format!("__Host-holdfast-access=; Max-Age=0; {rest}"),
                &*format!("__Host-holdfast-refresh=; Max-Age=0; {rest}"),
            ]
        );
        assert!(
            !format!("{headers:?}").contains("hfr_1"),
            "a header that is logged does not show it"
        );
    }
}
