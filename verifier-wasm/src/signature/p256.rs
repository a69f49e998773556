//! ECDSA on P-256 with SHA-256 (FIPS 186-5 section 6.4, RFC 7518 section 3.4),
//! verification only.

use sha2::{Digest as _, Sha256};

use super::field::{Element, Prime};
use super::windows::{Group, GrowingTable, sum_of_multiples};
use super::words::{self, Words};

/// The prime of the coordinates (SP 800-186 section 3.2.1.3).
#[derive(Clone, Copy)]
struct Coordinate;

impl Prime for Coordinate {
    const WORDS: Words = [!0, 0xffff_ffff, 0, 0xffff_ffff_0000_0001];
    const LIMBS: [i64; 9] = [-1, 0, 0, 1 << 9, 0, 0, 1 << 18, -(1 << 21), 1 << 24];
    const NEGATED_INVERSE: i64 = 1;
    const ONE: [i32; 9] = [32, 0, 0, -16_384, 0, 0, -8_388_608, 67_108_864, 0];
    const R_SQUARED: [i32; 9] = [3072, 0, -65_536, -2_097_152, -4_194_304, 0, 0, -1, 20];
    const HIGHEST_BITS: u32 = 24;
}

/// The prime order of the group, n.
#[derive(Clone, Copy)]
struct Order;

impl Prime for Order {
    const WORDS: Words = [
        0xf3b9_cac2_fc63_2551,
        0xbce6_faad_a717_9e84,
        !0,
        0xffff_ffff_0000_0000,
    ];
    const LIMBS: [i64; 9] = [
        -60_611_247,
        -36_809_192,
        99_066_173,
        234_183_502,
        -1074,
        0,
        1 << 18,
        -(1 << 21),
        1 << 24,
    ];
    const NEGATED_INVERSE: i64 = 234_929_231;
    const ONE: [i32; 9] = [
        -207_923_744,
        104_152_324,
        51_107_938,
        22_320_698,
        34_354,
        0,
        -8_388_608,
        67_108_864,
        0,
    ];
    const R_SQUARED: [i32; 9] = [
        -192_045_323,
        256_802_678,
        -188_307_887,
        66_631_526,
        -161_979_919,
        -229_189_671,
        -65_512_668,
        223_128_336,
        8_697_429,
    ];
    const HIGHEST_BITS: u32 = 24;
}

type Fe = Element<Coordinate>;

/// The curve's b.
const B: Words = [
    0x3bce_3c3e_27d2_604b,
    0x651d_06b0_cc53_b0f6,
    0xb3eb_bd55_7698_86bc,
    0x5ac6_35d8_aa3a_93e7,
];

/// The base point, G.
const BASE: [Words; 2] = [
    [
        0xf4a1_3945_d898_c296,
        0x7703_7d81_2deb_33a0,
        0xf8bc_e6e5_63a4_40f2,
        0x6b17_d1f2_e12c_4247,
    ],
    [
        0xcbb6_4068_37bf_51f5,
        0x2bce_3357_6b31_5ece,
        0x8ee7_eb4a_7c0f_9e16,
        0x4fe3_42e2_fe1a_7f9b,
    ],
];

/// A public key.
pub(super) struct P256Key {
    point: Affine,
    multiples: GrowingTable<P256>,
}

impl P256Key {
    /// From big-endian coordinates. `None` when they are not below the prime or
    /// not a point of the curve. The point at infinity has no coordinates.
    pub(super) fn new(x: &[u8; 32], y: &[u8; 32]) -> Option<Self> {
        let coordinate = |bytes| {
            let words = words::from_be_bytes(bytes);
            words::is_below(&words, &Coordinate::WORDS).then(|| Fe::from_words(&words))
        };
        let point = Affine {
            x: coordinate(x)?,
            y: coordinate(y)?,
        };
        point.is_on_curve().then(|| Self {
            point,
            multiples: GrowingTable::new(),
        })
    }

