//! What pages load: our own style sheet and scripts, and the verifier package as far as it
//! was built.
//!
//! Each path is a row of a table that was made when the server was compiled. No request
//! reaches the file system.

use std::collections::BTreeMap;

use warp::Filter;
use warp::http::header::HeaderMap;
use warp::reply::{Reply, Response};

use crate::assets::{Asset, PAGE_FILES, VERIFIER_PACKAGE};
use crate::http::document::Document;
use crate::http::error::Problem;
use crate::http::operation::{Endpoint, Operation};
use crate::http::state::Shared;

/// Where the package is.
const PACKAGE: &str = "/assets/latchkey-verifier/";

/// The files that lie beside the templates.
pub(crate) fn own(operation: Operation, _: &Shared) -> Endpoint {
    serve(operation, PAGE_FILES.iter().copied())
}

/// The files of one folder of the package, which the path of the operation names.
pub(crate) fn package(operation: Operation, _: &Shared) -> Endpoint {
    let folder = folder(operation.path);
    let files = VERIFIER_PACKAGE
        .iter()
        .filter_map(|(path, content)| Some((path.strip_prefix(folder)?, *content)))
        .filter(|(name, _)| !name.contains('/'));
    serve(operation, files)
}

/// `wasm/` of `/assets/latchkey-verifier/wasm/{file}`.
fn folder(pattern: &'static str) -> &'static str {
    let file = pattern.rfind('{').unwrap_or(pattern.len());
    pattern[..file].strip_prefix(PACKAGE).unwrap_or(pattern)
}

fn serve(operation: Operation, files: impl Iterator<Item = Asset>) -> Endpoint {
    let documents: BTreeMap<&str, Document> = files
        .map(|(name, content)| (name, Document::checked(content, media_type(name))))
        .collect();
    operation.undescribed().answered_by_parameter(|route| {
        route.and(warp::header::headers_cloned()).map(
            move |name: String, headers: HeaderMap| -> Response {
                match documents.get(name.as_str()) {
                    Some(document) => document.answer(&headers),
                    None => Problem::NotFound.into_response(),
                }
            },
        )
    })
}

/// The media type by the end of the name (RFC 9239 section 6; the WebAssembly web API
/// takes no other for streaming).
fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::http::ROUTES;

    #[test]
    fn every_folder_of_the_package_has_a_route() {
        let folders: Vec<&str> = ROUTES
            .iter()
            .map(|(_, pattern, _)| *pattern)
            .filter(|pattern| pattern.starts_with(PACKAGE))
            .map(folder)
            .collect();
        assert_eq!(folders, ["", "lib/", "wasm/"]);
        for (path, _) in VERIFIER_PACKAGE {
            let end = path.rfind('/').map_or(0, |slash| slash + 1);
            assert!(folders.contains(&&path[..end]), "{path}");
        }
    }

    #[test]
    fn every_script_and_style_beside_the_templates_is_served() {
        let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("pages");
        for entry in fs::read_dir(pages).expect("the folder of the templates") {
            let name = entry.expect("a file").file_name();
            let name = name.to_str().expect("a name").to_owned();
            let is_served = PAGE_FILES.iter().any(|(served, _)| *served == name);
            assert_eq!(is_served, !name.ends_with(".html"), "{name}");
        }
    }

    #[test]
    fn browsers_are_told_what_they_get() {
        for (name, expected) in [
            ("signup.js", "text/javascript; charset=utf-8"),
            ("passwords_bg.wasm", "application/wasm"),
            ("style.css", "text/css; charset=utf-8"),
            ("package.json", "application/json"),
            ("index.d.ts", "text/plain; charset=utf-8"),
            ("LICENSE", "text/plain; charset=utf-8"),
        ] {
            assert_eq!(media_type(name), expected, "{name}");
        }
    }
}
