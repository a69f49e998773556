//! Clients: programs, such as resource servers, that may ask about tokens
//! (RFC 7662 section 2.1). An operator makes them at the command line.
//!
//! A client's secret is 256 random bits, made here. What is stored is its SHA-256: a slow
//! hash protects passwords because people choose them, and of a random secret there is
//! nothing to guess, however fast a guess is. So a client can be checked on every request
//! without the cost of a sign-in, and a stolen database yields no secret.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use zeroize::Zeroizing;

use super::clock::Timestamp;
use super::context::WriteContext;
use super::encoding::base64url;
use super::entropy::{Entropy, random_bytes};
use super::error::{Error, Result};
use super::ids::ClientId;
use super::sha256::sha256;
use crate::storage::SharedStorage;

/// A client as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The identifier, `client_id` in requests.
    pub id: ClientId,
    /// What operators call it; no two have the same.
    pub name: ClientName,
    /// What is stored of its secret.
    pub secret: SecretHash,
    /// When it was added.
    pub created_at: Timestamp,
}

/// SHA-256 of a client's secret as the client sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretHash(pub [u8; 32]);

/// The name of a client: 1 to 100 characters, none of them a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientName(String);

impl ClientName {
    /// The most characters that it has.
    pub const MAX: usize = 100;

    /// Takes a name, without the white space around it.
    ///
    /// # Errors
    ///
    /// [`InvalidClientName`] when it is empty, too long, or would not stay on its line.
    pub fn parse(text: &str) -> Result<Self, InvalidClientName> {
        let name = text.trim();
        let fits = (1..=Self::MAX).contains(&name.chars().count());
        if !fits || name.chars().any(char::is_control) {
            return Err(InvalidClientName);
        }
        Ok(Self(name.to_owned()))
    }

    /// A name that was checked before it was stored.
    pub(crate) const fn from_stored(name: String) -> Self {
        Self(name)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no name of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a client's name has 1 to {} characters and no control characters",
    ClientName::MAX
)]
pub struct InvalidClientName;

/// A client's secret, in the only moment in which it is known here.
pub struct ClientSecret(Zeroizing<String>);

impl ClientSecret {
    /// Makes one of 256 random bits.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let bytes = Zeroizing::new(random_bytes::<32>(entropy));
        Self(Zeroizing::new(base64url(&*bytes)))
    }

    /// The text, for whoever is to keep it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        hash(&self.0)
    }
}

/// Shows nothing.
impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(…)")
    }
}

fn hash(secret: &str) -> SecretHash {
    SecretHash(sha256(&[secret.as_bytes()]))
}

/// The use cases of clients.
pub struct Clients {
    storage: SharedStorage,
    entropy: Arc<dyn Entropy>,
}

impl Clients {
    /// The use cases over `storage`.
    #[must_use]
    pub fn new(storage: SharedStorage, entropy: Arc<dyn Entropy>) -> Self {
        Self { storage, entropy }
    }

    /// Makes a client with a new secret, which is known only now. `None` when another has
    /// the name.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`], as all of these.
    pub async fn add(
        &self,
        cx: &WriteContext,
        name: ClientName,
    ) -> Result<Option<(Client, ClientSecret)>> {
        let secret = ClientSecret::generate(&*self.entropy);
        let client = Client {
            id: ClientId::new(cx.now, &*self.entropy),
            name,
            secret: secret.hash(),
            created_at: cx.now,
        };
        let is_new = self.storage.add_client(cx, &client).await?;
        Ok(is_new.then_some((client, secret)))
    }

    /// Every client, by name.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`].
    pub async fn list(&self) -> Result<Vec<Client>> {
        Ok(self.storage.clients().await?)
    }

    /// Forgets a client, whose next request is refused. Says whether there was one.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`].
    pub async fn remove(&self, cx: &WriteContext, name: &ClientName) -> Result<bool> {
        Ok(self.storage.remove_client(cx, name).await?)
    }

    /// The client that these credentials are of.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidClient`], which does not say which of the two is wrong, and
    /// [`Error::Storage`].
    pub async fn authenticate(&self, id: &str, secret: &str) -> Result<Client> {
        let client = match id.parse::<ClientId>() {
            Ok(id) => self.storage.client(id).await?,
            Err(_) => None,
        };
        let given = hash(secret).0;
        match client {
            Some(client) if verify_slices_are_equal(&given, &client.secret.0).is_ok() => Ok(client),
            known => {
                // What was given is not logged: it may be the secret, in the wrong place.
                let client = known.map(|client| client.name.to_string());
                tracing::warn!(client, "the credentials of a client are wrong");
                Err(Error::InvalidClient)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entropy::SystemEntropy;

    #[test]
    fn names_are_short_and_on_one_line() {
        let name = |text: &str| ClientName::parse(text).map(|name| name.to_string());
        assert_eq!(name(" API gateway ").as_deref(), Ok("API gateway"));
        assert!(name(&"é".repeat(100)).is_ok());
        for text in ["", "  ", "a\nb", "a\u{7f}", &"é".repeat(101)] {
            assert_eq!(name(text), Err(InvalidClientName), "{text:?}");
        }
    }

    #[test]
    fn a_secret_is_256_bits_that_debug_does_not_show() {
        let secret = ClientSecret::generate(&SystemEntropy);
        assert_eq!(secret.expose().len(), 43);
        assert_ne!(secret.hash(), ClientSecret::generate(&SystemEntropy).hash());
        assert!(!format!("{secret:?}").contains(secret.expose()));
    }

    #[test]
    fn what_is_stored_is_sha_256_of_the_text() {
        // FIPS 180-4, the example "abc".
        assert_eq!(hash("abc").0[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}
