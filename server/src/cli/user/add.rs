//! `latchkey user add`.

use anyhow::Context as _;
use clap::Args;

use super::{Service, UserJson};
use crate::cli::open::Missing;
use crate::cli::secret_input::read_new_password;
use crate::cli::{Context, output, runtime};
use crate::domain::accounts::SignUp;
use crate::domain::email::Email;
use crate::domain::user::{Age, UserName};

/// `latchkey user add`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Add {
    /// The e-mail address
    #[arg(value_name = "EMAIL", required_unless_present = "email", value_parser = Email::parse)]
    address: Option<Email>,
    /// The same, as an option
    #[arg(long, value_name = "EMAIL", conflicts_with = "address", value_parser = Email::parse)]
    email: Option<Email>,
    /// The name, 5 to 100 characters
    #[arg(long, value_parser = UserName::parse)]
    name: UserName,
    /// The age in years, 1 to 150
    #[arg(long, value_name = "YEARS", value_parser = age)]
    age: Option<Age>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Add {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        let email = self
            .address
            .or(self.email)
            .context("an e-mail address is needed")?;
        let password = read_new_password("Password")?;
        runtime::command(async {
            let service = Service::open(cx, Missing::Create).await?;
            let password = service.accept(password, email.as_str(), self.name.as_str())?;
            let request = SignUp {
                name: self.name,
                email,
                age: self.age,
                password,
            };
            let user = service
                .administration
                .add(&service.operator(), request)
                .await?;
            service.close().await;
            if self.json {
                return output::json(&UserJson::from(&user));
            }
            output::line(&format!("added {} ({})", user.email, user.id))
        })
    }
}

fn age(text: &str) -> Result<Age, String> {
    let years: i64 = text.parse().map_err(|_| "not a whole number".to_owned())?;
    Age::new(years).map_err(|error| error.to_string())
}
