//! The part after the `@`.

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

use super::EmailError;

/// The domain in its ASCII form by UTS 46 (non-transitional): lower case,
/// letters, digits and hyphens only, at least two labels.
pub(super) fn canonical(domain: &str) -> Result<String, EmailError> {
    let ascii = Uts46::new()
        .to_ascii(
            domain.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::Verify,
        )
        .map_err(|_| EmailError::Domain)?;

    let (_, top_level) = ascii.rsplit_once('.').ok_or(EmailError::DomainNotFull)?;
    // An all-digit last label is an IPv4 address, not a name (RFC 3696 section 2).
    if top_level.bytes().all(|b| b.is_ascii_digit()) {
        return Err(EmailError::Domain);
    }
    Ok(ascii.into_owned())
}
