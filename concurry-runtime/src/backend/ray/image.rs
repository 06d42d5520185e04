//! [`Image`]: the executable, as it is known on other machines.

use serde::{Deserialize, Serialize};

/// The variable by which a worker is told what its starter has hashed before it started it.
const TOLD: &str = "CONCURRY_EXECUTABLE";

/// An executable by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Image {
    pub(crate) size: u64,
    sha256: [u8; 32],
}

impl Image {
    /// Of a hash in hexadecimal digits.
    pub(super) fn new(size: u64, sha256: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if sha256.len() != 64 || !sha256.is_ascii() {
            return None;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(sha256.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(Image { size, sha256: bytes })
    }

    /// Whether this process was told that it is this.
    pub(crate) fn is_told_here(&self) -> bool {
        let told = std::env::var(TOLD).ok();
        told.and_then(|told| Image::new(self.size, &told)).is_some_and(|told| told == *self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_64_digits() {
        let image = Image::new(3, &"0f".repeat(32)).unwrap();
        assert_eq!((image.size, image.sha256), (3, [15; 32]));
        for bad in ["", "0f", &"0g".repeat(32), &"é".repeat(32), &"+f".repeat(31)] {
            assert_eq!(Image::new(3, bad), None, "{bad}");
        }
    }
}
