//! `docs/security.md` says which test proves which item. Neither it nor the tests can change
//! without the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What a row says of an item that nothing here could break.
const NOT_HERE: &str = "Does not apply: ";

/// How many items there are.
const ITEMS: usize = 81;

/// A test, as the table names it: `refresh::item_42_…` or `verify.test.mjs: item 66: …`.
type Name = String;

/// A row of the table of items.
struct Row {
    item: usize,
    how: String,
    tests: BTreeSet<Name>,
}

/// What the sources have.
struct Tests {
    /// Every function and every test in JavaScript.
    all: BTreeSet<Name>,
    /// Those with numbers, by item.
    of_item: BTreeMap<usize, BTreeSet<Name>>,
    /// The back ends that a black-box test runs on.
    backends: BTreeMap<Name, BTreeSet<&'static str>>,
}

#[test]
fn every_item_has_its_row_in_order() {
    let numbers: Vec<usize> = rows().iter().map(|row| row.item).collect();
    assert_eq!(numbers, (1..=ITEMS).collect::<Vec<_>>());
}

#[test]
fn a_row_names_the_tests_with_its_number_and_no_others() {
    let tests = Tests::read();
    for row in rows() {
        let none = BTreeSet::new();
        let numbered = tests.of_item.get(&row.item).unwrap_or(&none);
        let item = row.item;
        let missing: Vec<_> = numbered.difference(&row.tests).collect();
        assert!(missing.is_empty(), "row {item} does not name {missing:#?}");
        let unknown: Vec<_> = row.tests.difference(numbered).collect();
        assert!(unknown.is_empty(), "row {item} names {unknown:#?}");
    }
    let beyond: Vec<_> = tests.of_item.keys().filter(|item| **item > ITEMS).collect();
    assert!(beyond.is_empty(), "there is no item {beyond:?}");
}

/// Each item is proved on each back end, or the row says why it is not here.
#[test]
fn an_item_is_proved_on_each_back_end_or_says_why_not() {
    let tests = Tests::read();
    for row in rows() {
        let backends: BTreeSet<_> = row
            .tests
            .iter()
            .filter_map(|name| tests.backends.get(name))
            .flatten()
            .copied()
            .collect();
        let expected: &[&str] = if row.how.starts_with(NOT_HERE) {
            &[]
        } else {
            &["postgres", "sqlite"]
        };
        let backends: Vec<_> = backends.into_iter().collect();
        assert_eq!(backends, expected, "item {}", row.item);
    }
}

#[test]
fn an_advisory_names_a_test_that_is_there_or_says_why_none() {
    let tests = Tests::read();
    let mut count = 0;
    for cells in table("advisory") {
        let [advisory, _, how, names] = &cells[..] else {
            panic!("four cells: {cells:?}");
        };
        let names = quoted(names);
        for name in &names {
            assert!(tests.all.contains(name), "{advisory}: there is no {name}");
        }
        let says_why = how.starts_with(NOT_HERE) || how.starts_with("Cannot happen: ");
        assert_eq!(names.is_empty(), says_why, "{advisory}: {how} {names:?}");
        count += 1;
    }
    assert!(count > 40, "{count} advisories");
}

#[test]
fn every_file_that_is_pointed_at_is_there() {
    let docs = root().join("docs");
    let page = read(&docs.join("security.md"));
    let mut count = 0;
    for link in page.split("](").skip(1) {
        let target = link.split([')', '#']).next().unwrap_or_default();
        if target.is_empty() || target.starts_with("https://") {
            continue;
        }
        assert!(docs.join(target).exists(), "there is no {target}");
        count += 1;
    }
    assert!(count > 20, "{count} links");
}

fn rows() -> Vec<Row> {
    let row = |cells: Vec<String>| {
        let [item, requirement, source, how, tests] = &cells[..] else {
            panic!("five cells: {cells:?}");
        };
        for cell in [requirement, source, how] {
            assert!(!cell.is_empty(), "an empty cell: {cells:?}");
        }
        Row {
            item: item.parse().expect("a number"),
            how: how.clone(),
            tests: quoted(tests),
        }
    };
    table("item").into_iter().map(row).collect()
}

/// The rows of the tables whose first column has this name.
fn table(first_column: &str) -> Vec<Vec<String>> {
    let page = read(&root().join("docs/security.md"));
    let header = format!("| {first_column} |");
    let mut rows = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if !line.starts_with('|') {
            inside = false;
        } else if line.starts_with(&header) {
            inside = true;
        } else if inside && !line.starts_with("| ---") {
            let cells = line.trim_matches('|').split(" | ");
            rows.push(cells.map(|cell| cell.trim().to_owned()).collect());
        }
    }
    rows
}

