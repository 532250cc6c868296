//! What entities are made of, the same in every run.

/// SplitMix64.
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn bool(&mut self) -> bool {
        self.next() & 1 == 1
    }

    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn of(&mut self, words: &[&str]) -> String {
        words[self.below(words.len())].to_owned()
    }

    pub fn many<T>(
        &mut self,
        count: std::ops::Range<usize>,
        mut one: impl FnMut(&mut Self) -> T,
    ) -> Vec<T> {
        let count = count.start + self.below(count.len());
        (0..count).map(|_| one(self)).collect()
    }

    pub fn maybe<T>(&mut self, one: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.bool() { Some(one(self)) } else { None }
    }
}
