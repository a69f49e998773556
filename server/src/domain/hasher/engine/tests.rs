//! Both implementations give the same bytes.

use super::*;

/// Numbers that look like chance and are the same each time (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn between(&mut self, least: u32, most: u32) -> u32 {
        let span = u64::from(most - least + 1);
        least + u32::try_from(self.next() % span).expect("less than the span")
    }

    fn bytes(&mut self, least: u32, most: u32) -> Vec<u8> {
        (0..self.between(least, most))
            .map(|_| self.next().to_le_bytes()[0])
            .collect()
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.between(0, u32::try_from(choices.len()).expect("few") - 1) as usize]
    }

    fn recipe(&mut self) -> Recipe {
        let lanes = self.between(1, 4);
        // Also sizes that are no multiple of four slices for each lane.
        let memory = 8 * lanes + self.between(0, 200);
        let data = self.bytes(0, 32);
        let params = argon2::ParamsBuilder::new()
            .m_cost(memory)
            .t_cost(self.between(1, 4))
            .p_cost(lanes)
            .data(argon2::AssociatedData::new(&data).expect("fits"))
            .build()
            .expect("valid");
        Recipe {
            algorithm: self.one_of(&[Algorithm::Argon2d, Algorithm::Argon2i, Algorithm::Argon2id]),
            version: self.one_of(&[Version::V0x10, Version::V0x13]),
            params,
        }
    }

    fn password(&mut self) -> Password {
        let length = self.between(0, 300);
        let characters = (0..length).map(|_| self.one_of(&['a', 'Z', '0', ' ', 'é', '密', '🔑']));
        Password::new(characters.collect())
    }
}

fn cost(memory_kib: u32) -> Argon2Cost {
    Argon2Cost::new(memory_kib, 1, 1).expect("a valid cost")
}

#[test]
fn both_give_the_same_bytes() {
    let mut chance = Chance(1);
    // Smaller than some of the hashes, so that each way through the memory is taken.
    let (mut vector, mut definition) = (Memory::vector(cost(100)), Memory::definition(cost(100)));
    for round in 0..1500 {
        let recipe = chance.recipe();
        let (password, salt) = (chance.password(), chance.bytes(8, 64));
        let mut expected = vec![0; chance.between(4, 100) as usize];
        let mut tag = expected.clone();
        definition
            .compute(&recipe, &password, &salt, &mut expected)
            .expect("computed");
        vector
            .compute(&recipe, &password, &salt, &mut tag)
            .expect("computed");
        assert_eq!(tag, expected, "round {round}: {recipe:?}");
    }
}

#[test]
fn both_give_the_same_bytes_on_the_memory_that_is_used() {
    let password = Password::new("correct horse battery staple".to_owned());
    for (memory, passes) in [(19_456, 2), (47_104, 1), (65_536, 3)] {
        let cost = Argon2Cost::new(memory, passes, 1).expect("valid");
        let recipe = cost.recipe().expect("valid");
        let [expected, tag] = [Memory::definition(cost), Memory::vector(cost)].map(|mut memory| {
            let mut tag = [0; 32];
            memory
                .compute(&recipe, &password, &[7; 16], &mut tag)
                .expect("computed");
            tag
        });
        assert_eq!(tag, expected, "{cost}");
    }
}

#[test]
fn both_refuse_the_same() {
    let recipe = Recipe {
        params: Params::new(64, 1, 1, None).expect("defined"),
        ..cost(64).recipe().expect("valid")
    };
    let password = Password::new("x".to_owned());
    for memory in [Memory::vector, Memory::definition] {
        let mut memory = memory(cost(64));
        let short_salt = memory.compute(&recipe, &password, &[0; 7], &mut [0; 32]);
        assert_eq!(short_salt, Err(HashError::Failed));
        let short_tag = memory.compute(&recipe, &password, &[0; 8], &mut [0; 3]);
        assert_eq!(short_tag, Err(HashError::Failed));
        let good = memory.compute(&recipe, &password, &[0; 8], &mut [0; 4]);
        assert_eq!(good, Ok(()));
    }
}

#[test]
fn they_agree_on_this_processor() {
    assert!(agrees());
}

#[test]
fn the_memory_is_there_before_the_first_hash_and_stays_as_it_is() {
    let password = Password::new("x".to_owned());
    for memory in [Memory::vector, Memory::definition] {
        let mut memory = memory(cost(1024));
        let held = memory.held();
        assert!(held >= 1024, "{held}");
        for size in [1024, 8, 4096, 1024] {
            let recipe = cost(size).recipe().expect("valid");
            memory
                .compute(&recipe, &password, &[0; 8], &mut [0; 32])
                .expect("computed");
            assert_eq!(memory.held(), held, "after one of {size} KiB");
        }
    }
}
