//! What pages load from `/assets/`.

use latchkey_tests::{Backend, Server, on_each_backend};

on_each_backend![
    the_style_is_asked_for_again,
    pages_load_what_is_there,
    the_package_comes_as_what_it_is,
    there_is_nothing_else,
];

async fn the_style_is_asked_for_again(backend: Backend) {
    let server = Server::start(backend).await;
    let style = server.get("/assets/style.css").await.expect(200);
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(style.header("cache-control"), "public, no-cache");
    let tag = style.header("etag");
    let again = server.get("/assets/style.css").header("if-none-match", tag);
    let again = again.await.expect(304);
    assert!(again.body.is_empty());
    assert_eq!(again.header("etag"), tag);
}

/// Every script and style that a page names, and every module that those import.
async fn pages_load_what_is_there(backend: Backend) {
    let server = Server::start(backend).await;
    let token = server.account_of("Alice").await.tokens.refresh;
    let cookie = format!("latchkey={token}");
    let mut wanted = Vec::new();
    for path in ["/", "/signup", "/signin", "/account"] {
        let call = server.get(path).header("accept", "text/html");
        let page = match path {
            "/account" => call.header("cookie", &cookie).await,
            _ => call.await,
        };
        wanted.extend(own_files(page.expect(200).text()));
    }
    assert!(wanted.contains(&"style.css".to_owned()), "{wanted:?}");
    let mut seen = Vec::new();
    while let Some(file) = wanted.pop() {
        if seen.contains(&file) {
            continue;
        }
        let answer = server.get(&format!("/assets/{file}")).await;
        assert_eq!(answer.status, 200, "{file}");
        if file.ends_with(".js") {
            let kind = answer.header("content-type");
            assert_eq!(kind, "text/javascript; charset=utf-8", "{file}");
            wanted.extend(imports(answer.text()));
        }
        seen.push(file);
    }
}

/// `style.css` of `href="/assets/style.css"`.
fn own_files(html: &str) -> impl Iterator<Item = String> {
    let ends = html.split("\"/assets/").skip(1);
    ends.filter_map(|rest| rest.split('"').next().map(str::to_owned))
}

/// `api.js` of `from "./api.js"`.
fn imports(script: &str) -> impl Iterator<Item = String> {
    let ends = script.split("from \"./").skip(1);
    ends.filter_map(|rest| rest.split('"').next().map(str::to_owned))
}

async fn the_package_comes_as_what_it_is(backend: Backend) {
    let server = Server::start(backend).await;
    let is_built = !server.logs().contains("without the verifier package");
    for (file, kind) in [
        ("passwords.js", "text/javascript; charset=utf-8"),
        ("lib/browser.js", "text/javascript; charset=utf-8"),
        ("wasm/passwords_bg.wasm", "application/wasm"),
        ("package.json", "application/json"),
    ] {
        let path = format!("/assets/latchkey-verifier/{file}");
        let answer = server.get(&path).await;
        if is_built {
            let answer = answer.expect(200);
            assert_eq!(answer.header("content-type"), kind, "{file}");
            assert!(!answer.header("etag").is_empty(), "{file}");
        } else {
            let _ = answer.expect(404);
        }
    }
}

async fn there_is_nothing_else(backend: Backend) {
    let server = Server::start(backend).await;
    for path in [
        "/assets",
        "/assets/",
        "/assets/signup.html",
        "/assets/layout.html",
        "/assets/latchkey-verifier",
        "/assets/latchkey-verifier/",
        "/assets/latchkey-verifier/wasm",
        "/assets/../Cargo.toml",
        "/assets/%2e%2e/Cargo.toml",
        "/assets/..%2fCargo.toml",
        "/assets/latchkey-verifier/lib/../package.json",
        "/assets/latchkey-verifier/..%5cpackage.json",
        "/assets/style.css%00",
        "/assets/STYLE.CSS",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = server.raw().await.send(request).await.answer().await;
        assert_eq!(answer.expect("an answer").status, 404, "{path}");
    }
}
