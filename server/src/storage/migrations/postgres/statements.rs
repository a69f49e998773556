//! The statements of a step's text, one by one.
//!
//! What adoption does to the predecessor's schema is shown statement by statement, so it is
//! run that way. Only our own embedded texts are read here: a statement ends with a
//! semicolon at the end of a line, a comment has lines of its own, and the comment
//! `-- only if FACT` makes the statement below it depend on what adoption found.

use super::record::Facts;

/// The statements of `sql` that are to run given `facts`, each on one line.
pub(super) fn statements(sql: &str, facts: &Facts) -> Vec<String> {
    let mut found = Vec::new();
    let mut condition = None;
    let mut statement = String::new();
    for line in sql.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("--") {
            condition = comment.trim().strip_prefix("only if ").or(condition);
            continue;
        }
        if !statement.is_empty() && !statement.ends_with('(') && !line.starts_with(')') {
            statement.push(' ');
        }
        statement.push_str(line);
        if let Some(whole) = statement.strip_suffix(';') {
            if condition.take().is_none_or(|name| facts.holds(name)) {
                found.push(facts.filled_in(whole));
            }
            statement.clear();
        } else if line.is_empty() {
            statement.truncate(statement.trim_end().len());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::super::embedded::POSTGRES;
    use super::*;

    const NOTHING: Facts = Facts {
        age_added: false,
        created_at_added: false,
        updated_at_added: false,
        email_was: None,
        email_fits: true,
    };

    #[test]
    fn one_by_one_and_on_one_line() {
        let sql = "-- Why.\nCREATE TABLE a (\n    b integer,\n    c text\n);\n\nDROP TABLE d;\n";
        assert_eq!(
            statements(sql, &NOTHING),
            ["CREATE TABLE a (b integer, c text)", "DROP TABLE d"]
        );
    }

    #[test]
    fn a_condition_is_of_the_next_statement_alone() {
        let sql = "-- only if age_added\nADD age;\n\nADD b;\n-- only if email_fits\n-- Why.\nNARROW\n    TO :email_was;\n";
        assert_eq!(statements(sql, &NOTHING), ["ADD b"]);
        let facts = Facts {
            age_added: true,
            email_was: Some(100),
            ..NOTHING
        };
        assert_eq!(
            statements(sql, &facts),
            ["ADD age", "ADD b", "NARROW TO 100"]
        );
    }

    #[test]
    fn every_embedded_text_can_be_read_so() {
        for step in POSTGRES {
            let mut texts = vec![step.up, step.down];
            if let Some(other) = step.predecessor {
                texts.extend([other.adopt, other.hand_back]);
            }
            for sql in texts {
                for line in sql.lines() {
                    let code = line.split("--").next().unwrap_or_default();
                    assert!(
                        code.is_empty() || code == line,
                        "a comment after code: {line}"
                    );
                    let ends = code.matches(';').count();
                    assert!(ends == 0 || (ends == 1 && code.ends_with(';')), "{line}");
                    if let Some(fact) = line.trim().strip_prefix("-- only if ") {
                        assert!(Facts::NAMES.contains(&fact), "{fact} is not known");
                    }
                }
                assert!(sql.trim_end().ends_with(';'), "{}", step.label());
            }
        }
    }
}
