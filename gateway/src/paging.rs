//! Where the next page of a list is (RFC 8288): `Link: <...>; rel="next"`, besides the `next_page_token` of the answer
//! (AIP-158).

use http::{HeaderValue, Uri};

use crate::{percent, received::Received, rpc::Rpc};

const PAGE_TOKEN: &str = "page_token";
/// The field of an answer that has the token of the next page.
pub(crate) const NEXT_PAGE_TOKEN: &str = "next_page_token";

/// The link to the page after an answer, which asks for all else that this request asked for; `None` after the last.
pub(crate) fn next(rpc: &Rpc, uri: &Uri, answer: &Received) -> Option<HeaderValue> {
    let field = rpc.method.input().get_field_by_name(PAGE_TOKEN)?;
    let token = answer.value(rpc.next_page_token.as_ref()?)?;
    let token = token.as_str().filter(|token| !token.is_empty())?;
    let is_of_this_page = |parameter: &&str| {
        let name = percent::decode(parameter.split('=').next().unwrap_or_default());
        name.is_some_and(|name| name == field.name() || name == field.json_name())
    };
    let token = format!("{}={}", field.json_name(), percent::encode(token));
    let query = uri.query().unwrap_or_default();
    let parameters: Vec<&str> = query
        .split('&')
        .filter(|parameter| !parameter.is_empty() && !is_of_this_page(parameter))
        .chain([&*token])
        .collect();
    HeaderValue::try_from(format!("<{}?{}>; rel=\"next\"", uri.path(), parameters.join("&"))).ok()
}
