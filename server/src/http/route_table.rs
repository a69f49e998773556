//! Which paths exist, and which methods each of them has.
//!
//! Made from the same declarations as the filters. warp's filters only say "not this
//! route"; 404, 405, `Allow`, OPTIONS and the log need to know what is there.

use std::collections::HashMap;
use std::sync::Arc;

use warp::http::{HeaderValue, Method};

/// One path of the API.
#[derive(Debug)]
pub(crate) struct Route {
    /// The path as declared, parameters in braces: `/sessions/{session_id}`.
    pub(crate) pattern: &'static str,
    /// The methods as `Allow` lists them: HEAD comes with GET, OPTIONS with everything.
    pub(crate) allow: HeaderValue,
    /// Whether pages of every origin may read it.
    pub(crate) public: bool,
    methods: Vec<Method>,
}

impl Route {
    /// Whether a handler answers this method.
    pub(crate) fn has(&self, method: &Method) -> bool {
        self.methods.contains(method)
    }
}

/// Every path of the API.
#[derive(Debug, Default)]
pub(crate) struct RouteTable {
    literal: HashMap<&'static str, Arc<Route>>,
    patterns: Vec<Arc<Route>>,
}

impl RouteTable {
    /// The table of `(method, pattern, public)` declarations.
    pub(crate) fn new(declared: impl IntoIterator<Item = (Method, &'static str, bool)>) -> Self {
        let mut routes: Vec<(&'static str, Vec<Method>, bool)> = Vec::new();
        for (method, pattern, public) in declared {
            match routes.iter_mut().find(|(known, ..)| *known == pattern) {
                Some((_, methods, _)) => methods.push(method),
                None => routes.push((pattern, vec![method], public)),
            }
        }
        let mut table = Self::default();
        for (pattern, methods, public) in routes {
            let route = Arc::new(Route {
                pattern,
                allow: allow(&methods),
                public,
                methods,
            });
            if pattern.contains('{') {
                table.patterns.push(route);
            } else {
                table.literal.insert(pattern, route);
            }
        }
        table
    }

    /// The route of a path. Paths are exact: what differs by a slash at the end or by an
    /// escape is another path.
    pub(crate) fn find(&self, path: &str) -> Option<&Arc<Route>> {
        self.literal
            .get(path)
            .or_else(|| self.patterns.iter().find(|route| fits(route.pattern, path)))
    }
}

fn allow(methods: &[Method]) -> HeaderValue {
    let mut names = Vec::new();
    for method in methods {
        names.push(method.as_str());
        if method == Method::GET {
            names.push("HEAD");
        }
    }
    names.push("OPTIONS");
    // Method names are tokens, which every header value may hold.
    HeaderValue::try_from(names.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"))
}

/// Whether the path has the pattern's segments, with anything but nothing for a parameter.
fn fits(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    pattern.split('/').all(|expected| match segments.next() {
        Some(given) if expected.starts_with('{') => !given.is_empty(),
        Some(given) => given == expected,
        None => false,
    }) && segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> RouteTable {
        RouteTable::new([
            (Method::GET, "/", false),
            (Method::GET, "/things", true),
            (Method::DELETE, "/things", true),
            (Method::DELETE, "/things/{id}", false),
        ])
    }

    #[test]
    fn paths_are_exact() {
        let table = table();
        for path in ["/", "/things", "/things/7"] {
            assert!(table.find(path).is_some(), "{path}");
        }
        for path in [
            "",
            "//",
            "/things/",
            "/things/7/",
            "/thing",
            "/THINGS",
            "/%74hings",
            "*",
        ] {
            assert!(table.find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn knows_the_methods_of_a_path() {
        let table = table();
        let things = table.find("/things").expect("declared");
        assert_eq!(things.allow, "GET, HEAD, DELETE, OPTIONS");
        assert!(things.has(&Method::DELETE) && !things.has(&Method::POST));
        assert!(things.public);
        let thing = table.find("/things/7").expect("declared");
        assert_eq!(
            (thing.pattern, &thing.allow),
            ("/things/{id}", &HeaderValue::from_static("DELETE, OPTIONS"))
        );
    }
}
