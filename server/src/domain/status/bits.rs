//! The form of a list: a bit for each place, 1 for a token that is not good any more,
//! compressed with zlib (draft-ietf-oauth-status-list section 4).

use miniz_oxide::deflate::compress_to_vec_zlib;

use super::LIST_SIZE;
use crate::domain::encoding::base64url;

/// The highest level, as the draft recommends. Nearly all of a list is zeros.
const LEVEL: u8 = 9;

/// The member `lst` of a list in which these places are revoked.
#[must_use]
pub fn encode(revoked: &[u32]) -> String {
    base64url(&compress_to_vec_zlib(&bits(revoked), LEVEL))
}

/// A byte has eight places, the first in its lowest bit.
fn bits(revoked: &[u32]) -> Vec<u8> {
    let mut bits = vec![0_u8; LIST_SIZE as usize / 8];
    for offset in revoked {
        if let Some(byte) = bits.get_mut(*offset as usize / 8) {
            *byte |= 1 << (offset % 8);
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use miniz_oxide::inflate::decompress_to_vec_zlib;

    use super::*;
    use crate::domain::encoding::from_base64url;

    #[test]
    fn the_first_place_is_the_lowest_bit() {
        // The example of section 4.1: 0, 3, 4, 5, 7, 8, 9, 13 and 15 are 1.
        let bits = bits(&[0, 3, 4, 5, 7, 8, 9, 13, 15]);
        assert_eq!(bits[..3], [0xb9, 0xa3, 0]);
        assert_eq!(bits.len(), 131_072);
    }

    #[test]
    fn what_is_encoded_comes_back() {
        let revoked: Vec<u32> = (0..LIST_SIZE)
            .step_by(7919)
            .chain([LIST_SIZE - 1])
            .collect();
        let compressed = from_base64url(&encode(&revoked)).expect("base64url");
        let inflated = decompress_to_vec_zlib(&compressed).expect("zlib");
        assert_eq!(inflated, bits(&revoked));
    }

    #[test]
    fn a_list_without_a_revoked_token_is_small() {
        assert!(encode(&[]).len() < 300, "{}", encode(&[]).len());
    }
}
