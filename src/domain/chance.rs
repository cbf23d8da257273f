//! Chance, where moments are spread.

/// A random number in [0, 1), from the bits of a v4 UUID: no other source of chance is linked in.
#[must_use]
pub fn fraction() -> f64 {
    let random = uuid::Uuid::new_v4().as_u128() as u32;
    f64::from(random) / (f64::from(u32::MAX) + 1.0)
}
