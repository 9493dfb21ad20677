//! A clock and a random source that are the same in every run.
//!
//! Nothing here is secret: a key made from [`Seeded`] is known to everybody who has the seed.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use waxseal_core::Digest;

/// What the tests call now, in seconds since 1970: 2026-12-01T12:00:00Z.
pub const NOW_UNIX: i64 = 1_796_126_400;

/// What the tests call now.
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::from_second(NOW_UNIX).expect("the constant is in range")
}

/// Random bytes from a seed: the SHA-256 digests of the seed and a counter.
#[derive(Clone, Debug)]
pub struct Seeded {
    seed: [u8; 32],
    counter: u64,
    left: Vec<u8>,
}

impl Seeded {
    /// A source that gives the same bytes for the same number.
    pub fn new(seed: u64) -> Self {
        Self::named(&seed.to_string())
    }

    /// A source that gives the same bytes for the same name.
    pub fn named(seed: &str) -> Self {
        let seed = Digest::of(format!("waxseal testkit {seed}")).as_bytes().try_into().expect("32 bytes");
        Self { seed, counter: 0, left: Vec::new() }
    }

    /// The next `len` bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.fill(&mut bytes);
        bytes
    }

    /// The next number below `bound`, which is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        let number = u64::from_le_bytes(bytes) % u64::try_from(bound).expect("fits");
        usize::try_from(number).expect("below a usize")
    }

    fn fill(&mut self, dst: &mut [u8]) {
        let mut filled = 0;
        while filled < dst.len() {
            if self.left.is_empty() {
                let mut block = self.seed.to_vec();
                block.extend(self.counter.to_le_bytes());
                self.counter += 1;
                self.left = Digest::of(block).as_bytes().to_vec();
            }
            let take = self.left.len().min(dst.len() - filled);
            dst[filled..filled + take].copy_from_slice(&self.left[..take]);
            self.left.drain(..take);
            filled += take;
        }
    }
}

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        self.fill(dst);
        Ok(())
    }
}

/// Tests make keys with it, so it must pass as one; it is as good as its seed is secret, which it is not.
impl TryCryptoRng for Seeded {}

#[cfg(test)]
mod tests {
    use rand_core::Rng as _;

    use super::*;

    #[test]
    fn equal_seeds_give_equal_bytes_however_they_are_asked_for() {
        let mut whole = Seeded::new(1);
        let mut pieces = Seeded::new(1);
        let expected = whole.bytes(100);
        let mut found = pieces.bytes(33);
        found.extend(pieces.next_u32().to_le_bytes());
        found.extend(pieces.bytes(63));
        assert_eq!(found, expected);
        assert_ne!(Seeded::new(2).bytes(100), expected);
    }

    #[test]
    fn now_is_the_date_of_its_documentation() {
        assert_eq!(now().to_string(), "2026-12-01T12:00:00Z");
    }
}
