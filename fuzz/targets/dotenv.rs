//! `.env` files as somebody wrote them: nothing panics, a refusal names the line and repeats
//! nothing of it, and what was read can be written so that it reads the same.
#![no_main]

use latchkey::config::fuzzing::{self, Variable};
use libfuzzer_sys::fuzz_target;

/// All that can be wrong with a line.
const PROBLEMS: [&str; 6] = [
    "is not NAME=value",
    "has no closing '",
    "has no closing \"",
    "goes on after the closing '",
    "goes on after the closing \"",
    "comes to more than 65536 bytes",
];

fuzz_target!(|text: &str| {
    match read(text) {
        Ok(variables) => hold(text, &variables),
        Err(message) => hold_refusal(text, &message),
    }
});

fn read(text: &str) -> Result<Vec<Variable>, String> {
    let environment = |name: &str| (name == "HOME").then(|| "/home/${HOME}".to_owned());
    fuzzing::dotenv(text, &environment).map_err(|error| error.to_string())
}

fn hold_refusal(text: &str, message: &str) {
    let rest = message.strip_prefix(".env line ").expect(message);
    let (line, problem) = rest.split_once(' ').expect(message);
    let line: usize = line.parse().expect(message);
    assert!((1..=lines(text)).contains(&line), "{message}");
    assert!(PROBLEMS.contains(&problem), "{message}");
}

fn hold(text: &str, variables: &[Variable]) {
    let mut before = 1;
    let mut written = String::new();
    for variable in variables {
        let Variable { name, value, line } = variable;
        assert!((before..=lines(text)).contains(line), "{variable:?}");
        before = *line;
        let named = text.split('\n').nth(line - 1).expect("a line");
        assert!(!name.is_empty() && named.contains(name.as_str()));
        assert!(
            !name.contains(['=', '#', '\n', '\r', ' ', '\t']),
            "{name:?}"
        );
        assert!(value.len() <= 65_536 + text.len());

        let value = value.replace('\\', "\\\\").replace('\'', "\\'");
        written.push_str(&format!("export {name}='{value}'\n"));
    }
    // What stands for another variable did so already.
    if !written.contains("${") {
        let again = read(&written).expect(&written);
        let pairs = |variables: &[Variable]| -> Vec<_> {
            let pair = |one: &Variable| (one.name.clone(), one.value.clone());
            variables.iter().map(pair).collect()
        };
        assert_eq!(pairs(&again), pairs(variables));
    }
}

fn lines(text: &str) -> usize {
    text.matches('\n').count() + 1
}
