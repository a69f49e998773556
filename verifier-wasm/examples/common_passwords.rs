//! Makes `data/common-passwords.bin` out of the lists that `data/README.md`
//! names:
//!
//! ```text
//! cargo run -p verifier-wasm --example common_passwords -- POPULAR TOP_20K > common-passwords.bin
//! ```
//!
//! `POPULAR` is sorted by how common its passwords are. Its first 100,000 are
//! taken, and further down those that are long enough for a policy that asks
//! for 15 characters. `TOP_20K` is taken whole.

use std::error::Error;
use std::io::Write;
use std::{env, fs, io};

use latchkey_verifier::policy::common;

const MOST_COMMON: usize = 100_000;
const LONG: usize = 15;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<String> = env::args().skip(1).collect();
    let [popular, top] = paths.as_slice() else {
        return Err("give the paths of the two lists that data/README.md names".into());
    };
    let (popular, top) = (fs::read_to_string(popular)?, fs::read_to_string(top)?);

    let most_common = popular.lines().take(MOST_COMMON);
    let long = popular
        .lines()
        .skip(MOST_COMMON)
        .filter(|word| word.chars().count() >= LONG);
    let list = common::pack(most_common.chain(long).chain(top.lines()));
    io::stdout().write_all(&list)?;
    Ok(())
}
