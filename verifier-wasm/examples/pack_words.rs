//! Makes `data/words.bin` and `data/common.bin` out of the lists beside them:
//!
//! ```text
//! cargo run -p verifier-wasm --example pack_words
//! ```

use std::error::Error;
use std::fs;
use std::path::Path;

use latchkey_verifier::policy::words::pack::pack;

fn main() -> Result<(), Box<dyn Error>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let ranked = fs::read_to_string(data.join("zxcvbn-words.txt"))?;
    let common = fs::read_to_string(data.join("common-passwords.txt"))?;
    let packed = pack(&ranked, &common)?;
    for (name, bytes) in [("words.bin", packed.words), ("common.bin", packed.common)] {
        fs::write(data.join(name), &bytes)?;
        println!("{name}: {} bytes", bytes.len());
    }
    Ok(())
}
