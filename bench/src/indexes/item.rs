//! The entities: a rising id and 50 numbers.

/// How many fields an entity has.
pub const FIELDS: usize = 50;

/// How many entities have one value of a field, about.
const SHARED: usize = 10;

pub type Fields = [u32; FIELDS];

/// One entity.
#[derive(Clone)]
pub struct Item {
    pub id: u128,
    pub fields: Fields,
}

/// SplitMix64's last step.
pub fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// How many values each field has, among `count` entities.
pub fn values(count: usize) -> u32 {
    u32::try_from(count / SHARED).unwrap_or(u32::MAX).max(1)
}

/// A value of a field, drawn by chance.
pub fn value(seed: u64, count: usize) -> u32 {
    (mix(seed) % u64::from(values(count))) as u32
}

impl Item {
    /// The entity `n` of `count` in a version: its id rises, its fields are spread.
    pub fn new(n: usize, version: u64, count: usize) -> Self {
        let seed = |field: usize| (n as u64) << 16 | (field as u64) << 4 | version;
        Self {
            id: (0x0190_0000_0000_7000_u128 + n as u128) << 64 | u128::from(mix(n as u64)),
            fields: std::array::from_fn(|field| value(seed(field), count)),
        }
    }

    /// Itself with another value in the first field.
    pub fn changed(&self, count: usize) -> Self {
        let mut fields = self.fields;
        fields[0] = (fields[0] + 1) % values(count).max(2);
        Self { fields, ..*self }
    }
}

/// Calls a macro with the names of all fields, as `[f0 f1 …]`.
macro_rules! with_fields {
    ($then:ident) => {
        $then! { [f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24
        f25 f26 f27 f28 f29 f30 f31 f32 f33 f34 f35 f36 f37 f38 f39 f40 f41 f42 f43 f44 f45 f46 f47 f48 f49] }
    };
}
pub(crate) use with_fields;