    /// Whether `signature` is this key's on `message`.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        // R and S, 32 bytes each, neither zero nor too large.
        let (halves, []) = signature.as_chunks::<32>() else {
            return false;
        };
        let [r, s] = halves else {
            return false;
        };
        let (r, s) = (words::from_be_bytes(r), words::from_be_bytes(s));
        if [r, s].iter().any(|number| !is_scalar(number)) {
            return false;
        }
        let hash = words::from_be_bytes(&Sha256::digest(message).into());
        let inverse = Element::<Order>::from_words(&s).inverse();
        let of_base = (Element::from_words(&hash) * inverse).to_words();
        let of_key = (Element::from_words(&r) * inverse).to_words();

        let base = || Some(base().into());
        let key = || Some(self.point.into());
        let point = sum_of_multiples([
            (MULTIPLES_OF_BASE.table(base), of_base),
            (self.multiples.table(key), of_key),
        ]);
        let is_good = point.is_some_and(|point| point.has_x(&r));
        if is_good {
            MULTIPLES_OF_BASE.has_helped(base);
            self.multiples.has_helped(key);
        }
        is_good
    }
}

/// Whether a number is from 1 to n - 1.
fn is_scalar(number: &Words) -> bool {
    *number != [0; 4] && words::is_below(number, &Order::WORDS)
}

static MULTIPLES_OF_BASE: GrowingTable<P256> = GrowingTable::new();

fn base() -> Affine {
    let [x, y] = BASE.map(|words| Fe::from_words(&words));
    Affine { x, y }
}

struct P256;

/// A point other than infinity.
#[derive(Clone, Copy)]
struct Affine {
    x: Fe,
    y: Fe,
}

/// (x / z², y / z³). Limbs: x and y of one unit, z of two.
#[derive(Clone, Copy)]
struct Jacobian {
    x: Fe,
    y: Fe,
    z: Fe,
}

impl Affine {
    /// y² = x³ - 3x + b.
    fn is_on_curve(&self) -> bool {
        let three = Fe::ONE + Fe::ONE + Fe::ONE;
        let right = (self.x.square() - three) * self.x + Fe::from_words(&B);
        (self.y.square() - right).is_zero()
    }
}

impl From<Affine> for Jacobian {
    fn from(Affine { x, y }: Affine) -> Self {
        Self { x, y, z: Fe::ONE }
    }
}

impl Jacobian {
    /// Whether the affine x, a number below the prime, is `r` modulo n. The
    /// denominator is brought to the other side: an inverse costs more.
    fn has_x(&self, r: &Words) -> bool {
        let squared = self.z.square();
        let is_x = |x: &Words| (Fe::from_words(x) * squared - self.x).is_zero();
        let (above, overflows) = words::add(r, &Order::WORDS);
        is_x(r) || (!overflows && words::is_below(&above, &Coordinate::WORDS) && is_x(&above))
    }

    /// "dbl-2001-b" of the Explicit-Formulas Database.
    fn double(&self) -> Self {
        let Self { x, y, z } = *self;
        let delta = z.square();
        let gamma = y.square();
        let beta = x * gamma;
        let alpha = Fe::sum_of([(3, (x - delta) * (x + delta))]);
        let new_x = Fe::sum_of([(1, alpha.square()), (-8, beta)]);
        let to_new_x = Fe::sum_of([(4, beta), (-1, new_x)]);
        let new_z = y * z;
        Self {
            x: new_x,
            y: Fe::sum_of([(1, alpha * to_new_x), (-8, gamma.square())]),
            z: new_z + new_z,
        }
    }

