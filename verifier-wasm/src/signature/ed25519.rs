//! Ed25519 (RFC 8032 section 5.1.7), verification only, by the strictest of the
//! rules in use: one encoding for each key and each R, neither of small order,
//! S below the order, and the equation without the cofactor.

use sha2::{Digest as _, Sha512};

use super::field::{Element, Prime};
use super::windows::{Group, GrowingTable, sum_of_multiples};
use super::words::{self, Words};
use crate::KeyError;

/// 2^255 - 19, the prime of the coordinates.
#[derive(Clone, Copy)]
struct Coordinate;

impl Prime for Coordinate {
    const WORDS: Words = [!0 - 18, !0, !0, !0 >> 1];
    const LIMBS: [i64; 9] = [-19, 0, 0, 0, 0, 0, 0, 0, 1 << 23];
    const NEGATED_INVERSE: i64 = 141_281_819;
    const ONE: [i32; 9] = [1216, 0, 0, 0, 0, 0, 0, 0, 0];
    const R_SQUARED: [i32; 9] = [1216 * 1216, 0, 0, 0, 0, 0, 0, 0, 0];
    const HIGHEST_BITS: u32 = 23;
}

/// The prime order of the base point, L.
#[derive(Clone, Copy)]
struct Order;

impl Prime for Order {
    const WORDS: Words = [0x5812_631a_5cf5_d3ed, 0x14de_f9de_a2f7_9cd6, 0, 1 << 60];
    const LIMBS: [i64; 9] = [
        -50_998_291,
        9_640_147,
        -35_179_114,
        -34_357_946,
        334,
        0,
        0,
        0,
        1 << 20,
    ];
    const NEGATED_INVERSE: i64 = -229_343_717;
    const ONE: [i32; 9] = [
        -246_547_987,
        -94_276_860,
        259_787_149,
        -159_829_657,
        -170_641,
        0,
        0,
        0,
        1 << 20,
    ];
    const R_SQUARED: [i32; 9] = [
        190_815_506,
        -32_236_777,
        -175_276_226,
        -197_183_656,
        -109_914_238,
        70_249_341,
        -51_460_291,
        -31_961_825,
        328_814,
    ];
    const HIGHEST_BITS: u32 = 20;
}

type Fe = Element<Coordinate>;

/// The curve's d, -121665 / 121666.
const D: Words = [
    0x75eb_4dca_1359_78a3,
    0x0070_0a4d_4141_d8ab,
    0x8cc7_4079_7779_e898,
    0x5203_6cee_2b6f_fe73,
];

/// A square root of -1.
const ROOT_OF_MINUS_ONE: Words = [
    0xc4ee_1b27_4a0e_a0b0,
    0x2f43_1806_ad2f_e478,
    0x2b4d_0099_3dfb_d7a7,
    0x2b83_2480_4fc1_df0b,
];

/// The base point, B.
const BASE: [Words; 2] = [
    [
        0xc956_2d60_8f25_d51a,
        0x692c_c760_9525_a7b2,
        0xc0a4_e231_fdd6_dc5c,
        0x2169_36d3_cd6e_53fe,
    ],
    [
        0x6666_6666_6666_6658,
        0x6666_6666_6666_6666,
        0x6666_6666_6666_6666,
        0x6666_6666_6666_6666,
    ],
];

/// 2^256 modulo L.
const TWO_TO_256: Words = [
    0xd6ec_3174_8d98_951d,
    0xc6ef_5bf4_737d_cf70,
    0xffff_ffff_ffff_fffe,
    0x0fff_ffff_ffff_ffff,
];

/// A public key, A.
pub(super) struct Ed25519Key {
    encoded: [u8; 32],
    /// -A.
    negated: Extended,
    /// Of -A.
    multiples: GrowingTable<Ed25519>,
}

impl Ed25519Key {
    /// From the encoding of RFC 8032 section 5.1.5.
    pub(super) fn new(encoded: &[u8; 32]) -> Result<Self, KeyError> {
        let (sign, y) = split(encoded);
        if !words::is_below(&y, &Coordinate::WORDS) {
            return Err(KeyError::new(
                "the Ed25519 key is not in its canonical encoding",
            ));
        }
        let y = Fe::from_words(&y);
        let x = recover_x(y, sign)
            .ok_or_else(|| KeyError::new("the Ed25519 key is not a point of the curve"))?;
        let negated = Extended::from_affine(-x, y);
        if negated.has_small_order() {
            return Err(KeyError::new("the Ed25519 key has small order"));
        }
        Ok(Self {
            encoded: *encoded,
            negated,
            multiples: GrowingTable::new(),
        })
    }

