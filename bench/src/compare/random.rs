//! Deterministic numbers: a mixer, a stream and the zipfian distribution.

/// Mixes all bits of `x` (the finalizer of SplitMix64).
#[inline]
pub fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(mix(seed ^ 0x5851_f42d_4c95_7f2d))
    }

    #[inline]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Below `bound`.
    #[inline]
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// In 0..1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Zipfian ranks, as YCSB draws them (Gray et al., "Quickly generating billion-record synthetic databases").
#[derive(Debug, Clone)]
pub struct Zipfian {
    count: usize,
    theta: f64,
    zeta: f64,
    alpha: f64,
    eta: f64,
}

impl Zipfian {
    pub fn new(count: usize, theta: f64) -> Self {
        let zeta = |n: usize| (1..=n).map(|i| (i as f64).powf(-theta)).sum::<f64>();
        let all = zeta(count);
        Self {
            count,
            theta,
            zeta: all,
            alpha: 1.0 / (1.0 - theta),
            eta: (1.0 - (2.0 / count as f64).powf(1.0 - theta)) / (1.0 - zeta(2) / all),
        }
    }

    /// The most frequent is 0.
    pub fn rank(&self, random: &mut Random) -> usize {
        let unit = random.unit();
        let scaled = unit * self.zeta;
        if scaled < 1.0 {
            return 0;
        }
        if scaled < 1.0 + 0.5_f64.powf(self.theta) {
            return 1;
        }
        let rank = self.count as f64 * (self.eta * unit - self.eta + 1.0).powf(self.alpha);
        (rank as usize).min(self.count - 1)
    }

    /// The frequent ones lie scattered, as in YCSB.
    pub fn scattered(&self, random: &mut Random) -> usize {
        (mix(self.rank(random) as u64 + 1) % self.count as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zipfian_ranks_fall_as_their_formula_has_it() {
        let (count, draws) = (1000, 200_000);
        let zipfian = Zipfian::new(count, 0.99);
        let mut random = Random::new(1);
        let mut drawn = vec![0_u32; count];
        (0..draws).for_each(|_| drawn[zipfian.rank(&mut random)] += 1);
        let first = f64::from(drawn[0]) / f64::from(draws);
        assert!((first * zipfian.zeta - 1.0).abs() < 0.05, "{first}");
        assert!(drawn[0] > drawn[1] && drawn[1] > drawn[10] && drawn[10] > drawn[500]);
    }
}