/// The names in a cell, which stand in backticks.
fn quoted(cell: &str) -> BTreeSet<Name> {
    cell.split('`').skip(1).step_by(2).map(Name::from).collect()
}

impl Tests {
    fn read() -> Self {
        let mut tests = Self {
            all: BTreeSet::new(),
            of_item: BTreeMap::new(),
            backends: BTreeMap::new(),
        };
        for folder in ["tests/suite", "verifier-wasm", "server/src"] {
            for file in files(&root().join(folder), ".rs") {
                tests.add_rust(&file);
            }
        }
        for folder in ["verifier-wasm/tests/node", "tests/node"] {
            for file in files(&root().join(folder), ".test.mjs") {
                tests.add_javascript(&file);
            }
        }
        tests
    }

    fn add_rust(&mut self, file: &Path) {
        let text = read(file);
        let module = file.file_stem().expect("a name").to_string_lossy();
        for line in text.lines() {
            let line = line.trim_start();
            let function = line.strip_prefix("async ").unwrap_or(line);
            let Some((function, _)) = function.strip_prefix("fn ").and_then(|f| f.split_once('('))
            else {
                continue;
            };
            self.add(
                format!("{module}::{function}"),
                numbers_of_function(function),
            );
        }
        for (list, backends) in [
            ("on_each_backend![", &["sqlite", "postgres"][..]),
            ("on_sqlite![", &["sqlite"]),
            ("on_postgres![", &["postgres"]),
        ] {
            let start = format!("\n{list}");
            for inside in text.split(&start).skip(1) {
                let names = inside.split(']').next().unwrap_or_default();
                for name in names.split(',').map(str::trim) {
                    let of_test = self.backends.entry(format!("{module}::{name}"));
                    of_test.or_default().extend(backends);
                }
            }
        }
    }

    fn add_javascript(&mut self, file: &Path) {
        let name = file.file_name().expect("a name").to_string_lossy();
        for line in read(file).lines() {
            let Some(call) = line.trim_start().strip_prefix("test(") else {
                continue;
            };
            let quote = call.chars().next().expect("a title");
            let title = call[1..].split(quote).next().unwrap_or_default();
            self.add(format!("{name}: {title}"), numbers_of_title(title));
        }
    }

    fn add(&mut self, name: Name, items: Vec<usize>) {
        for item in items {
            let of_item = self.of_item.entry(item).or_default();
            assert!(of_item.insert(name.clone()), "two tests named {name}");
        }
        self.all.insert(name);
    }
}

/// `item_40_item_41_…` proves two items, `items_51_to_61_…` eleven.
fn numbers_of_function(name: &str) -> Vec<usize> {
    let number = |text: &str| text.get(..2).and_then(|digits| digits.parse().ok());
    if let Some(rest) = name.strip_prefix("items_") {
        let last = rest.get(2..).and_then(|rest| rest.strip_prefix("_to_"));
        return match (number(rest), last.and_then(number)) {
            (Some(first), Some(last)) => (first..=last).collect(),
            _ => panic!("no numbers: {name}"),
        };
    }
    let mut items = Vec::new();
    let mut rest = name;
    while let Some(item) = rest.strip_prefix("item_").and_then(number) {
        items.push(item);
        rest = rest.get("item_00_".len()..).unwrap_or_default();
    }
    items
}

/// `item 66: …` or `items 51 to 61: …`.
fn numbers_of_title(title: &str) -> Vec<usize> {
    let Some((numbers, _)) = title.split_once(": ") else {
        return Vec::new();
    };
    if let Some(item) = numbers.strip_prefix("item ") {
        return item.parse().into_iter().collect();
    }
    let Some((first, last)) = numbers
        .strip_prefix("items ")
        .and_then(|range| range.split_once(" to "))
    else {
        return Vec::new();
    };
    match (first.parse::<usize>(), last.parse()) {
        (Ok(first), Ok(last)) => (first..=last).collect(),
        _ => Vec::new(),
    }
}

/// The files of a kind in a folder, at any depth, but for what was installed or built.
fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        if path.is_dir() {
            if !["node_modules", "target", "pkg"].contains(&&*name) {
                found.extend(files(&path, suffix));
            }
        } else if name.ends_with(suffix) {
            found.push(path);
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .to_owned()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
