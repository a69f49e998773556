//! Records for people and for programs.

use crate::cli::output;
use crate::domain::audit::Record;

/// The columns for people, and how wide each is, so that lines can be printed as they come.
const COLUMNS: [(&str, usize); 6] = [
    ("time", 24),
    ("event", 27),
    ("user", 36),
    ("by", 12),
    ("ip", 15),
    ("detail", 0),
];

/// Prints records as they come.
pub(super) struct Printer {
    form: Form,
    is_first: bool,
}

/// What the records are printed as.
#[derive(Clone, Copy)]
enum Form {
    Table,
    Array,
    Lines,
}

impl Printer {
    pub(super) const fn new(json: bool, follow: bool) -> Self {
        let form = match (json, follow) {
            (false, _) => Form::Table,
            (true, false) => Form::Array,
            (true, true) => Form::Lines,
        };
        Self {
            form,
            is_first: true,
        }
    }

    pub(super) fn print(&mut self, records: &[Record]) -> anyhow::Result<()> {
        let mut text = String::new();
        for record in records {
            match self.form {
                Form::Table => {
                    if self.is_first {
                        let names = COLUMNS.map(|(name, _)| name.to_uppercase());
                        text += &row(&names.each_ref().map(String::as_str));
                    }
                    text += &shown(record);
                }
                Form::Array => {
                    text += if self.is_first { "[\n" } else { ",\n" };
                    text += &serde_json::to_string(record)?;
                }
                Form::Lines => {
                    text += &serde_json::to_string(record)?;
                    text.push('\n');
                }
            }
            self.is_first = false;
        }
        if text.is_empty() {
            return Ok(());
        }
        output::raw(&text)
    }

    pub(super) fn finish(&self) -> anyhow::Result<()> {
        match (self.form, self.is_first) {
            (Form::Array, true) => output::line("[]"),
            (Form::Array, false) => output::line("\n]"),
            (Form::Table | Form::Lines, _) => Ok(()),
        }
    }
}

/// A record on one line.
fn shown(record: &Record) -> String {
    let user = record.user_id.map_or("-".to_owned(), |id| id.to_string());
    let by = match (&*record.actor, &record.actor_id) {
        // Themselves.
        ("user", Some(id)) if *id == user => "user".to_owned(),
        (actor, Some(id)) => format!("{actor} {id}"),
        (actor, None) => actor.to_owned(),
    };
    let ip = record.ip.map_or("-".to_owned(), |ip| ip.to_string());
    let detail: Vec<&str> = record
        .reason
        .as_deref()
        .into_iter()
        .chain(record.detail.as_deref())
        .collect();
    let at = record.at.to_string();
    row(&[&at, &record.event, &user, &by, &ip, &detail.join(" ")])
}

fn row(cells: &[&str; COLUMNS.len()]) -> String {
    let mut line = String::new();
    for (cell, (_, width)) in cells.iter().zip(COLUMNS) {
        let cell = output::one_line(cell);
        line += &format!("{cell:width$}  ");
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit::{Event, Word};
    use crate::domain::clock::Timestamp;
    use crate::domain::context::WriteContext;
    use crate::domain::entropy::SystemEntropy;

    #[test]
    fn a_record_is_one_line_whatever_is_in_it() {
        let now = Timestamp::from_millis(1_767_225_600_007);
        let cx = WriteContext::service(now);
        let mut record = Record::new(&cx, Event::new(Word::KeyRetired), 0, &SystemEntropy);
        // As if another program had written it.
        record.detail = Some("\u{1b}[2J\nforged".to_owned());
        let line = shown(&record);
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(
            words,
            [
                "2026-01-01T00:00:00.007Z",
                "key.retired",
                "-",
                "service",
                "-",
                "\\u{1b}[2J\\nforged"
            ]
        );
        assert_eq!(line.lines().count(), 1);
    }
}
