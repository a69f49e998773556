//! What is wrong with a form, for the page that shows it again.

use crate::http::error::{ApiError, Problem};

/// What is wrong, by field where it belongs to one.
#[derive(Debug)]
pub(crate) struct Faults {
    fields: Vec<(&'static str, String)>,
    general: Option<String>,
}

impl Faults {
    /// Nothing is wrong.
    pub(crate) const NONE: Self = Self {
        fields: Vec::new(),
        general: None,
    };

    /// What the error says, in sentences.
    pub(crate) fn of(error: &ApiError) -> Self {
        let problem = error.problem();
        if problem == Problem::ValidationFailed {
            let violations = error.violations().iter();
            return Self {
                fields: violations
                    .map(|violation| (violation.field, sentence(&violation.message)))
                    .collect(),
                general: None,
            };
        }
        let message = sentence(&error.detail());
        match field_of(problem) {
            Some(field) => Self {
                fields: vec![(field, message)],
                general: None,
            },
            None => Self {
                fields: Vec::new(),
                general: Some(message),
            },
        }
    }

    /// What belongs to no field.
    pub(crate) fn general(&self) -> Option<&str> {
        self.general.as_deref()
    }

    /// Everything that is wrong with a field.
    pub(crate) fn field<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_this = self.fields.iter().filter(move |(field, _)| *field == name);
        of_this.map(|(_, message)| message.as_str())
    }

    /// Whether anything is wrong with a field.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.field(name).next().is_some()
    }

    /// Whether anything is wrong with any field.
    pub(crate) fn has_fields(&self) -> bool {
        !self.fields.is_empty()
    }

    /// Every field fault with the field's name and its label.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let fields = self.fields.iter();
        fields.map(|(name, message)| (*name, label(name), message.as_str()))
    }
}

/// The field that a problem is about, for those that are about one.
fn field_of(problem: Problem) -> Option<&'static str> {
    match problem {
        Problem::EmailTaken => Some("email"),
        Problem::WrongPassword => Some("current_password"),
        _ => None,
    }
}

/// What a field is called on the page.
fn label(field: &str) -> &str {
    match field {
        "name" => "Name",
        "email" => "E-mail address",
        "password" => "Password",
        "age" => "Age",
        "current_password" => "Current password",
        "new_password" => "New password",
        other => other,
    }
}

/// Messages read well after `field: `; here they stand for themselves.
fn sentence(message: &str) -> String {
    if message.starts_with("is ") {
        return sentence(&format!("this {message}"));
    }
    let mut letters = message.chars();
    let mut sentence: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(letters)
        .collect();
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::error::Violation;

    #[test]
    fn each_stands_where_it_belongs() {
        let violation = |field, message: &str| Violation {
            field,
            code: "x",
            message: message.to_owned(),
        };
        let error = ApiError::invalid(vec![
            violation("password", "Use more."),
            violation("name", "is required"),
            violation("password", "add a digit"),
        ]);
        let faults = Faults::of(&error);
        let password: Vec<_> = faults.field("password").collect();
        assert_eq!(password, ["Use more.", "Add a digit."]);
        assert!(faults.has("name") && !faults.has("email") && faults.has_fields());
        assert_eq!(faults.general(), None);
        let named = faults.fields().nth(1);
        assert_eq!(named, Some(("name", "Name", "This is required.")));

        let taken = Faults::of(&Problem::EmailTaken.into());
        assert!(taken.has("email"));
        let wrong = Faults::of(&Problem::InvalidCredentials.into());
        assert_eq!(wrong.general(), Some("Invalid email or password."));
        assert!(!wrong.has_fields());
    }
}
