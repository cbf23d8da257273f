//! Damage to a client's copy on disk.

use anyhow::{Context as _, Result};

use crate::script::Damage;

/// The file, damaged at this place.
pub fn damaged(mut content: Vec<u8>, at: Damage) -> Result<Vec<u8>> {
    let starts: Vec<_> = std::iter::once(0)
        .chain(content.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1))
        .collect();
    let line = |number: usize| starts.get(number).copied().context("the copy has too few lines");
    let flipped = match at {
        // A digit of the digest, or a letter within a word: what is left is as well formed as before.
        Damage::Header => line(1)? - 2,
        Damage::Meta => line(1)? + 30,
        Damage::Persona => line(2)? + 30,
        Damage::Truncate => {
            content.truncate(content.len() - content.len() / 4);
            return Ok(content);
        }
    };
    let byte = content.get_mut(flipped).context("the copy is too short")?;
    *byte = if *byte == b'a' { b'b' } else { b'a' };
    Ok(content)
}