    /// Whether `signature` is this key's on `message`.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let (halves, []) = signature.as_chunks::<32>() else {
            return false;
        };
        let [r, s] = halves else {
            return false;
        };
        let s = words::from_le_bytes(s);
        if !words::is_below(&s, &Order::WORDS) {
            return false;
        }
        let k = Sha512::new()
            .chain_update(r)
            .chain_update(self.encoded)
            .chain_update(message)
            .finalize();
        let k = modulo_order(&k.into());

        let negated = || self.negated;
        // R = sB - kA. Compared in its encoding, R of a good signature is
        // canonical and on the curve without being decoded.
        let point = sum_of_multiples([
            (MULTIPLES_OF_BASE.table(base), s),
            (self.multiples.table(negated), k),
        ]);
        let is_good = !point.has_small_order() && point.encode() == *r;
        if is_good {
            MULTIPLES_OF_BASE.has_helped(base);
            self.multiples.has_helped(negated);
        }
        is_good
    }
}

/// The sign of x and the number y in the encoding of a point.
fn split(encoded: &[u8; 32]) -> (bool, Words) {
    let mut y = words::from_le_bytes(encoded);
    let sign = y[3] >> 63 == 1;
    y[3] &= !0 >> 1;
    (sign, y)
}

/// RFC 8032 section 5.1.3. A zero with a sign passes: it belongs to points of
/// small order only.
fn recover_x(y: Fe, is_negative: bool) -> Option<Fe> {
    // (p - 5) / 8
    const EXPONENT: Words = [!0 - 2, !0, !0, !0 >> 4];
    let y_squared = y.square();
    let u = (y_squared - Fe::ONE).reduced();
    let v = (y_squared * Fe::from_words(&D) + Fe::ONE).reduced();
    let v_cubed = v.square() * v;
    let root = u * v_cubed * (u * v_cubed.square() * v).power(&EXPONENT);
    let square = v * root.square();
    let x = if (square - u).is_zero() {
        root
    } else if (square + u).is_zero() {
        root * Fe::from_words(&ROOT_OF_MINUS_ONE)
    } else {
        return None;
    };
    Some(if is_odd(x) == is_negative { x } else { -x })
}

fn is_odd(x: Fe) -> bool {
    x.to_words()[0] % 2 == 1
}

/// 64 little-endian bytes modulo L.
fn modulo_order(bytes: &[u8; 64]) -> Words {
    let (halves, _) = bytes.as_chunks::<32>();
    let [low, high] = [0, 1].map(|index| {
        let words = words::from_le_bytes(&halves[index]);
        Element::<Order>::from_words(&words)
    });
    (low + high * Element::from_words(&TWO_TO_256)).to_words()
}

static MULTIPLES_OF_BASE: GrowingTable<Ed25519> = GrowingTable::new();

fn base() -> Extended {
    let [x, y] = BASE.map(|words| Fe::from_words(&words));
    Extended::from_affine(x, y)
}

struct Ed25519;

/// (x / z, y / z), and t = xy / z. Limbs of one unit.
#[derive(Clone, Copy)]
struct Extended {
    x: Fe,
    y: Fe,
    z: Fe,
    t: Fe,
}

/// An affine point as it is added: y + x, y - x and 2dxy. Limbs of one unit.
#[derive(Clone, Copy)]
struct Niels {
    sum: Fe,
    difference: Fe,
    product: Fe,
}

impl Extended {
    fn from_affine(x: Fe, y: Fe) -> Self {
        Self {
            x,
            y,
            z: Fe::ONE,
            t: x * y,
        }
    }

    fn encode(&self) -> [u8; 32] {
        let inverse = self.z.inverse();
        let mut encoded = words::to_le_bytes(&(self.y * inverse).to_words());
        encoded[31] |= u8::from(is_odd(self.x * inverse)) << 7;
        encoded
    }

