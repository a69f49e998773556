//! scrypt (RFC 7914), which passlib and the PHC string format write alike.

use scrypt::Params;

use super::HashError;
use super::foreign::{SaltAndTag, decimal};
use crate::domain::password::Password;

/// What such strings begin with.
pub(super) const PREFIX: &str = "$scrypt$";

/// Most memory that we give for one hash: 128 MiB, the most that OWASP proposes. It is
/// taken and given back by the one job, so that at any time there is this much for each
/// hashing thread at most. The library does not overwrite it; what is large goes back to
/// the system, which does, and a successful sign-in replaces the hash for good.
const MAX_MEMORY: u64 = 128 << 20;

/// Most bytes written, all lanes together: 512 MiB, one to two seconds.
const MAX_WORK: u64 = 512 << 20;

const MALFORMED: HashError = HashError::Unreadable("is a malformed scrypt string");

/// A stored scrypt string, parsed and found affordable.
pub(super) struct StoredScrypt {
    params: Params,
    stored: SaltAndTag,
    /// How much the library takes, without asking whether it is there.
    memory: usize,
}

impl StoredScrypt {
    /// Parses `$scrypt$ln=16,r=8,p=1$salt$tag`, with all of its parameters in this order.
    pub(super) fn parse(stored: &str) -> Result<Self, HashError> {
        let rest = stored.strip_prefix(PREFIX).ok_or(MALFORMED)?;
        let parts: Vec<&str> = rest.split('$').collect();
        let &[cost, salt, tag] = &*parts else {
            return Err(MALFORMED);
        };
        let (log_n, r, p) = parameters(cost).ok_or(MALFORMED)?;
        let stored = SaltAndTag::parse(salt, tag).ok_or(MALFORMED)?;
        // The library's own check of its parameters multiplies them: ours come first.
        if !is_affordable(log_n, r, p) {
            return Err(HashError::Unreadable(
                "asks for more scrypt memory or work than we give",
            ));
        }
        let memory = (128_usize << log_n) * r as usize;
        let log_n = u8::try_from(log_n).map_err(|_| MALFORMED)?;
        let params = Params::new(log_n, r, p).map_err(|_| MALFORMED)?;
        Ok(Self {
            params,
            stored,
            memory,
        })
    }

    /// Whether the password has this hash, as received or else in NFC.
    pub(super) fn matches(&self, password: &Password) -> Result<bool, HashError> {
        self.stored.matches(password, |password, tag| {
            is_there(self.memory)?;
            scrypt::scrypt(password, &self.stored.salt, &self.params, tag)
                .map_err(|_| HashError::Failed)
        })
    }
}

/// Asks the system for as much, and gives it back at once: where it is refused to the
/// library, the process ends. Another thread may take it in between; this keeps a lack that
/// lasts from ending the process, and not every lack.
fn is_there(bytes: usize) -> Result<(), HashError> {
    let mut memory = Vec::<u8>::new();
    let reserved = memory.try_reserve_exact(bytes);
    std::hint::black_box(&memory);
    reserved.map_err(|_| HashError::NoMemory)
}

/// The base-two logarithm of N, r, and p.
fn parameters(text: &str) -> Option<(u32, u32, u32)> {
    let rest = text.strip_prefix("ln=")?;
    let (log_n, rest) = rest.split_once(",r=")?;
    let (r, p) = rest.split_once(",p=")?;
    Some((decimal(log_n)?, decimal(r)?, decimal(p)?))
}

fn is_affordable(log_n: u32, r: u32, p: u32) -> bool {
    let memory = 1_u64
        .checked_shl(log_n)
        .and_then(|n| n.checked_mul(128))
        .and_then(|bytes| bytes.checked_mul(u64::from(r)));
    let work = memory.and_then(|bytes| bytes.checked_mul(u64::from(p)));
    memory.is_some_and(|bytes| bytes <= MAX_MEMORY) && work.is_some_and(|bytes| bytes <= MAX_WORK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(cost: &str) -> Result<StoredScrypt, HashError> {
        StoredScrypt::parse(&format!("$scrypt${cost}$c2FsdA${}", "A".repeat(43)))
    }

    #[test]
    fn what_owasp_proposes_is_affordable() {
        for (log_n, p) in [(17, 1), (16, 2), (15, 3), (14, 5), (13, 10)] {
            assert!(with(&format!("ln={log_n},r=8,p={p}")).is_ok(), "{log_n}");
        }
    }

    #[test]
    fn costs_are_bounded() {
        for cost in [
            "ln=18,r=8,p=1",
            "ln=17,r=9,p=1",
            "ln=17,r=8,p=5",
            "ln=1,r=1,p=4294967295",
            "ln=1,r=4294967295,p=1",
            "ln=1,r=4294967295,p=4294967295",
            "ln=63,r=8,p=1",
            "ln=64,r=1,p=1",
            "ln=256,r=1,p=1",
            "ln=4294967295,r=1,p=1",
        ] {
            let error = with(cost).err().expect(cost);
            assert!(error.to_string().contains("more scrypt memory"), "{cost}");
        }
        assert!(with("ln=17,r=8,p=4").is_ok());
    }

    #[test]
    fn what_is_malformed_is_unreadable() {
        for cost in [
            "",
            "ln=0,r=8,p=1",
            "ln=14,r=0,p=1",
            "ln=14,r=8,p=0",
            "ln=14,r=8",
            "r=8,ln=14,p=1",
            "ln=14,r=8,p=1,x=1",
            "ln=14, r=8,p=1",
            "ln=014,r=8,p=1",
        ] {
            let error = with(cost).err().expect(cost);
            assert!(error.to_string().contains("malformed"), "{cost}");
        }
        let tag = "A".repeat(43);
        for text in [
            "$scrypt$",
            "$scrypt$ln=14,r=8,p=1",
            &format!("$scrypt$ln=14,r=8,p=1${tag}"),
            &format!("$scrypt$ln=14,r=8,p=1$c2FsdA${tag}$"),
            &format!("$scrypt$ln=14,r=8,p=1$c2Fs.A${tag}"),
        ] {
            assert!(StoredScrypt::parse(text).is_err(), "{text}");
        }
    }
}
