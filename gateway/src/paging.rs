//! Where the next page of a list is (RFC 8288): `Link: <...>; rel="next"`, besides the `next_page_token` of the answer
//! (AIP-158).

use http::{HeaderValue, Uri};
use prost_reflect::MethodDescriptor;

use crate::percent;

const PAGE_TOKEN: &str = "page_token";
/// The field of an answer that has the token of the next page.
pub(crate) const NEXT_PAGE_TOKEN: &str = "next_page_token";

/// The link to the page of this token, which asks for all else that this request asked for.
pub(crate) fn next(method: &MethodDescriptor, uri: &Uri, next_page_token: &str) -> Option<HeaderValue> {
    let field = method.input().get_field_by_name(PAGE_TOKEN)?;
    if next_page_token.is_empty() {
        return None;
    }
    let is_of_this_page = |parameter: &&str| {
        let name = parameter.split('=').next().unwrap_or_default();
        name == field.name() || name == field.json_name()
    };
    let token = format!("{}={}", field.json_name(), percent::encode(next_page_token));
    let query = uri.query().unwrap_or_default();
    let parameters: Vec<&str> = query
        .split('&')
        .filter(|parameter| !parameter.is_empty() && !is_of_this_page(parameter))
        .chain([&*token])
        .collect();
    HeaderValue::try_from(format!("<{}?{}>; rel=\"next\"", uri.path(), parameters.join("&"))).ok()
}
