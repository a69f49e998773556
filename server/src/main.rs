//! The `latchkey` binary. Everything is in the library, where tests reach it.

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    latchkey::cli::main(env::args_os())
}
