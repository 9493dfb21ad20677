//! Bytes of any format: single bits turned, and ends cut off.

use super::Mutation;
use crate::rng::Seeded;

/// `count` variants with one bit turned each, the same ones for the same seed. No bit is turned twice while there
/// are others.
pub fn bit_flips(bytes: &[u8], count: usize, seed: u64) -> Vec<Mutation> {
    let mut rng = Seeded::new(seed);
    let mut bits: Vec<usize> = (0..bytes.len() * 8).collect();
    (0..count.min(bits.len()))
        .map(|_| {
            let chosen = rng.below(bits.len());
            flip(bytes, bits.swap_remove(chosen))
        })
        .collect()
}

/// A variant for each bit.
pub fn every_bit_flip(bytes: &[u8]) -> Vec<Mutation> {
    (0..bytes.len() * 8).map(|bit| flip(bytes, bit)).collect()
}

/// Up to `count` variants that end early, evenly spread, nothing at all and all but the last byte among them.
pub fn truncations(bytes: &[u8], count: usize) -> Vec<Mutation> {
    let steps = count.min(bytes.len());
    let mut ends: Vec<usize> = (0..steps).map(|step| step * (bytes.len() - 1) / (steps - 1).max(1)).collect();
    ends.dedup();
    ends.into_iter().map(|end| Mutation::changed(format!("cut after {end} bytes"), &bytes[..end])).collect()
}

fn flip(bytes: &[u8], bit: usize) -> Mutation {
    let mut flipped = bytes.to_vec();
    flipped[bit / 8] ^= 1 << (bit % 8);
    Mutation::changed(format!("bit {} of byte {} turned", bit % 8, bit / 8), flipped)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn one_bit_differs_and_no_two_variants_are_the_same() {
        let bytes = b"some bytes";
        let differing = |variant: &Mutation| -> u32 {
            variant.bytes.iter().zip(bytes).map(|(a, b)| (a ^ b).count_ones()).sum()
        };
        for flips in [bit_flips(bytes, 40, 1), every_bit_flip(bytes), bit_flips(bytes, 1000, 2)] {
            assert!(flips.iter().all(|variant| differing(variant) == 1));
            let distinct: BTreeSet<&Vec<u8>> = flips.iter().map(|variant| &variant.bytes).collect();
            assert_eq!(distinct.len(), flips.len());
        }
        assert_eq!(bit_flips(bytes, 40, 1), bit_flips(bytes, 40, 1));
        assert_eq!(bit_flips(bytes, 1000, 2).len(), 80);
    }

    #[test]
    fn truncations_reach_from_nothing_to_all_but_one() {
        let ends =
            |count| truncations(b"0123456789", count).iter().map(|cut| cut.bytes.len()).collect::<Vec<_>>();
        assert_eq!(ends(4), [0, 3, 6, 9]);
        assert_eq!(ends(100), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(ends(1), [0]);
        assert!(truncations(b"", 4).is_empty());
    }
}
