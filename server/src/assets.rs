//! What the build embeds for browsers: what our own pages load, and the npm package of the
//! verifier, as far as `cargo xtask wasm` had built it when the server was compiled.

/// One embedded file: its path in the package, with `/`, and its content.
pub type Asset = (&'static str, &'static [u8]);

/// Our own files, under `/assets/`: what lies beside the templates.
pub const PAGE_FILES: &[Asset] = &[
    ("account.js", include_bytes!("../pages/account.js")),
    ("api.js", include_bytes!("../pages/api.js")),
    ("device.js", include_bytes!("../pages/device.js")),
    ("forms.js", include_bytes!("../pages/forms.js")),
    (
        "password-meter.js",
        include_bytes!("../pages/password-meter.js"),
    ),
    ("sessions.js", include_bytes!("../pages/sessions.js")),
    ("signin.js", include_bytes!("../pages/signin.js")),
    ("signup.js", include_bytes!("../pages/signup.js")),
    ("style.css", include_bytes!("../pages/style.css")),
    ("times.js", include_bytes!("../pages/times.js")),
];

/// The files of `verifier-wasm/pkg`, sorted by path; empty if the package had not
/// been built. The table is written by `build.rs`.
pub const VERIFIER_PACKAGE: &[Asset] = include!(concat!(env!("OUT_DIR"), "/verifier_package.rs"));

/// Whether the package is embedded. Without it the pages work without what it
/// computes in the browser.
pub const HAS_VERIFIER_PACKAGE: bool = !VERIFIER_PACKAGE.is_empty();

/// The content of one file of the package, such as `wasm/tokens_bg.wasm`.
#[must_use]
pub fn verifier_file(path: &str) -> Option<&'static [u8]> {
    VERIFIER_PACKAGE
        .binary_search_by_key(&path, |(name, _)| name)
        .ok()
        .map(|found| VERIFIER_PACKAGE[found].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_file_is_found_and_no_other() {
        for (name, content) in VERIFIER_PACKAGE {
            assert_eq!(verifier_file(name), Some(*content));
        }
        assert_eq!(verifier_file("../Cargo.toml"), None);
        assert_eq!(verifier_file(""), None);
    }

    #[test]
    fn a_package_comes_whole() {
        assert_eq!(
            verifier_file("package.json").is_some(),
            HAS_VERIFIER_PACKAGE
        );
    }
}
