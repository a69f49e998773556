//! Who signs up.

use serde_json::{Value, json};

/// What somebody types into the sign-up form.
#[derive(Clone, Debug)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
    /// The password.
    pub password: String,
    /// The age, if told.
    pub age: Option<u8>,
}

impl Person {
    /// A person with this first name, an address made of it, and a good password.
    #[must_use]
    pub fn named(first_name: &str) -> Self {
        Self {
            name: format!("{first_name} Example"),
            email: format!("{}@example.com", first_name.to_lowercase()),
            password: "Kestrel-over-27-moors".to_owned(),
            age: None,
        }
    }

    /// The same person with another password.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password);
        self
    }

    /// The same person with another address.
    #[must_use]
    pub fn with_email(mut self, email: &str) -> Self {
        email.clone_into(&mut self.email);
        self
    }

    /// The body of the sign-up.
    #[must_use]
    pub fn form(&self) -> Value {
        let mut form = json!({
            "name": self.name,
            "email": self.email,
            "password": self.password,
        });
        if let Some(age) = self.age {
            form["age"] = age.into();
        }
        form
    }
}

/// The tokens that an answer held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

/// A person who has signed up, with the tokens of that first session.
#[derive(Clone, Debug)]
pub struct Account {
    /// The person.
    pub person: Person,
    /// The identifier.
    pub user_id: String,
    /// The tokens.
    pub tokens: Tokens,
}

/// The credentials of a client of the OAuth endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiClient {
    /// The `client_id`.
    pub id: String,
    /// The `client_secret`.
    pub secret: String,
}
