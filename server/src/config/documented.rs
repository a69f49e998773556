//! Holds `config.toml`, the documents and the code together. Tests only.

use std::path::Path;

use super::{
    Config, DOCUMENTED_DEFAULT, PolicyChoice, Sources, file,
    keys::{self, KEYS},
    load,
};

/// The line that sets a key, commented out or not, with its section's name
/// put before it again.
fn lines() -> Vec<(String, &'static str, bool)> {
    let mut section = "";
    let mut found = Vec::new();
    for line in DOCUMENTED_DEFAULT.lines() {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        if let Some(name) = bare
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = name;
        } else if let Some((name, _)) = bare.split_once(" = ")
            && !name.contains([' ', '`'])
        {
            found.push((format!("{section}.{name}"), line, line.starts_with('#')));
        }
    }
    found
}

#[test]
fn the_file_says_what_the_code_defaults_to() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("config.toml"), DOCUMENTED_DEFAULT).expect("written");
    let sources = Sources {
        directory: directory.path().to_path_buf(),
        ..Sources::default()
    };
    let loaded = load(&sources).expect("the documented default is valid");
    assert_eq!(loaded.config, Config::default());
}

#[test]
fn the_file_names_every_key_once_with_its_variable() {
    let lines = lines();
    let mut named: Vec<&str> = lines.iter().map(|(path, ..)| path.as_str()).collect();
    let mut known: Vec<&str> = KEYS.iter().map(|key| key.path).collect();
    named.sort_unstable();
    known.sort_unstable();
    assert_eq!(named, known);
    for key in KEYS {
        let (_, line, _) = lines
            .iter()
            .find(|(path, ..)| path == key.path)
            .expect("named");
        assert!(line.ends_with(&format!("# {}", key.variable())), "{line}");
    }
}

#[test]
fn a_key_that_has_a_default_is_set() {
    let defaults = serde_json::to_value(Config::default()).expect("serialises");
    for (path, line, commented_out) in lines() {
        let default = defaults.pointer(&format!("/{}", path.replace('.', "/")));
        let has_none = default.is_none_or(serde_json::Value::is_null);
        assert_eq!(commented_out, has_none, "{line}");
    }
}

#[test]
fn documents_name_only_keys_and_variables_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for document in ["README.md", "docs/configuration.md", "docs/deploy.md"] {
        let text = std::fs::read_to_string(root.join(document)).expect(document);
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.'));
        for word in words.map(|word| word.trim_end_matches('.')) {
            if word.starts_with("LATCHKEY_") && word.contains("__") {
                let path = keys::path_of(word).expect("has our prefix");
                assert!(keys::find(&path).is_some(), "{word} in {document}");
            }
            let table = word.split_once('.').map_or("", |(table, _)| table);
            let of_ours = keys::is_table(table) && !table.is_empty();
            // `server.rs`, `audit.md` and the like are files.
            let is_file = [".rs", ".md"].iter().any(|end| word.ends_with(end));
            if of_ours && !is_file {
                let known = keys::find(word).is_some() || keys::is_table(word);
                assert!(known, "{word} in {document}");
            }
        }
    }
}

#[test]
fn what_is_commented_out_is_valid_too() {
    // Without the preset, which the table of rules takes the place of, and
    // without secrets, whose examples are empty on purpose.
    let text: String = DOCUMENTED_DEFAULT
        .lines()
        .filter(|line| !line.starts_with("policy =") && !line.contains(" = \"\""))
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with('[') || rest.contains("# LATCHKEY_") => {
                rest.to_owned() + "\n"
            }
            _ => line.to_owned() + "\n",
        })
        .collect();
    let settings = file::parse(&text, Path::new("config.toml")).expect("valid");
    let of_policy = settings
        .iter()
        .filter(|setting| setting.path.starts_with("passwords.policy."));
    assert_eq!(of_policy.count(), 7);
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("config.toml"), text).expect("written");
    let sources = Sources {
        directory: directory.path().to_path_buf(),
        ..Sources::default()
    };
    let config = load(&sources).expect("every example is valid").config;
    assert_eq!(
        config.passwords.policy.policy(),
        PolicyChoice::Default.policy()
    );
}
