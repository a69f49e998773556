//! The native verdicts on passwords, for the tests that compare them with
//! those of WebAssembly: reads `[policy, password, email, name, year]` as JSON
//! from each line of stdin and writes the verdict's JSON on a line of stdout.

use std::error::Error;
use std::io::{self, BufRead as _, BufWriter, Write as _};

use latchkey_verifier::policy::{Context, PasswordPolicy};

fn main() -> Result<(), Box<dyn Error>> {
    let mut verdicts = BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let (policy, password, email, name, year): (PasswordPolicy, String, String, String, i32) =
            serde_json::from_str(&line?)?;
        let context = Context {
            email: &email,
            name: &name,
        };
        let verdict = policy.check(&password, &context, year);
        writeln!(verdicts, "{}", serde_json::to_string(&verdict)?)?;
    }
    verdicts.flush()?;
    Ok(())
}