    /// Whether eight times the point is the identity.
    fn has_small_order(&self) -> bool {
        let eightfold = self.double().double().double();
        eightfold.x.is_zero() && (eightfold.y - eightfold.z).is_zero()
    }

    /// "dbl-2008-hwcd" of Hisil, Wong, Carter and Dawson 2008, with a = -1.
    fn double(&self) -> Self {
        let a = self.x.square();
        let b = self.y.square();
        let z_squared = self.z.square();
        let h = a + b;
        let e = h - (self.x + self.y).square();
        let g = a - b;
        let f = z_squared + z_squared + g;
        Self {
            x: e * f,
            y: g * h,
            z: f * g,
            t: e * h,
        }
    }

    /// "madd-2008-hwcd-3", complete on this curve: no case is special.
    fn add(&self, other: &Niels) -> Self {
        let a = (self.y - self.x) * other.difference;
        let b = (self.y + self.x) * other.sum;
        let c = self.t * other.product;
        let d = self.z + self.z;
        let (e, f, g, h) = (b - a, d - c, d + c, b + a);
        Self {
            x: e * f,
            y: g * h,
            z: f * g,
            t: e * h,
        }
    }
}

impl Group for Ed25519 {
    type Point = Extended;
    type Entry = Niels;

    const IDENTITY: Extended = Extended {
        x: Fe::ZERO,
        y: Fe::ONE,
        z: Fe::ONE,
        t: Fe::ZERO,
    };

    fn double(point: &Extended) -> Extended {
        point.double()
    }

    fn add(point: &Extended, entry: &Niels) -> Extended {
        point.add(entry)
    }

    fn negated(entry: &Niels) -> Niels {
        Niels {
            sum: entry.difference,
            difference: entry.sum,
            product: -entry.product,
        }
    }

