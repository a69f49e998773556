//! Randomness as an argument.

/// A source of random bytes that nobody can predict.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// `N` random bytes from `entropy`.
#[must_use]
pub fn random_bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

/// The operating system's generator, by way of AWS-LC.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the system for randomness"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness no token may be issued and no password hashed: there is
        // nothing sensible left to do, and AWS-LC itself aborts rather than fail here.
        aws_lc_rs::rand::fill(bytes).expect("the operating system's random generator works");
    }
}
