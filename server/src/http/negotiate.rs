//! What a client would rather see: HTML or JSON (RFC 9110 section 12.5.1).

use warp::http::header::{ACCEPT, HeaderMap};

/// Whether the client asks for HTML by name, and wants it more than JSON.
///
/// `*/*` alone is a program that takes what comes, and gets JSON.
pub(crate) fn prefers_html(headers: &HeaderMap) -> bool {
    let ranges: Vec<Range<'_>> = headers
        .get_all(ACCEPT)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(Range::parse)
        .collect();
    let named = ranges
        .iter()
        .any(|range| range.matches("text/html") >= Some(Specificity::Type) && range.quality > 0);
    named && quality(&ranges, "text/html") >= quality(&ranges, "application/json")
}

/// One media range and its weight in thousandths.
struct Range<'a> {
    media: &'a str,
    quality: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Specificity {
    Anything,
    Type,
    Exact,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let media = parts.next().filter(|media| !media.is_empty())?;
        let mut weight = 1000;
        for parameter in parts {
            let Some((name, value)) = parameter.split_once('=') else {
                continue;
            };
            if name.trim().eq_ignore_ascii_case("q") {
                weight = thousandths(value.trim())?;
            }
        }
        Some(Self {
            media,
            quality: weight,
        })
    }

    fn matches(&self, media_type: &str) -> Option<Specificity> {
        if self.media.eq_ignore_ascii_case(media_type) {
            return Some(Specificity::Exact);
        }
        let (kind, _) = media_type.split_once('/')?;
        match self.media.split_once('/')? {
            ("*", "*") => Some(Specificity::Anything),
            (own, "*") if own.eq_ignore_ascii_case(kind) => Some(Specificity::Type),
            _ => None,
        }
    }
}

/// The weight of a media type: that of the range which fits it most closely.
fn quality(ranges: &[Range<'_>], media_type: &str) -> u16 {
    ranges
        .iter()
        .filter_map(|range| Some((range.matches(media_type)?, range.quality)))
        .max()
        .map_or(0, |(_, quality)| quality)
}

/// A weight such as `0.8` (RFC 9110 section 12.4.2) in thousandths.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let decimals: u16 = format!("{decimals:0<3}").parse().ok()?;
    match (whole, decimals) {
        ("0", _) => Some(decimals),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(accept: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().expect("a value"));
        prefers_html(&headers)
    }

    #[test]
    fn browsers_see_a_page() {
        for accept in [
            "text/html",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "TEXT/HTML",
            "application/json;q=0.5, text/html;q=0.6",
            "application/json;q=0.8, text/*",
        ] {
            assert!(html(accept), "{accept}");
        }
    }

    #[test]
    fn programs_see_json() {
        for accept in [
            "",
            "*/*",
            "application/json",
            "application/json, text/html;q=0.9",
            "application/json, text/plain, */*",
            "text/html;q=0",
            "text/html;q=0, */*",
            "text/html;q=2",
            "text/html;q=0.1234",
            "text/html;q=0.5, */*;q=0.8",
        ] {
            assert!(!html(accept), "{accept}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }

    #[test]
    fn the_closest_range_counts() {
        assert!(!html(
            "text/*;q=0.9, text/html;q=0.1, application/json;q=0.5"
        ));
        assert!(html(
            "text/*;q=0.1, text/html;q=0.9, application/json;q=0.5"
        ));
    }
}