    /// Adds a point with z = 1: "madd" of Cohen, Miyaji and Ono 1998. `None` is
    /// infinity.
    fn add(&self, other: &Affine) -> Option<Self> {
        let Self { x, y, z } = *self;
        let z_squared = z.square();
        let h = other.x * z_squared - x;
        let r = other.y * (z_squared * z) - y;
        if h.is_zero() {
            // The same x: the same point, or its negative.
            return r.is_zero().then(|| self.double());
        }
        let h_squared = h.square();
        let h_cubed = h * h_squared;
        let v = x * h_squared;
        let new_x = Fe::sum_of([(1, r.square()), (-1, h_cubed), (-2, v)]);
        Some(Self {
            x: new_x,
            y: Fe::sum_of([(1, r * (v - new_x)), (-1, y * h_cubed)]),
            z: z * h,
        })
    }
}

impl Group for P256 {
    /// `None` is infinity.
    type Point = Option<Jacobian>;
    type Entry = Affine;

    const IDENTITY: Self::Point = None;

    fn double(point: &Self::Point) -> Self::Point {
        // The order is odd: no point is its own negative.
        point.map(|point| point.double())
    }

    fn add(point: &Self::Point, entry: &Affine) -> Self::Point {
        match point {
            Some(point) => point.add(entry),
            None => Some((*entry).into()),
        }
    }

    fn negated(entry: &Affine) -> Affine {
        Affine {
            x: entry.x,
            y: -entry.y,
        }
    }