    fn entries(points: &[Extended]) -> Vec<Niels> {
        let d = Fe::from_words(&D);
        let denominators: Vec<Fe> = points.iter().map(|point| point.z).collect();
        points
            .iter()
            .zip(Fe::inverses(&denominators))
            .map(|(point, inverse)| {
                let (x, y) = (point.x * inverse, point.y * inverse);
                Niels {
                    sum: (y + x).reduced(),
                    difference: (y - x).reduced(),
                    product: Fe::sum_of([(2, x * y * d)]),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
    use sha2::{Digest as _, Sha512};

    use super::{
        Coordinate, Ed25519, Ed25519Key, Extended, Fe, Group as _, MULTIPLES_OF_BASE, Order, base,
    };
    use crate::{
        signature::{
            field,
            field::Prime as _,
            windows::{Table, sum_of_multiples},
            words::{self, Words},
        },
        testing::Sequence,
    };

    type Scalar = super::Element<Order>;

    fn verdict(encoded: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
        let expected = VerifyingKey::from_bytes(encoded).is_ok_and(|key| {
            Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
        });
        let Ok(key) = Ed25519Key::new(encoded) else {
            assert!(!expected, "{encoded:?}");
            return false;
        };
        // Before and, after a good one, with the table.
        for _ in 0..2 {
            let verdict = key.verify(message, signature);
            assert_eq!(verdict, expected, "{encoded:?} {message:?} {signature:?}");
        }
        expected
    }

    fn random_scalar(random: &mut Sequence) -> Words {
        Scalar::from_words(&std::array::from_fn(|_| random.next())).to_words()
    }

    fn times_base(scalar: Words) -> Extended {
        let table = MULTIPLES_OF_BASE.table(base);
        sum_of_multiples([(table, scalar), (table, [0; 4])])
    }

    fn sum(a: &Extended, b: &Extended) -> Extended {
        a.add(&Ed25519::entries(&[*b])[0])
    }

    /// The eight points of small order.
    fn small_order() -> Vec<Extended> {
        let mut generator = Ed25519::IDENTITY;
        let mut y = 2;
        while generator.double().double().y.is_zero()
            || (generator.double().double().y - generator.double().double().z).is_zero()
        {
            // L times any point lies in the small group.
            let point = loop {
                y += 1;
                let y = Fe::from_words(&[y, 0, 0, 0]);
                if let Some(x) = super::recover_x(y, false) {
                    break Extended::from_affine(x, y);
                }
            };
            let table = Table::<Ed25519>::new(point, 1);
            generator = sum_of_multiples([
                (&table, Order::WORDS),
                (MULTIPLES_OF_BASE.table(base), [0; 4]),
            ]);
        }
        let mut points = vec![Ed25519::IDENTITY];
        for index in 0..7 {
            points.push(sum(&points[index], &generator));
        }
        points
    }

    #[test]
    fn both_fields() {
        field::tests::agrees_with_another_implementation::<Coordinate>();
        field::tests::agrees_with_another_implementation::<Order>();
    }

    #[test]
    fn signatures_are_judged_as_by_another_implementation() {
        let mut random = Sequence::new(8);
        for _ in 0..60 {
            let mut secret = [0; 32];
            random.fill(&mut secret);
            let private = SigningKey::from_bytes(&secret);
            let encoded = private.verifying_key().to_bytes();
            let mut message = vec![0; random.below(100)];
            random.fill(&mut message);
            let mut signature = private.sign(&message).to_bytes();
            assert!(verdict(&encoded, &message, &signature));
            let at = random.below(512);
            signature[at / 8] ^= 1 << (at % 8);
            assert!(!verdict(&encoded, &message, &signature));
            signature[at / 8] ^= 1 << (at % 8);
            // S + L satisfies the equation too.
            let s = words::from_le_bytes(signature[32..].try_into().expect("32 bytes"));
            let above = words::to_le_bytes(&words::add(&s, &Order::WORDS).0);
            assert!(!verdict(
                &encoded,
                &message,
                &[&signature[..32], &above].concat()
            ));
            for length in [0, 32, 63, 65, 96] {
                let cut = signature.iter().cycle().take(length).copied();
                assert!(!verdict(&encoded, &message, &cut.collect::<Vec<u8>>()));
            }
            message.push(0);
            assert!(!verdict(&encoded, &message, &signature));
        }
    }

    /// Where lenient rules part: keys and R with a part of small order, which
    /// satisfy the equation after multiplying by the cofactor.
    #[test]
    fn parts_of_small_order() {
        let mut random = Sequence::new(9);
        let small = small_order();
        assert!(small.iter().all(Extended::has_small_order));
        let (mut good, mut bad) = (0, 0);
        for of_key in &small {
            for of_r in &small {
                for round in 0..6_u8 {
                    let (a, r) = (random_scalar(&mut random), random_scalar(&mut random));
                    // Now and then, nothing but the part of small order.
                    let a = if round == 0 { [0; 4] } else { a };
                    let r = if round == 1 { [0; 4] } else { r };
                    let encoded = sum(&times_base(a), of_key).encode();
                    let encoded_r = sum(&times_base(r), of_r).encode();
                    let hash = Sha512::new()
                        .chain_update(encoded_r)
                        .chain_update(encoded)
                        .chain_update([round])
                        .finalize();
                    let k = super::modulo_order(&hash.into());
                    let product = Scalar::from_words(&k) * Scalar::from_words(&a);
                    let s = words::to_le_bytes(&(Scalar::from_words(&r) + product).to_words());
                    let signature = [encoded_r, s].concat();
                    match verdict(&encoded, &[round], &signature) {
                        true => good += 1,
                        false => bad += 1,
                    }
                }
            }
        }
        assert!(good > 20 && bad > 200, "{good} good, {bad} bad");
    }

    #[test]
    fn encodings_are_read_as_by_another_implementation() {
        let mut random = Sequence::new(10);
        let mut good = 0;
        let mut check = |encoded: &[u8; 32]| {
            let (_, y) = super::split(encoded);
            let expected = words::is_below(&y, &Coordinate::WORDS)
                && VerifyingKey::from_bytes(encoded).is_ok_and(|key| !key.is_weak());
            assert_eq!(Ed25519Key::new(encoded).is_ok(), expected, "{encoded:?}");
            good += u32::from(expected);
        };
        let mut encoded = [0; 32];
        for _ in 0..300 {
            random.fill(&mut encoded);
            check(&encoded);
        }
        for low in 0..=u8::MAX {
            for (rest, last) in [(0, 0), (0, 0x80), (0xff, 0x7f), (0xff, 0xff)] {
                encoded = [rest; 32];
                (encoded[0], encoded[31]) = (low, last);
                check(&encoded);
            }
        }
        assert!(good > 300, "only {good} were keys");
    }
}