    fn entries(points: &[Self::Point]) -> Vec<Affine> {
        let points: Vec<Jacobian> = points.iter().copied().flatten().collect();
        let denominators: Vec<Fe> = points.iter().map(|point| point.z).collect();
        points
            .iter()
            .zip(Fe::inverses(&denominators))
            .map(|(point, inverse)| {
                let squared = inverse.square();
                Affine {
                    x: point.x * squared,
                    y: point.y * (squared * inverse),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use ::p256::ecdsa::{
        Signature, SigningKey, VerifyingKey,
        signature::{Signer as _, Verifier as _},
    };

    use super::{Coordinate, Order, P256Key};
    use crate::{
        signature::{
            field,
            words::{self, Words},
        },
        testing::Sequence,
    };

    fn be_bytes(words: &Words) -> [u8; 32] {
        let mut bytes = words::to_le_bytes(words);
        bytes.reverse();
        bytes
    }

    /// The key as we read it and as the crate does, which must agree.
    fn keys(private: &SigningKey) -> (P256Key, VerifyingKey) {
        let theirs = *private.verifying_key();
        let point = theirs.to_encoded_point(false);
        let coordinate = |bytes: Option<&_>| <[u8; 32]>::from(*bytes.expect("a coordinate"));
        let ours = P256Key::new(&coordinate(point.x()), &coordinate(point.y()));
        (ours.expect("a good key"), theirs)
    }

    fn verdict(ours: &P256Key, theirs: &VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
        let expected = Signature::from_slice(signature)
            .is_ok_and(|signature| theirs.verify(message, &signature).is_ok());
        // Before and, after a good one, with the table.
        for _ in 0..2 {
            let verdict = ours.verify(message, signature);
            assert_eq!(verdict, expected, "{message:?} {signature:?}");
        }
        expected
    }

    #[test]
    fn both_fields() {
        field::tests::agrees_with_another_implementation::<Coordinate>();
        field::tests::agrees_with_another_implementation::<Order>();
    }

    #[test]
    fn signatures_are_judged_as_by_another_implementation() {
        let mut random = Sequence::new(5);
        for round in 0..60 {
            let mut secret = [0; 32];
            match round {
                // The base point's small multiples and their negatives, where
                // additions meet equal and opposite points.
                0..20 => {
                    let small = [round / 2 + 1, 0, 0, 0];
                    let negative = words::subtract(&<Order as field::Prime>::WORDS, &small);
                    secret = be_bytes(if round % 2 == 0 { &small } else { &negative });
                }
                _ => random.fill(&mut secret),
            }
            let private = SigningKey::from_slice(&secret).expect("a scalar");
            let (ours, theirs) = keys(&private);
            let mut message = vec![0; random.below(100)];
            random.fill(&mut message);
            let signature: Signature = private.sign(&message);
            let mut signature: [u8; 64] = signature.to_bytes().into();
            let at = random.below(512);
            signature[at / 8] ^= 1 << (at % 8);
            assert!(!verdict(&ours, &theirs, &message, &signature));
            signature[at / 8] ^= 1 << (at % 8);
            assert!(verdict(&ours, &theirs, &message, &signature));
            // The other S that satisfies the equation.
            let (r, s) = signature.split_at(32);
            let s = words::from_be_bytes(s.try_into().expect("32 bytes"));
            let other = words::subtract(&<Order as field::Prime>::WORDS, &s);
            let other = [r, &be_bytes(&other)].concat();
            assert!(verdict(&ours, &theirs, &message, &other));
            message.push(0);
            assert!(!verdict(&ours, &theirs, &message, &signature));
        }
    }

    #[test]
    fn numbers_at_the_edges() {
        let n = <Order as field::Prime>::WORDS;
        let one = [1, 0, 0, 0];
        let edges = [
            [0; 4],
            one,
            words::subtract(&n, &one),
            n,
            words::add(&n, &one).0,
            // The prime of the coordinates less n: the largest R, and the
            // first beyond, of an x above n.
            words::subtract(&<Coordinate as field::Prime>::WORDS, &n),
            [!0; 4],
        ];
        for secret in 1..=3 {
            let private = SigningKey::from_slice(&be_bytes(&[secret, 0, 0, 0])).expect("a scalar");
            let (ours, theirs) = keys(&private);
            for r in &edges {
                for s in &edges {
                    let signature = [be_bytes(r), be_bytes(s)].concat();
                    verdict(&ours, &theirs, b"message", &signature);
                }
            }
        }
        let (ours, theirs) = keys(&SigningKey::from_slice(&[7; 32]).expect("a scalar"));
        for length in [0, 32, 63, 65, 96, 128] {
            assert!(!verdict(&ours, &theirs, b"", &vec![1; length]));
        }
    }

    /// u1·G and u2·Q meet in equal points and in opposite ones: with the key
    /// d·G and r = e / d they are the same, with r = -e / d they cancel out.
    #[test]
    fn equal_and_opposite_points_are_added() {
        use sha2::{Digest as _, Sha256};

        type Scalar = super::Element<Order>;
        for secret in [1, 2, 3, 1000] {
            let secret = [secret, 0, 0, 0];
            let private = SigningKey::from_slice(&be_bytes(&secret)).expect("a scalar");
            let (ours, theirs) = keys(&private);
            for index in 0..10_u8 {
                let message = [index];
                let hash = words::from_be_bytes(&Sha256::digest(message).into());
                let quotient = Scalar::from_words(&hash) * Scalar::from_words(&secret).inverse();
                for r in [quotient.to_words(), (-quotient).to_words()] {
                    for s in [[1, 0, 0, 0], r, [77, 0, 0, 0]] {
                        let signature = [be_bytes(&r), be_bytes(&s)].concat();
                        verdict(&ours, &theirs, &message, &signature);
                    }
                }
            }
        }
    }

    #[test]
    fn keys_are_points_of_the_curve() {
        let mut random = Sequence::new(6);
        let (mut x, mut y) = ([0; 32], [0; 32]);
        for _ in 0..100 {
            random.fill(&mut x);
            random.fill(&mut y);
            assert!(P256Key::new(&x, &y).is_none());
        }
        // x = 0 belongs to the root of b; with x = p it has another encoding.
        let root = "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4";
        let y: [u8; 32] = std::array::from_fn(|index| {
            u8::from_str_radix(&root[2 * index..2 * index + 2], 16).expect("hexadecimal")
        });
        assert!(P256Key::new(&[0; 32], &y).is_some());
        let p = be_bytes(&<Coordinate as field::Prime>::WORDS);
        assert!(P256Key::new(&p, &y).is_none());
        assert!(P256Key::new(&[0; 32], &[0; 32]).is_none());
    }
}
